/* Neighbours and their nexthop ids: see neighbour_rows.h. */
#include "control/kernel/neighbour_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>

#define NO_FREE_ROW UINT32_MAX

int rows_init(struct neighbour_rows *h, size_t n_ports, struct ids *ids)
{
	*h = (struct neighbour_rows){.n_ports = n_ports, .free_row = NO_FREE_ROW, .ids = ids};
	h->index = calloc(n_ports + 1, sizeof(h->index[0]));
	h->out = calloc(NEXTHOP_LAST + 1, sizeof(h->out[0]));
	if (h->index == NULL || h->out == NULL) {
		rows_fini(h);
		return -ENOMEM;
	}
	return 0;
}

void rows_fini(struct neighbour_rows *h)
{
	for (size_t i = 0; h->index != NULL && i < h->n_ports; i++)
		trie_fini(&h->index[i]);
	free(h->index);
	free(h->rows);
	free(h->out);
	*h = (struct neighbour_rows){0};
}

static struct prefix6 neighbour_rows_whole(const struct addr6 *addr)
{
	return (struct prefix6){*addr, 128};
}

int rows_find(const struct neighbour_rows *h, uint8_t port, const struct addr6 *addr)
{
	struct prefix6 key = neighbour_rows_whole(addr);
	uint32_t row = trie_find(h->index[port].root, &key);

	return row == TRIE_NONE ? ROWS_NONE : (int)row;
}

static bool neighbour_rows_grow(struct neighbour_rows *h)
{
	size_t more = h->rows_room == 0 ? 64 : h->rows_room * 2;
	struct neighbour_row *rows;

	if (h->n_rows < h->rows_room)
		return true;
	if (h->rows_room >= ROWS_MAX)
		return false;
	rows = reallocarray(h->rows, more, sizeof(*rows));
	if (rows == NULL)
		return false;
	h->rows = rows;
	h->rows_room = more;
	return true;
}

/* A free row; ROWS_NONE: there are too many. */
static int find_free_row(struct neighbour_rows *h)
{
	if (h->free_row != NO_FREE_ROW)
		return (int)h->free_row;
	return neighbour_rows_grow(h) ? (int)h->n_rows : ROWS_NONE;
}

static struct neighbour_row *take_row(struct neighbour_rows *h, int row)
{
	if ((uint32_t)row == h->free_row)
		h->free_row = h->rows[row].next_free;
	else
		h->n_rows++;
	h->rows[row] = (struct neighbour_row){.live = true, .base = row, .next = ROWS_NONE};
	return &h->rows[row];
}

int rows_add(struct neighbour_rows *h, uint8_t port, const struct addr6 *addr)
{
	struct prefix6 key = neighbour_rows_whole(addr);
	int row = rows_find(h, port, addr);
	struct neighbour_row *r;

	if (row != ROWS_NONE)
		return row;
	row = find_free_row(h);
	if (row == ROWS_NONE || trie_set(&h->index[port], &key, (uint32_t)row) != 0)
		return ROWS_NONE;
	r = take_row(h, row);
	r->addr = *addr;
	r->port = port;
	return row;
}

int rows_with_mtu(struct neighbour_rows *h, int base, uint32_t mtu)
{
	struct neighbour_row *r;
	int row;

	if (mtu == 0)
		return base;
	for (row = h->rows[base].next; row != ROWS_NONE; row = h->rows[row].next)
		if (h->rows[row].mtu == mtu)
			return row;
	row = find_free_row(h);
	if (row == ROWS_NONE)
		return row;
	r = take_row(h, row);
	r->addr = h->rows[base].addr;
	r->port = h->rows[base].port;
	r->base = base;
	r->mtu = mtu;
	r->next = h->rows[base].next;
	h->rows[base].next = row;
	h->rows[base].refs++;
	return row;
}

const struct neighbour_row *rows_neighbour(const struct neighbour_rows *h, int row)
{
	return &h->rows[h->rows[row].base];
}

static void free_row(struct neighbour_rows *h, int row)
{
	h->rows[row].live = false;
	h->rows[row].next_free = h->free_row;
	h->free_row = (uint32_t)row;
}

static void free_row_with_mtu(struct neighbour_rows *h, int row)
{
	int base = h->rows[row].base, *link = &h->rows[base].next;

	while (*link != row)
		link = &h->rows[*link].next;
	*link = h->rows[row].next;
	free_row(h, row);
	h->rows[base].refs--;
	rows_free_unused(h, base);
}

void rows_free_unused(struct neighbour_rows *h, int row)
{
	struct neighbour_row *r = &h->rows[row];
	struct prefix6 key = neighbour_rows_whole(&r->addr);

	if (!r->live || r->refs > 0 || r->uses > 0 || r->id != 0)
		return;
	if (r->base != row)
		free_row_with_mtu(h, row);
	else if (r->state == NUD_NONE && trie_remove(&h->index[r->port], &key) == 0)
		free_row(h, row);
}

bool rows_is_resolved(const struct neighbour_row *row)
{
	return row->state &
	       (NUD_STALE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP);
}

/*
 * While the kernel resolves a neighbour again (after it forgot it, or to confirm it), the row keeps
 * its address. It becomes unresolved only when the kernel reports a failure. Otherwise a garbage
 * collection in the kernel would cost packets. A failed neighbour stays failed until it answers.
 */
bool rows_learn(struct neighbour_rows *h, int row, const struct kernel_neighbour *neighbour)
{
	struct neighbour_row *r = &h->rows[row];
	bool was_resolved = r->resolved, was_failed = r->failed;

	r->state = neighbour->state;
	if (rows_is_resolved(r)) {
		memcpy(r->mac, neighbour->mac, sizeof(r->mac));
		r->resolved = true;
		r->failed = false;
	} else if (r->state == NUD_FAILED) {
		r->resolved = false;
		r->failed = true;
	}
	return r->refs > 0 && (r->resolved != was_resolved || r->failed != was_failed);
}

/* Packets keep this id for one burst at most, so it needs no waiting time. */
void rows_retire(struct neighbour_rows *h, int row)
{
	uint16_t id;

	if (row == ROWS_NONE || h->rows[row].id == NEXTHOP_NONE)
		return;
	id = h->rows[row].id;
	h->rows[row].id = NEXTHOP_NONE;
	ids_retire(h->ids, id, 0);
	h->out[id] = (struct nexthop){
		.kind = NEXTHOP_KIND_NEIGHBOUR, .port = h->rows[row].port, .moved = true};
}

bool rows_number(struct neighbour_rows *h, int row)
{
	struct neighbour_row *r = &h->rows[row];

	if (r->id == NEXTHOP_NONE)
		r->id = ids_take(h->ids);
	return r->id != NEXTHOP_NONE;
}

void rows_age_hosts(struct neighbour_rows *h, const uint64_t *used)
{
	for (size_t i = 0; i < h->n_rows; i++) {
		struct neighbour_row *r = &h->rows[i];
		uint16_t id;

		if (!r->live || !r->host)
			continue;
		id = h->rows[r->host_row].id;
		if (id != NEXTHOP_NONE)
			r->idle =
				ids_has(used, id) ? 0 : (uint8_t)(r->idle + (r->idle < UINT8_MAX));
	}
}
