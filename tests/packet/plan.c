/*
 * Plans: see plan.h.
 *
 * Changes need not make sense to an operator: anything that the configuration allows may happen.
 */
#include "plan.h"

#include "frame.h"
#include "model6.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GLOBAL_NET IP(11, 0, 1, 10)

uint32_t plan_random(uint64_t *state, uint32_t below)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) % below);
}

/* The ids that are in use. */
struct taken {
	bool sites[PLAN_IDS], tunnels[PLAN_IDS];
};

static void note_taken(const struct plan *p, struct taken *t)
{
	for (unsigned i = 0; i < p->n_sites; i++) {
		t->sites[p->sites[i].id] = true;
		for (unsigned k = 0; k < p->sites[i].n_tunnels; k++)
			t->tunnels[p->sites[i].tunnels[k].id] = true;
	}
}

static uint16_t lowest_free(bool *taken)
{
	uint16_t id = 1;

	while (taken[id])
		id++;
	assert_true(id < PLAN_IDS);
	taken[id] = true;
	return id;
}

static void add_tunnel(struct plan *p, struct plan_site *site, struct taken *taken)
{
	if (site->n_tunnels == PLAN_TUNNELS)
		return;
	site->tunnels[site->n_tunnels++] = (struct plan_tunnel){
		.serial = p->serial++,
		.id = lowest_free(taken->tunnels),
		.name = p->name++,
		.ends = p->ends++,
	};
}

static void add_site(struct plan *p, struct taken *taken, uint64_t *random)
{
	struct plan_site *site = &p->sites[p->n_sites];

	if (p->n_sites == PLAN_SITES)
		return;
	p->n_sites++;
	*site = (struct plan_site){
		.serial = p->serial++,
		.id = lowest_free(taken->sites),
		.name = p->name++,
		.prefixes = (enum plan_prefixes)plan_random(random, PREFIXES_IPV4 + 1),
		.global = plan_random(random, 2) == 0,
		.limit = 2000,
	};
	for (unsigned n = plan_random(random, PLAN_TUNNELS) + 1; n > 0; n--)
		add_tunnel(p, site, taken);
}

static void remove_site(struct plan *p, uint64_t *random)
{
	unsigned i = plan_random(random, p->n_sites);

	if (p->n_sites > 2)
		memmove(&p->sites[i], &p->sites[i + 1], (--p->n_sites - i) * sizeof(p->sites[0]));
}

static void remove_tunnel(struct plan_site *site, uint64_t *random)
{
	unsigned i = plan_random(random, site->n_tunnels);

	if (site->n_tunnels > 1)
		memmove(&site->tunnels[i], &site->tunnels[i + 1],
			(--site->n_tunnels - i) * sizeof(site->tunnels[0]));
}

static void shuffle(void *list, size_t n, size_t size, uint64_t *random)
{
	char swap[512], *at = list;

	assert_true(size <= sizeof(swap));
	while (n > 1) {
		size_t k = plan_random(random, (uint32_t)n--);

		memcpy(swap, at + k * size, size);
		memmove(at + k * size, at + n * size, size);
		memcpy(at + n * size, swap, size);
	}
}

static void change_site(struct plan *p, struct taken *taken, uint64_t *random)
{
	struct plan_site *site = &p->sites[plan_random(random, p->n_sites)];
	struct plan_tunnel *tunnel = &site->tunnels[plan_random(random, site->n_tunnels)];

	switch (plan_random(random, 9)) {
	case 0:
		site->name = p->name++;
		break;
	case 1:
		site->prefixes = (enum plan_prefixes)plan_random(random, PREFIXES_IPV4 + 1);
		break;
	case 2:
		site->global = !site->global;
		break;
	case 3:
		site->limit = 1000 + plan_random(random, 3000);
		break;
	case 4:
		add_tunnel(p, site, taken);
		break;
	case 5:
		remove_tunnel(site, random);
		break;
	case 6:
		tunnel->name = p->name++;
		break;
	case 7:
		tunnel->ends = p->ends++;
		break;
	default:
		shuffle(site->tunnels, site->n_tunnels, sizeof(site->tunnels[0]), random);
	}
}

static void make_slices(struct plan_address *a, uint32_t size, uint64_t *random)
{
	for (uint32_t k = 1; k < 65536 / size; k++)
		if (plan_random(random, 4) == 0)
			a->slices |= UINT64_C(1) << k;
	a->slices |= UINT64_C(1) << (1 + plan_random(random, 65536 / size - 1));
}

static bool has_address(const struct plan *p, uint8_t last, bool six)
{
	for (unsigned i = 0; i < p->n_pools; i++)
		for (unsigned k = 0; k < p->pools[i].n_addresses; k++)
			if (p->pools[i].addresses[k].last == last &&
			    p->pools[i].addresses[k].six == six)
				return true;
	return false;
}

/* An endpoint-independent pool has no IPv6 addresses. */
static void add_address(struct plan *p, struct plan_pool *pool, uint64_t *random)
{
	struct plan_address a = {
		.last = (uint8_t)(1 + plan_random(random, 8)),
		.six = !pool->independent && plan_random(random, 2) == 0,
	};

	if (pool->n_addresses == PLAN_ADDRESSES || has_address(p, a.last, a.six))
		return;
	make_slices(&a, pool->slice_size, random);
	pool->addresses[pool->n_addresses++] = a;
}

static void remove_address(struct plan_pool *pool, unsigned i)
{
	memmove(&pool->addresses[i], &pool->addresses[i + 1],
		(--pool->n_addresses - i) * sizeof(pool->addresses[0]));
}

static void add_pool(struct plan *p, uint64_t *random)
{
	struct plan_pool *pool = &p->pools[p->n_pools];

	if (p->n_pools == PLAN_POOLS)
		return;
	*pool = (struct plan_pool){
		.name = p->name++,
		.slice_size = UINT32_C(1024) << plan_random(random, 3),
		.independent = plan_random(random, 3) == 0,
	};
	p->n_pools++;
	for (unsigned i = 0; i < 10; i++)
		add_address(p, pool, random);
	p->n_pools -= pool->n_addresses == 0;
}

static void move_address(struct plan *p, struct plan_pool *from, uint64_t *random)
{
	struct plan_pool *to = &p->pools[plan_random(random, p->n_pools)];
	unsigned i = plan_random(random, from->n_addresses);
	struct plan_address a = from->addresses[i];

	if (from->n_addresses < 2 || to == from || to->n_addresses == PLAN_ADDRESSES ||
	    (to->independent && a.six))
		return;
	remove_address(from, i);
	if (to->slice_size != from->slice_size) {
		a.slices = 0;
		make_slices(&a, to->slice_size, random);
	}
	to->addresses[to->n_addresses++] = a;
}

static void resize_pool(struct plan_pool *pool, uint64_t *random)
{
	pool->slice_size = UINT32_C(1024) << plan_random(random, 3);
	for (unsigned i = 0; i < pool->n_addresses; i++) {
		pool->addresses[i].slices = 0;
		make_slices(&pool->addresses[i], pool->slice_size, random);
	}
}

static void change_mapping(struct plan_pool *pool)
{
	for (unsigned i = 0; i < pool->n_addresses; i++)
		if (pool->addresses[i].six)
			return;
	pool->independent = !pool->independent;
}

static void change_pool(struct plan *p, uint64_t *random)
{
	struct plan_pool *pool = &p->pools[plan_random(random, p->n_pools)];
	struct plan_address *a = &pool->addresses[plan_random(random, pool->n_addresses)];
	uint64_t slice = UINT64_C(1) << (1 + plan_random(random, 65536 / pool->slice_size - 1));

	switch (plan_random(random, 10)) {
	case 0:
		add_address(p, pool, random);
		break;
	case 1:
		if (pool->n_addresses > 1)
			remove_address(pool, plan_random(random, pool->n_addresses));
		break;
	case 2:
		move_address(p, pool, random);
		break;
	case 3:
		if (plan_random(random, 4) == 0)
			resize_pool(pool, random);
		break;
	case 4:
		if (plan_random(random, 4) == 0)
			change_mapping(pool);
		break;
	case 5:
		pool->name = p->name++;
		break;
	case 6:
		shuffle(pool->addresses, pool->n_addresses, sizeof(pool->addresses[0]), random);
		break;
	case 7:
		if (a->slices != slice)
			a->slices &= ~slice;
		break;
	default:
		a->slices |= slice;
	}
}

static void change_pools(struct plan *p, uint64_t *random)
{
	switch (plan_random(random, 8)) {
	case 0:
		add_pool(p, random);
		break;
	case 1:
		if (p->n_pools > 1 && plan_random(random, 4) == 0)
			p->n_pools--;
		break;
	case 2:
		shuffle(p->pools, p->n_pools, sizeof(p->pools[0]), random);
		break;
	default:
		change_pool(p, random);
	}
}

void plan_begin(struct plan *p, unsigned workers, unsigned sites, uint64_t *random)
{
	struct taken taken = {0};

	*p = (struct plan){.workers = workers, .serial = 1, .ends = 256};
	while (p->n_sites < sites)
		add_site(p, &taken, random);
	while (p->n_pools < 2)
		add_pool(p, random);
}

void plan_change(struct plan *p, uint64_t *random)
{
	struct taken taken = {0};

	note_taken(p, &taken);
	for (unsigned n = 1 + plan_random(random, 3); n > 0; n--) {
		switch (plan_random(random, 8)) {
		case 0:
			add_site(p, &taken, random);
			break;
		case 1:
			remove_site(p, random);
			break;
		case 2:
			shuffle(p->sites, p->n_sites, sizeof(p->sites[0]), random);
			break;
		case 3:
		case 4:
			change_pools(p, random);
			break;
		default:
			change_site(p, &taken, random);
		}
	}
}

static void write_site(const struct plan_site *site, FILE *out)
{
	static const char *const prefixes[] = {
		[PREFIXES_ALL] = "10.0.1.0/24, 'fd00::/64'",
		[PREFIXES_LOW] = "10.0.1.8/29, 'fd00::a00:108/125'",
		[PREFIXES_HIGH] = "10.0.1.16/28, 'fd00::a00:110/124'",
		[PREFIXES_IPV4] = "10.0.1.0/24",
	};

	fprintf(out, "  - name: s%u\n    limits: {flows: %u}\n", site->name, site->limit);
	if (site->prefixes != PREFIXES_ANY)
		fprintf(out, "    prefixes: [%s]\n", prefixes[site->prefixes]);
	if (site->global)
		fprintf(out, "    global-prefixes: ['%sb%02x:0/112']\n", MODEL6_GLOBAL, site->id);
	fprintf(out, "    tunnels:\n");
	for (unsigned k = 0; k < site->n_tunnels; k++) {
		const struct plan_tunnel *t = &site->tunnels[k];
		char key[32] = "";

		if (t->ends % 2 == 1)
			snprintf(key, sizeof(key), "key: %u, ", t->ends);
		fprintf(out,
			"      - {name: t%u, %slocal: 198.51.100.1, remote: 198.18.%u.%u, "
			"port: underlay}\n",
			t->name, key, t->ends >> 8, t->ends & 255);
	}
}

static void write_pool(const struct plan_pool *pool, FILE *out)
{
	fprintf(out,
		"  - name: p%u\n    port: uplink\n    slice-size: %u\n    mapping: %s\n"
		"    addresses:\n",
		pool->name, pool->slice_size,
		pool->independent ? "endpoint-independent" : "address-and-port-dependent");
	for (unsigned i = 0; i < pool->n_addresses; i++) {
		const struct plan_address *a = &pool->addresses[i];
		const char *comma = "";

		fprintf(out, "      - {address: '%s203.0.113.%u', slices: [",
			a->six ? MODEL6_EGRESS : "", a->last);
		for (unsigned k = 0; k < 64; k++) {
			if (a->slices >> k & 1) {
				fprintf(out, "%s%u", comma, k);
				comma = ", ";
			}
		}
		fprintf(out, "]}\n");
	}
}

char *plan_write(const struct plan *p)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out,
		"workers: %u\n"
		"flows: {capacity: 32768, capacity-ipv6: 32768, timeouts: {udp: 7200, icmp: 7200,\n"
		"        tcp-opening: 7200}}\nports:\n"
		"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		"sites:\n",
		p->workers);
	for (unsigned i = 0; i < p->n_sites; i++)
		write_site(&p->sites[i], out);
	fprintf(out, "egress:\n");
	for (unsigned i = 0; i < p->n_pools; i++)
		write_pool(&p->pools[i], out);
	fclose(out);
	return text;
}

/* The removed tunnels, and the tunnels that take over their flows. */
static size_t find_retired(const struct plan *before, const struct plan *after,
			   struct retired_tunnel *retired)
{
	struct taken taken = {0};
	size_t n = 0;

	note_taken(after, &taken);
	for (unsigned i = 0; i < before->n_sites; i++) {
		const struct plan_site *was = &before->sites[i];
		const struct plan_site *site = plan_find_site(after, was->serial);

		for (unsigned k = 0; k < was->n_tunnels; k++) {
			if (taken.tunnels[was->tunnels[k].id])
				continue;
			retired[n++] = (struct retired_tunnel){
				.id = was->tunnels[k].id,
				.site = site != NULL ? site->id : SITE_INTERNET,
				.successor = site != NULL ? site->tunnels[0].id : TUNNEL_NONE,
			};
		}
	}
	return n;
}

struct change_sweep plan_apply(struct bed *bed, const struct plan *before, const struct plan *after,
			       void (*meanwhile)(void *arg), void *arg)
{
	uint16_t sites[PLAN_SITES], tunnels[PLAN_SITES * PLAN_TUNNELS];
	uint16_t new_sites[PLAN_SITES], new_tunnels[PLAN_SITES * PLAN_TUNNELS];
	struct retired_tunnel retired[PLAN_SITES * PLAN_TUNNELS];
	struct bed_change change = {
		.ids = {.sites = sites, .tunnels = tunnels, .retired = retired},
		.heirs = {.sites = new_sites, .tunnels = new_tunnels},
		.meanwhile = meanwhile,
		.arg = arg,
	};
	struct change_sweep sum;
	struct taken taken = {0};
	char *yaml = plan_write(after);
	size_t n = 0;

	note_taken(before, &taken);
	for (unsigned i = 0; i < after->n_sites; i++) {
		const struct plan_site *site = &after->sites[i];

		sites[i] = site->id;
		if (!taken.sites[site->id])
			new_sites[change.heirs.n_sites++] = site->id;
		for (unsigned k = 0; k < site->n_tunnels; k++) {
			tunnels[n++] = site->tunnels[k].id;
			if (!taken.tunnels[site->tunnels[k].id])
				new_tunnels[change.heirs.n_tunnels++] = site->tunnels[k].id;
		}
	}
	change.ids.n_retired = find_retired(before, after, retired);
	change.yaml = yaml;
	sum = bed_change(bed, &change);
	free(yaml);
	return sum;
}

const struct plan_site *plan_find_site(const struct plan *p, uint32_t serial)
{
	for (unsigned i = 0; i < p->n_sites; i++)
		if (p->sites[i].serial == serial)
			return &p->sites[i];
	return NULL;
}

uint32_t plan_outer(const struct plan_tunnel *t)
{
	return IP(198, 18, 0, 0) + t->ends;
}

const struct plan_tunnel *plan_find_tunnel(const struct plan *p, uint32_t outer, bool has_key,
					   uint32_t key, const struct plan_site **site)
{
	for (unsigned i = 0; i < p->n_sites; i++) {
		for (unsigned k = 0; k < p->sites[i].n_tunnels; k++) {
			const struct plan_tunnel *t = &p->sites[i].tunnels[k];

			if (plan_outer(t) != outer || has_key != (t->ends % 2 == 1) ||
			    (has_key && key != t->ends))
				continue;
			*site = &p->sites[i];
			return t;
		}
	}
	return NULL;
}

uint32_t plan_global_host(const struct plan_site *site, unsigned host)
{
	return GLOBAL_NET + host + ((uint32_t)site->id << 16);
}

bool plan_allows(const struct plan_site *site, uint32_t src, bool six)
{
	uint8_t last = (uint8_t)src;

	if (src >> 24 == 11)
		return (site->global && src >> 16 == (11u << 8 | site->id)) ||
		       site->prefixes == PREFIXES_ANY;
	switch (site->prefixes) {
	case PREFIXES_LOW:
		return last >= 8 && last < 16;
	case PREFIXES_HIGH:
		return last >= 16 && last < 32;
	case PREFIXES_IPV4:
		return !six;
	default:
		return true;
	}
}

const struct plan_pool *plan_find_slice(const struct plan *p, uint32_t addr, bool six,
					uint16_t port, unsigned *slice)
{
	for (unsigned i = 0; i < p->n_pools; i++) {
		const struct plan_pool *pool = &p->pools[i];

		*slice = port / pool->slice_size;
		for (unsigned k = 0; k < pool->n_addresses; k++) {
			const struct plan_address *a = &pool->addresses[k];

			if (IP(203, 0, 113, 0) + a->last == addr && a->six == six)
				return a->slices >> *slice & 1 ? pool : NULL;
		}
	}
	return NULL;
}

const struct plan_pool *plan_default_pool(const struct plan *p, bool six)
{
	for (unsigned i = 0; i < p->n_pools; i++)
		for (unsigned k = 0; k < p->pools[i].n_addresses; k++)
			if (p->pools[i].addresses[k].six == six)
				return &p->pools[i];
	return NULL;
}
