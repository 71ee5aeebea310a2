/*
 * Checks that a single setting cannot make: settings that must agree, names that must be known,
 * values that must be unique.
 *
 * Private to control/config. Every check walks the structs and the tree side by side: item i of an
 * array was read from item i of the list. Fields that could not be read are zero and are not
 * checked again.
 */
#pragma once

#include "base/addr6.h"
#include "control/config/seen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block;
struct config;
struct report;
struct tree_node;

struct checker {
	struct report *report;
	struct config *config;
	const struct tree_node *root;
	struct seen local_ends; /* of tunnels: filled by check_sites() */
};

/* Makes all checks of a file. Also fills in derived values: indexes of ports, slices, MTUs. */
void check_config(struct report *report, struct config *config, const struct tree_node *root);

/* The parts, in this order. */
void check_ports(struct checker *checker);
void check_sites(struct checker *checker);
void check_timers(struct checker *checker);
void check_limits(struct checker *checker); /* requires sites; makes no check, only fills in */
void check_pools(struct checker *checker);
void check_ipsec(struct checker *checker); /* requires sites; fills in defaults */
void check_interconnects(struct checker *checker); /* requires sites and pools */
void check_globals(struct checker *checker);
void check_networks(struct checker *checker); /* requires sites and pools */
void check_links(struct checker *checker);
void check_aliases(struct checker *checker);
void check_learn(struct checker *checker); /* also says which tunnels have BGP */
void check_networks_order(struct checker *checker); /* moves the default network to the front */

/* A prefix of IPv6, or a mapped one? */
bool check_is_ipv6(const struct prefix6 *prefix);

/* The first item of a list that the parser has read; NULL if it has not (@n is 0). */
const struct tree_node *check_items(const struct tree_node *node, const char *key, size_t n);

/* Reports @name if @names contains it already. An empty name could not be read: it is skipped. */
void check_name(struct checker *checker, struct seen *names, const char *what, const char *name,
		const struct tree_node *item);

/*
 * The variant of a block is the setting that decides which others it takes, as the type of a
 * tunnel. Reports settings of @item that do not go with its @value, and those that are missing.
 * Reports nothing if the variant itself could not be read.
 */
void check_variant(struct checker *checker, const struct block *block, unsigned value,
		   const struct tree_node *item);

/*
 * Finds the port that @item names; without a name, the only port. Reports an unknown name and
 * returns SPEC_PORT_ANY.
 */
uint16_t check_port_of(struct checker *checker, const char *noun, const struct tree_node *item);
