/*
 * Plans: configurations that a test makes and changes at random.
 *
 *    50 sites or so, all with the same hosts 10.0.1.10 to .25, and those of model6.h for IPv6
 *    1 to 3 tunnels each, with outer addresses 198.18.x.y, every other one with a key
 *    up to 3 pools of 203.0.113.n, with slices of 1,024 to 4,096 ports
 *
 * Sites and tunnels are identified by serial numbers that are never used again. Ids are given as
 * the control thread gives them, but without its waiting time: a retired id may have a new owner
 * after the next change.
 */
#pragma once

#include "bed.h"

enum {
	PLAN_SITES = 64,
	PLAN_TUNNELS = 3,
	PLAN_POOLS = 3,
	PLAN_ADDRESSES = 4,
	PLAN_HOSTS = 16,
	PLAN_IDS = 512,
};

struct plan_tunnel {
	uint32_t serial;
	uint16_t id;
	uint16_t name;
	uint16_t ends; /* outer address, and key if it is odd */
};

enum plan_prefixes { PREFIXES_ANY, PREFIXES_ALL, PREFIXES_LOW, PREFIXES_HIGH, PREFIXES_IPV4 };

struct plan_site {
	uint32_t serial;
	uint16_t id;
	uint16_t name;
	enum plan_prefixes prefixes;
	bool global;
	uint32_t limit; /* flows */
	unsigned n_tunnels;
	struct plan_tunnel tunnels[PLAN_TUNNELS];
};

struct plan_address {
	uint8_t last; /* 203.0.113.last */
	bool six; /* the IPv6 address that this one names (model6.h) */
	uint64_t slices;
};

struct plan_pool {
	uint16_t name;
	uint32_t slice_size;
	bool independent; /* mapping */
	unsigned n_addresses;
	struct plan_address addresses[PLAN_ADDRESSES];
};

struct plan {
	unsigned workers;
	uint32_t serial; /* serial of the next site or tunnel */
	uint16_t name, ends;
	unsigned n_sites, n_pools;
	struct plan_site sites[PLAN_SITES];
	struct plan_pool pools[PLAN_POOLS];
};

/* Repeatable random numbers; @state is the seed. */
uint32_t plan_random(uint64_t *state, uint32_t below);

/* Makes the first plan, with @sites sites. */
void plan_begin(struct plan *p, unsigned workers, unsigned sites, uint64_t *random);

/* Makes one to three random changes. No id that @p uses gets another owner. */
void plan_change(struct plan *p, uint64_t *random);

/* The plan as YAML; the caller frees it. */
char *plan_write(const struct plan *p);

/* Changes the bed from @before to @after. */
struct change_sweep plan_apply(struct bed *bed, const struct plan *before, const struct plan *after,
			       void (*meanwhile)(void *arg), void *arg);

const struct plan_site *plan_find_site(const struct plan *p, uint32_t serial);

/*
 * Finds a tunnel by the addresses and key of its packets, and writes its site. NULL: there is none.
 */
const struct plan_tunnel *plan_find_tunnel(const struct plan *p, uint32_t outer, bool has_key,
					   uint32_t key, const struct plan_site **site);
uint32_t plan_outer(const struct plan_tunnel *t);

/* May a packet of the site have that source? Includes global addresses. */
bool plan_allows(const struct plan_site *site, uint32_t src, bool six);
uint32_t plan_global_host(const struct plan_site *site, unsigned host);

/* Finds the pool whose slice has the port, and writes the slice's number. NULL: there is none. */
const struct plan_pool *plan_find_slice(const struct plan *p, uint32_t addr, bool six,
					uint16_t port, unsigned *slice);

/* The pool for new flows, or NULL. */
const struct plan_pool *plan_default_pool(const struct plan *p, bool six);
