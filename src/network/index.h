/*
 * The snapshot's lookup tables: private to network/.
 *
 * Open addressing with linear probing, at most half full, built once. Keys are few and chosen by
 * the operator. Values from the wire are only looked up, so the tables bound the length of a probe.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"
#include "base/wire_numbers.h"

#include <stdbool.h>
#include <stdint.h>

struct tunnel_slot {
	be32_t local, remote;
	uint32_t key;
	uint16_t has_key;
	uint16_t tunnel; /* TUNNEL_NONE: empty */
};

struct tunnel6_slot {
	struct addr6 local, remote;
	uint32_t key;
	uint16_t has_key;
	uint16_t tunnel; /* TUNNEL_NONE: empty */
};

/* IPv4: mapped. */
struct tunnel_ends {
	struct addr6 local, remote;
};

struct address_slot {
	be32_t addr;
	int32_t value; /* index of an egress address, or ADDRESS_LOCAL_END, or ADDRESS_EMPTY */
};

struct address6_slot {
	struct addr6 addr;
	int32_t value; /* as above */
};

enum {
	ADDRESS_EMPTY = -1,
	ADDRESS_LOCAL_END = -2,
};

/* Ids by name; 0: empty. At most half full, too. */
struct name_index {
	uint16_t *ids;
	uint32_t mask;
};

struct network_index {
	struct tunnel_slot *tunnels; /* over IPv4 */
	struct tunnel6_slot *tunnels6; /* over IPv6 */
	uint8_t interconnect_rows[UINT8_MAX + 1]; /* by port; 0: a row without any */
	uint16_t (*interconnects)[ETHER_VLANS]; /* by row and VLAN */
	struct tunnel_ends *ends; /* [n_ends], of all tunnels, sorted by remote end */
	uint32_t n_ends;
	struct address_slot *addresses; /* egress addresses and local ends */
	struct address6_slot *addresses6; /* the same for IPv6 */
	uint32_t *slices; /* slice maps of all addresses: slice number + 1; 0: not ours */
	uint32_t *slice_base; /* [n_addresses]: start of each address's map */
	uint8_t *slice_shift; /* [n_addresses]: port >> shift is the index in the map */
	uint8_t tunnel_shift, address_shift; /* hash >> shift is a slot */
	uint8_t tunnel6_shift, address6_shift;
	uint32_t tunnel_mask, address_mask;
	uint32_t tunnel6_mask, address6_mask;
	struct name_index site_names, tunnel_names;
};

#define HASH_MULTIPLIER UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / golden ratio (Knuth, 6.4) */

struct network;
struct spec_tunnel;

/* untranslated.c: builds net->untranslated; sites come first. False: memory ran out. */
bool network_make_untranslated(struct network *net);

/* global.c: builds net->globals. False: memory ran out. */
bool network_make_globals(struct network *net);

/* ends.c: builds index->ends, after the tunnels are compiled. False: memory ran out. */
bool network_make_ends(struct network *net);

/* site.c: all sites and their tunnels. tunnel.c: one tunnel. */
bool network_allocate_prefixes(struct network *net);
void network_compile_sites(struct network *net);
void network_compile_tunnel(struct network *net, uint16_t id, const struct spec_tunnel *spec,
			    uint16_t site);

/* pool.c: pools, addresses and slices. */
void network_compile_pools(struct network *net);

/* vnet.c: virtual networks, after sites and pools are compiled. False: memory ran out. */
bool network_compile_vnets(struct network *net);
void network_free_vnets(struct network *net);

/*
 * Each fills a table that is allocated and large enough: see the files of these names. pool.c:
 * slices.
 */
void index_addresses(struct network *net);
void index_addresses6(struct network *net);
void index_tunnels(struct network *net);
void index_tunnels6(struct network *net);
/* interconnect.c: also makes the table, and counts them. False: memory ran out. */
bool index_interconnects(struct network *net);
void index_slices(struct network *net); /* after the addresses */

/* names.c: after the sites and tunnels are compiled. False: memory ran out. */
bool index_names(struct network *net);
