/* Neighbours and their numbers: see hops.h. */
#include "control/kernel/hops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/neighbour.h>

#define NO_FREE_ROW UINT32_MAX

int hops_init(struct hops *h, size_t n_ports)
{
	*h = (struct hops){.n_ports = n_ports, .free_row = NO_FREE_ROW, .n_out = HOPS_LOST + 1};
	h->index = calloc(n_ports + 1, sizeof(h->index[0]));
	h->numbers = calloc(HOPS_MAX + 1, sizeof(h->numbers[0]));
	h->since = calloc(HOPS_MAX + 1, sizeof(h->since[0]));
	h->free_numbers = calloc(HOPS_MAX + 1, sizeof(h->free_numbers[0]));
	h->out = calloc(HOPS_MAX + 1, sizeof(h->out[0]));
	if (h->index == NULL || h->numbers == NULL || h->since == NULL || h->free_numbers == NULL ||
	    h->out == NULL) {
		hops_fini(h);
		return -ENOMEM;
	}
	for (uint32_t id = HOPS_MAX; id > HOPS_LOST; id--)
		h->free_numbers[h->n_free_numbers++] = (uint16_t)id;
	h->out[HOPS_LOST].moved = true;
	return 0;
}

void hops_fini(struct hops *h)
{
	for (size_t i = 0; h->index != NULL && i < h->n_ports; i++)
		trie_fini(&h->index[i]);
	free(h->index);
	free(h->rows);
	free(h->numbers);
	free(h->since);
	free(h->free_numbers);
	free(h->out);
	*h = (struct hops){0};
}

static struct prefix6 whole(const struct addr6 *addr)
{
	return (struct prefix6){*addr, 128};
}

int hops_find(const struct hops *h, uint8_t port, const struct addr6 *addr)
{
	struct prefix6 key = whole(addr);
	uint32_t row = trie_find(h->index[port].root, &key);

	return row == TRIE_NONE ? HOPS_NO_ROW : (int)row;
}

static bool grow(struct hops *h)
{
	size_t more = h->rows_room == 0 ? 64 : h->rows_room * 2;
	struct hops_row *rows;

	if (h->n_rows < h->rows_room)
		return true;
	if (h->rows_room >= HOPS_ROWS_MAX)
		return false;
	rows = reallocarray(h->rows, more, sizeof(*rows));
	if (rows == NULL)
		return false;
	h->rows = rows;
	h->rows_room = more;
	return true;
}

/* A row that is nobody yet; HOPS_NO_ROW: there are too many. */
static int find_free_row(struct hops *h)
{
	if (h->free_row != NO_FREE_ROW)
		return (int)h->free_row;
	return grow(h) ? (int)h->n_rows : HOPS_NO_ROW;
}

static struct hops_row *take_row(struct hops *h, int row)
{
	if ((uint32_t)row == h->free_row)
		h->free_row = h->rows[row].next_free;
	else
		h->n_rows++;
	h->rows[row] = (struct hops_row){.live = true, .base = row, .next = HOPS_NO_ROW};
	return &h->rows[row];
}

int hops_row(struct hops *h, uint8_t port, const struct addr6 *addr)
{
	struct prefix6 key = whole(addr);
	int row = hops_find(h, port, addr);
	struct hops_row *r;

	if (row != HOPS_NO_ROW)
		return row;
	row = find_free_row(h);
	if (row == HOPS_NO_ROW || trie_set(&h->index[port], &key, (uint32_t)row) != 0)
		return HOPS_NO_ROW;
	r = take_row(h, row);
	r->addr = *addr;
	r->port = port;
	return row;
}

int hops_with_mtu(struct hops *h, int base, uint32_t mtu)
{
	struct hops_row *r;
	int row;

	if (mtu == 0)
		return base;
	for (row = h->rows[base].next; row != HOPS_NO_ROW; row = h->rows[row].next)
		if (h->rows[row].mtu == mtu)
			return row;
	row = find_free_row(h);
	if (row == HOPS_NO_ROW)
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

const struct hops_row *hops_neighbour(const struct hops *h, int row)
{
	return &h->rows[h->rows[row].base];
}

static void free_row(struct hops *h, int row)
{
	h->rows[row].live = false;
	h->rows[row].next_free = h->free_row;
	h->free_row = (uint32_t)row;
}

static void free_row_with_mtu(struct hops *h, int row)
{
	int base = h->rows[row].base, *link = &h->rows[base].next;

	while (*link != row)
		link = &h->rows[*link].next;
	*link = h->rows[row].next;
	free_row(h, row);
	h->rows[base].refs--;
	hops_let_go(h, base);
}

void hops_let_go(struct hops *h, int row)
{
	struct hops_row *r = &h->rows[row];
	struct prefix6 key = whole(&r->addr);

	if (!r->live || r->refs > 0 || r->uses > 0 || r->id != 0)
		return;
	if (r->base != row)
		free_row_with_mtu(h, row);
	else if (r->state == NUD_NONE && trie_remove(&h->index[r->port], &key) == 0)
		free_row(h, row);
}

bool hops_is_resolved(const struct hops_row *row)
{
	return row->state &
	       (NUD_STALE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP);
}

/*
 * While the kernel looks a neighbour up again (it forgot it, or asks anew) the address stays that
 * it had; only when the kernel says it failed is it unresolved. Otherwise a garbage collection in
 * the kernel would cost packets. And what has failed has until somebody answers.
 */
bool hops_learn(struct hops *h, int row, const struct kernel_neighbour *neighbour)
{
	struct hops_row *r = &h->rows[row];
	bool was_resolved = r->resolved, was_failed = r->failed;

	r->state = neighbour->state;
	if (hops_is_resolved(r)) {
		memcpy(r->mac, neighbour->mac, sizeof(r->mac));
		r->resolved = true;
		r->failed = false;
	} else if (r->state == NUD_FAILED) {
		r->resolved = false;
		r->failed = true;
	}
	return r->refs > 0 && (r->resolved != was_resolved || r->failed != was_failed);
}

void hops_retire(struct hops *h, int row)
{
	uint16_t id;

	if (row == HOPS_NO_ROW || h->rows[row].id == 0)
		return;
	id = h->rows[row].id;
	h->rows[row].id = 0;
	h->numbers[id] = HOPS_MOVED;
	h->since[id] = h->serial + 1;
	h->n_moved++;
	h->out[id] = (struct hop){.port = h->rows[row].port, .moved = true};
}

bool hops_number(struct hops *h, int row)
{
	struct hops_row *r = &h->rows[row];

	if (r->id != 0)
		return true;
	if (h->n_free_numbers == 0)
		return false;
	r->id = h->free_numbers[--h->n_free_numbers];
	h->numbers[r->id] = HOPS_IN_USE;
	if (r->id >= h->n_out)
		h->n_out = r->id + 1u;
	return true;
}

void hops_published(struct hops *h)
{
	h->serial++;
}

void hops_census_begin(struct hops *h)
{
	h->census_serial = h->serial;
}

static bool has(const uint64_t *used, uint32_t id)
{
	return used[id / 64] >> id % 64 & 1;
}

/* @since may have been long ago, @census_serial is at most @serial: no difference is negative. */
static bool knew(const struct hops *h, uint32_t id)
{
	return (int32_t)(h->census_serial - h->since[id]) >= 0;
}

void hops_census_end(struct hops *h, const uint64_t *used)
{
	for (uint32_t id = HOPS_LOST + 1; id < h->n_out; id++) {
		if (h->numbers[id] != HOPS_MOVED || !knew(h, id) || has(used, id))
			continue;
		h->numbers[id] = HOPS_FREE;
		h->free_numbers[h->n_free_numbers++] = (uint16_t)id;
		h->n_moved--;
	}
	for (size_t i = 0; i < h->n_rows; i++) {
		struct hops_row *r = &h->rows[i];
		uint16_t id;

		if (!r->live || !r->host)
			continue;
		id = h->rows[r->host_row].id;
		if (id != 0)
			r->idle = has(used, id) ? 0 : (uint8_t)(r->idle + (r->idle < UINT8_MAX));
	}
}
