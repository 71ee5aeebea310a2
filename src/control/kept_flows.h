/*
 * Flows over a restart: the records of all tables are files in a directory in memory
 * (flow/kept.h), from which the next process adopts them (setup/adopt.h).
 *
 *   DIRECTORY/identities  whose the numbers in the records are (control/registry.h). Without it
 *                         records are worth nothing: another site could get a number, and flows
 *   DIRECTORY/lock        held while a process uses the directory
 *   DIRECTORY/4-0, 6-0    records of worker 0: IPv4, IPv6
 *   DIRECTORY/new-4-0     the same of a process that has not adopted the earlier ones yet
 *
 * The earlier files stay until all their flows have been adopted, so a process that is killed
 * meanwhile loses nothing.
 *
 * Control thread, before the workers run.
 */
#pragma once

#include "flow/kept.h"

struct config;
struct kept_flows;
struct registry;
struct worker;

/*
 * Finds what an earlier process left. If flows are not to be kept, or cannot be, the log says why,
 * and nothing is kept. NULL: memory ran out.
 */
struct kept_flows *kept_flows_open(const struct config *config);

/* The file that explains the numbers in the earlier records; NULL: there are none. */
const char *kept_flows_identities(const struct kept_flows *k);

/* That file cannot be used: the earlier flows are lost. */
void kept_flows_forget(struct kept_flows *k, const char *why);

/*
 * Numbers are about to get new owners: until kept_flows_save() nobody could read our records.
 * kept_flows_save() does nothing before the adoption.
 */
void kept_flows_renumber(struct kept_flows *k);
void kept_flows_save(struct kept_flows *k, struct registry *registry);
bool kept_flows_are_saved(const struct kept_flows *k); /* true, too, if nothing is kept */

/* This process needs @bytes of memory: if they are not free, the earlier flows give up theirs. */
void kept_flows_yield(struct kept_flows *k, uint64_t bytes);

/* 16 bytes for the tables of this process: those of the earlier one; NULL: nothing is kept. */
const uint8_t *kept_flows_secret(const struct kept_flows *k);

/*
 * Makes the memory for the records of worker @worker, of @capacity flows, @six: IPv6. NULL: nothing
 * is kept, or there is not enough memory, which the log says.
 */
const struct kept *kept_flows_create(struct kept_flows *k, uint16_t worker, bool six,
				     uint32_t capacity);

/*
 * Adopts the earlier flows, logs how many, and removes their files. After it the files are those of
 * this process, and @registry explains the numbers in them.
 */
void kept_flows_adopt(struct kept_flows *k, struct worker *const *workers,
		      struct registry *registry);

void kept_flows_close(struct kept_flows *k); /* after the workers; the files stay. NULL is fine */
