/*
 * Writes the changes of a list of addresses and VLANs into the maps of a program in the kernel. A
 * packet meets either the old or the new entry of each address.
 *
 * Many changes at once (at the start) are written in batches of BATCH, one system call each, where
 * the kernel supports it for the kind of map: from Linux 5.6 on, for prefixes later. Otherwise one
 * by one.
 *
 * Control thread.
 */
#include "control/port/port_internal.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

enum { BATCH = 256, KEY_MAX = 20 };

struct prefix_key {
	uint32_t len;
	uint8_t addr[ADDR6_LEN];
};

static_assert(sizeof(struct prefix_key) == KEY_MAX, "the longest key");

/* A map, and the changes that wait to be written to it. */
struct waiting {
	int map;
	uint32_t key_len, n;
	uint8_t keys[BATCH * KEY_MAX];
	uint32_t flags[BATCH];
};

struct writer {
	struct waiting four, six, prefixes;
	int ret; /* first error */
};

static void keep_error(struct writer *w, int ret)
{
	if (w->ret == 0)
		w->ret = ret;
}

static void write_each(struct writer *w, const struct waiting *m)
{
	for (uint32_t i = 0; i < m->n; i++)
		keep_error(w, bpf_map_update_elem(m->map, m->keys + i * m->key_len, &m->flags[i],
						  BPF_ANY));
}

/* A batch that failed half-way is written again, one by one: writing an entry twice is harmless. */
static void flush(struct writer *w, struct waiting *m)
{
	uint32_t n = m->n;

	if (n > 1 && bpf_map_update_batch(m->map, m->keys, m->flags, &n, NULL) == 0)
		m->n = 0;
	write_each(w, m);
	m->n = 0;
}

static struct waiting *make_key(struct writer *w, const struct steer_change *c, uint8_t *key)
{
	struct prefix_key prefix = {.len = c->len};
	be32_t four = addr6_to_ipv4(&c->addr);

	if (c->len == 0 && addr6_is_mapped(&c->addr)) {
		memcpy(key, &four, sizeof(four));
		return &w->four;
	}
	if (c->len == 0) {
		memcpy(key, &c->addr, sizeof(c->addr));
		return &w->six;
	}
	memcpy(prefix.addr, &c->addr, sizeof(prefix.addr));
	memcpy(key, &prefix, sizeof(prefix));
	return &w->prefixes;
}

static void write_change(const struct steer_change *c, void *arg)
{
	struct writer *w = arg;
	uint8_t key[KEY_MAX];
	struct waiting *m = make_key(w, c, key);
	int ret;

	if (c->now == 0) {
		ret = bpf_map_delete_elem(m->map, key);
		keep_error(w, ret == -ENOENT ? 0 : ret);
		return;
	}
	memcpy(m->keys + m->n * m->key_len, key, m->key_len);
	m->flags[m->n++] = c->now;
	if (m->n == BATCH)
		flush(w, m);
}

static int write_vlans(int map, const struct steer_list *before, const struct steer_list *now)
{
	int ret = 0;

	for (uint32_t vlan = 0; vlan < 64 * VLAN_WORDS; vlan++) {
		uint32_t is = now->vlans[vlan / 64] >> vlan % 64 & 1;
		int err = 0;

		if (is != (before->vlans[vlan / 64] >> vlan % 64 & 1))
			err = bpf_map_update_elem(map, &vlan, &is, BPF_ANY);
		ret = ret == 0 ? err : ret;
	}
	return ret;
}

int steer_write(struct steer_maps maps, const struct steer_list *before,
		const struct steer_list *now)
{
	struct writer w = {
		.four = {.map = maps.four, .key_len = sizeof(be32_t)},
		.six = {.map = maps.six, .key_len = sizeof(struct addr6)},
		.prefixes = {.map = maps.prefixes, .key_len = sizeof(struct prefix_key)},
	};

	steer_compare(before, now, write_change, &w);
	flush(&w, &w.four);
	flush(&w, &w.six);
	flush(&w, &w.prefixes);
	keep_error(&w, write_vlans(maps.vlans, before, now));
	return w.ret;
}
