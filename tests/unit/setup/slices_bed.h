/*
 * Networks that differ in their slices, for tests of what moves from one to the other.
 *
 *     before    203.0.113.1: 21, 22    203.0.113.2: 23
 */
#pragma once

#include "setup/setup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SIZE = 64, CAPACITY = 256, NOW = 1000, REST = 120 };

static inline be32_t egress(unsigned i)
{
	return htonl(0xcb007100 + i);
}

/* One pool; @slices: the numbers of two slices for each address; 0: none. */
struct layout {
	enum pool_mapping mapping;
	uint32_t size;
	uint16_t n_sites;
	struct {
		unsigned address, slices[2];
	} at[3];
};

static const struct layout before = {
	.mapping = MAPPING_ENDPOINT_INDEPENDENT,
	.size = SIZE,
	.n_sites = 1,
	.at = {{1, {21, 22}}, {2, {23}}},
};

struct made {
	struct spec_site sites[2];
	struct spec_tunnel tunnels[2];
	struct spec_address addresses[3];
	struct spec_pool pool;
	struct network *net;
};

static inline struct made *make(const struct layout *l)
{
	struct made *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->pool = (struct spec_pool){
		.mapping = l->mapping, .slice_size = l->size, .addresses = m->addresses};
	for (unsigned i = 0; i < 3 && l->at[i].address != 0; i++, m->pool.n_addresses++) {
		m->addresses[i].addr = addr6_from_ipv4(egress(l->at[i].address));
		for (unsigned k = 0; k < 2 && l->at[i].slices[k] != 0; k++)
			m->addresses[i].slices[0] |= UINT64_C(1) << l->at[i].slices[k];
	}
	for (unsigned i = 0; i < 2; i++)
		m->sites[i] = (struct spec_site){.tunnels = &m->tunnels[i], .n_tunnels = 1};
	m->net = network_create(
		&(struct network_spec){
			.sites = m->sites, .n_sites = l->n_sites, .pools = &m->pool, .n_pools = 1},
		NULL);
	assert_non_null(m->net);
	return m;
}

static inline void unmake(struct made *m)
{
	network_destroy(m->net);
	free(m);
}

static inline uint32_t slice_number(const struct network *net, unsigned address, unsigned slice)
{
	int at = network_find_address(net, egress(address));
	int found = at < 0 ? -1 : network_find_slice(net, (uint32_t)at, (uint16_t)(slice * SIZE));

	assert_true(found >= 0);
	return (uint32_t)found;
}

static inline struct egress_state *change(struct egress_state *e, const struct network *net,
					  const struct network *from)
{
	struct egress_state *next, *now;

	assert_int_equal(egress_create_next(&next, e, net, from, CAPACITY, 0, 1), 0);
	now = egress_take_over(next, e, net);
	if (now != e)
		egress_destroy(e);
	return now;
}
