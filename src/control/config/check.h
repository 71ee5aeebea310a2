/*
 * What no single setting can tell: things that must agree, be known or be unique.
 *
 * Private to control/config. Every check walks the structs and the tree side by side: item i of an
 * array was read from item i of the list. Fields that could not be read are zero and not checked
 * again.
 */
#pragma once

#include "control/config/seen.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct report;
struct tree_node;

struct checker {
	struct report *report;
	struct config *config;
	const struct tree_node *root;
	struct seen local_ends; /* of tunnels: made by check_sites() */
};

/* All checks of a file; also fills in what follows from others: indexes of ports, slices, MTUs. */
void check_config(struct report *report, struct config *config, const struct tree_node *root);

/* The parts, in this order. */
void check_ports(struct checker *checker);
void check_sites(struct checker *checker);
void check_timers(struct checker *checker);
void check_limits(struct checker *checker); /* sites exist; only fills in */
void check_pools(struct checker *checker);
void check_globals(struct checker *checker);

/* The first item of a list the parser took; NULL if it did not take it (@n is 0). */
const struct tree_node *check_items(const struct tree_node *node, const char *key, size_t n);

/* Reports @name if @names has it already. An empty one could not be read: it is skipped. */
void check_name(struct checker *checker, struct seen *names, const char *what, const char *name,
		const struct tree_node *item);

/* Finds the port that @item names, or the only one. Reports and returns SPEC_PORT_ANY if there is
 * none of this name. */
uint16_t check_port_of(struct checker *checker, const char *noun, const struct tree_node *item);
