/* What the files of control/routing share. */
#pragma once

#include "control/routing/groups.h"
#include "control/routing/routing.h"
#include "network/trie.h"

/* A prefix of a virtual network with a route. */
struct routing_entry {
	const struct spec_route *fixed; /* of the file; NULL: learned only */
	struct group_target *learned; /* [n_learned] */
	uint32_t n_learned;
	uint32_t group; /* GROUPS_NONE: the entry is free, and next_free follows it */
	uint32_t next_free;
};

/* The two families of a virtual network: IPv4 is 0. */
struct routing_vnet {
	struct trie choices[2]; /* prefix -> group; for workers */
	struct trie entries[2]; /* prefix -> number of its entry */
	size_t n_learned;
};

/* All routes for one network. */
struct routing_table {
	const struct network *net;
	struct routing_vnet *vnets; /* [n_vnets], by id */
	uint32_t n_vnets;
	struct vnet_roots *roots; /* [n_vnets] */
	struct routing_entry *entries; /* [n_entries] */
	uint32_t n_entries, room, free;
	struct groups groups;
	size_t n_routes, n_learned;
	bool changed; /* a tree has changed since it was compiled */
	bool is_new; /* it was never compiled */
};

struct routing {
	struct routing_table *now;
	struct routing_table *before; /* between prepare and commit or abort */
	routing_penalty_fn penalty; /* NULL: none */
	void *penalty_arg;
	routing_learn_fn learn; /* NULL: nothing is learned */
	void *learn_arg;
};

#define ROUTING_ENTRY_NONE UINT32_MAX

/* A groups_penalty_fn; its @arg is a struct routing. */
uint32_t routing_penalty_of(void *arg, const struct route_target *t);
