/*
 * On-link hosts: addresses in a network of the link that flows have packets for.
 *
 * A host is in the workers' tree as a prefix of full length, below its network. It is removed when
 * its network is, when a route of full length covers it, or when no flow went there for some
 * censuses. When there are too many, a host that had no flow at the last census makes room.
 */
#include "control/kernel/view.h"

#include <errno.h>

#include <linux/neighbour.h>

#define ON_LINK (ROUTES_DIRECT | ROUTE_UNKNOWN_HOST)

static struct prefix6 hosts_whole(const struct addr6 *addr)
{
	return (struct prefix6){*addr, 128};
}

uint32_t view_link_mtu(struct view *v, uint8_t port, const struct addr6 *addr)
{
	for (int len = 128; len >= (addr6_is_mapped(addr) ? MAPPED_BITS : 0); len--) {
		struct prefix6 prefix = {addr6_masked(addr, (uint8_t)len), (uint8_t)len};
		const struct rib_entry *entry = rib_find(&v->ports[port].rib, &prefix);

		if (entry != NULL && entry->value != TRIE_NONE)
			return entry->mtu;
	}
	return 0;
}

void view_drop_host(struct view *v, int base)
{
	struct neighbour_row *r = &v->rows.rows[base];
	struct prefix6 key = hosts_whole(&r->addr);

	if (trie_remove(view_tree(v, r->port, &r->addr), &key) != 0)
		return; /* out of memory: tried later */
	r->host = false;
	/* flows look up their routes again, if others use the row, too */
	v->rows.rows[r->host_row].moved = true;
	v->n_hosts--;
	view_unuse(v, r->host_row);
}

/* A host that had no flow at the last census. */
static bool hosts_make_room(struct view *v)
{
	int best = ROWS_NONE;

	for (size_t i = 0; i < v->rows.n_rows; i++) {
		const struct neighbour_row *r = &v->rows.rows[i];

		if (r->live && r->host && r->idle > 0 &&
		    (best == ROWS_NONE || r->idle > v->rows.rows[best].idle))
			best = (int)i;
	}
	if (best != ROWS_NONE)
		view_drop_host(v, best);
	return best != ROWS_NONE;
}

int view_add_host(struct view *v, uint8_t port, const struct addr6 *addr)
{
	struct trie *tree = view_tree(v, port, addr);
	struct prefix6 key = hosts_whole(addr);
	int base = rows_find(&v->rows, port, addr), row;

	if (base != ROWS_NONE && v->rows.rows[base].host)
		return 0;
	if (trie_lookup(tree->root, addr) != ON_LINK)
		return -ENOENT;
	if (v->n_hosts >= VIEW_HOSTS_MAX && !hosts_make_room(v))
		return -ENOSPC;
	base = rows_add(&v->rows, port, addr);
	if (base == ROWS_NONE)
		return -ENOMEM;
	row = rows_with_mtu(&v->rows, base, view_link_mtu(v, port, addr));
	if (row == ROWS_NONE || trie_set(tree, &key, (uint32_t)row) != 0)
		return -ENOMEM;
	v->rows.rows[base].host = true;
	v->rows.rows[base].host_row = row;
	v->rows.rows[base].idle = 0;
	v->n_hosts++;
	view_use(v, row);
	return 0;
}

static bool is_unused(const struct neighbour_row *r)
{
	return r->idle >= VIEW_IDLE_MAX || (r->idle > 0 && (r->state == NUD_NONE || r->failed));
}

void view_age_hosts(struct view *v)
{
	for (size_t i = 0; v->n_hosts > 0 && i < v->rows.n_rows; i++) {
		const struct neighbour_row *r = &v->rows.rows[i];

		if (r->live && r->host && is_unused(r))
			view_drop_host(v, (int)i);
	}
}

static bool is_below(const struct neighbour_row *r, uint8_t port, const struct prefix6 *prefix)
{
	return r->live && r->host && r->port == port && prefix6_contains(prefix, &r->addr);
}

void view_check_hosts(struct view *v, uint8_t port, const struct prefix6 *prefix)
{
	for (size_t i = 0; v->n_hosts > 0 && i < v->rows.n_rows; i++) {
		const struct neighbour_row *r = &v->rows.rows[i];
		struct prefix6 key = hosts_whole(&r->addr);

		if (is_below(r, port, prefix) &&
		    trie_cover(view_tree(v, port, &r->addr)->root, &key) != ON_LINK)
			view_drop_host(v, (int)i);
	}
}

void view_renew_hosts(struct view *v, uint8_t port, const struct prefix6 *prefix)
{
	for (size_t i = 0; v->n_hosts > 0 && i < v->rows.n_rows; i++) {
		struct addr6 addr = v->rows.rows[i].addr;

		if (!is_below(&v->rows.rows[i], port, prefix))
			continue;
		view_drop_host(v, (int)i);
		view_add_host(v, port, &addr);
	}
}
