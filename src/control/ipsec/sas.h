/*
 * The SAs that charon gives us: its requests, carried out on the table of esp/sa.h; and what the
 * workers tell, as events for charon.
 *
 * charon is the owner. What it has added stays until it is deleted, or until its hard lifetime is
 * over when charon is gone: tunnels go on without it. An SA of a charon that has ended is deleted
 * ten seconds after its tunnel has got a new one.
 */
#pragma once

#include "control/ipsec/ike_message.h"
#include "esp/sa.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ipsec_sas;

struct ipsec_sas_parts {
	struct esp_table *table;
	bool (*has_tunnel)(void *arg, uint32_t tunnel); /* is it an IPsec tunnel? */
	void (*synchronize)(void *arg); /* worker_synchronize() of all workers */
	bool (*send)(void *arg, enum ike_type type, struct ike_message *m); /* to charon */
	/* packets of the tunnel go to this address from now on */
	void (*far_end)(void *arg, uint16_t tunnel, const struct addr6 *remote);
	void *arg;
};

/* Borrows what @parts names. NULL if memory ran out. */
struct ipsec_sas *ipsec_sas_create(const struct ipsec_sas_parts *parts);
void ipsec_sas_destroy(struct ipsec_sas *s); /* NULL is fine */

enum ike_status ipsec_sas_request(struct ipsec_sas *s, const struct ike_message *request,
				  struct ike_answer *answer, uint64_t now_ns);

/* A charon with process ID @pid is connected. */
void ipsec_sas_met(struct ipsec_sas *s, uint32_t pid);

/* The tunnels have changed: deletes the SAs of those that are gone. */
void ipsec_sas_follow(struct ipsec_sas *s);

/* Passes on what workers have told, and deletes what is over. Call it ten times a second. */
void ipsec_sas_tick(struct ipsec_sas *s, uint64_t now_ns);

/* One SA, for people. Algorithms by IKEv2 numbers. */
struct ipsec_sa_view {
	uint32_t spi; /* host order */
	uint16_t tunnel;
	bool outbound, used, udp, esn, orphaned;
	uint16_t encryption, integrity;
	uint16_t key_bits; /* without salt */
	uint64_t added_ns;
	uint32_t soft_s, hard_s;
	struct esp_ends ends;
	struct esp_counters counters;
};

/* Calls @each for every SA of the tunnel, the newest first. */
void ipsec_sas_list(const struct ipsec_sas *s, uint16_t tunnel,
		    void (*each)(void *arg, const struct ipsec_sa_view *sa), void *arg);

/* Has the tunnel an SA by which packets leave? */
bool ipsec_sas_is_up(const struct ipsec_sas *s, uint16_t tunnel);
size_t ipsec_sas_count(const struct ipsec_sas *s);
