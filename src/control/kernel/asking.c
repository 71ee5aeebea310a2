/*
 * Which addresses are being resolved: see asking.h. Lists are short, so they are searched linearly.
 */
#include "control/kernel/asking.h"

#include <string.h>
#include <sys/random.h>

void asking_init(struct asking *a)
{
	memset(a, 0, sizeof(*a));
	if (getrandom(&a->multiplier, sizeof(a->multiplier), 0) != sizeof(a->multiplier))
		a->multiplier = UINT64_C(0x9e3779b97f4a7c15);
	a->multiplier |= 1;
}

static bool is_it(const struct asking_row *row, uint8_t port, const struct addr6 *addr)
{
	return row->port == port && addr6_equal(&row->addr, addr);
}

static struct asking_row *missed_slot(struct asking *a, uint8_t port, const struct addr6 *addr)
{
	uint64_t key = (addr->half[0] + port) * a->multiplier;

	key = ((key ^ key >> 32) + addr->half[1]) * a->multiplier;
	key = (key ^ key >> 32) * a->multiplier;
	return &a->missed[key >> 32 & (ASKING_MISSED_MAX - 1)];
}

static void take_out(struct asking *a, size_t i)
{
	a->n--;
	memmove(&a->rows[i], &a->rows[i + 1], (a->n - i) * sizeof(a->rows[0]));
}

static size_t asking_count(const struct asking *a, uint16_t site)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++)
		n += a->rows[i].site == site;
	return n;
}

/* The oldest row of the site that has most rows, if it has more than @than. */
static size_t find_greediest(const struct asking *a, size_t than)
{
	size_t found = a->n;

	for (size_t i = 0; i < a->n; i++) {
		size_t n = asking_count(a, a->rows[i].site);

		if (n > than) {
			than = n;
			found = i;
		}
	}
	return found;
}

static bool asking_make_room(struct asking *a, uint16_t site, struct asking_row *gone)
{
	size_t own = asking_count(a, site), other;

	if (own >= ASKING_SITE_MAX)
		return false;
	if (a->n < ASKING_MAX)
		return true;
	other = find_greediest(a, own + 1);
	if (other == a->n)
		return false;
	*gone = a->rows[other];
	take_out(a, other);
	return true;
}

bool asking_want(struct asking *a, uint8_t port, uint16_t site, const struct addr6 *addr,
		 uint64_t now_ms, struct asking_row *gone)
{
	const struct asking_row *missed = missed_slot(a, port, addr);

	*gone = (struct asking_row){.until_ms = 0};
	for (size_t i = 0; i < a->n; i++)
		if (is_it(&a->rows[i], port, addr))
			return false;
	if ((missed->until_ms > now_ms && is_it(missed, port, addr)) ||
	    !asking_make_room(a, site, gone)) {
		a->refused++;
		return false;
	}
	a->rows[a->n++] = (struct asking_row){*addr, now_ms + ASKING_MS, site, port};
	return true;
}

void asking_found(struct asking *a, size_t i)
{
	take_out(a, i);
}

bool asking_give_up(struct asking *a, uint64_t now_ms, struct asking_row *gone)
{
	if (a->n == 0 || a->rows[0].until_ms > now_ms)
		return false;
	*gone = a->rows[0];
	take_out(a, 0);
	*missed_slot(a, gone->port, &gone->addr) =
		(struct asking_row){gone->addr, now_ms + ASKING_MISSED_MS, gone->site, gone->port};
	return true;
}

void asking_heard(struct asking *a, uint8_t port, const struct addr6 *addr)
{
	struct asking_row *missed = missed_slot(a, port, addr);

	if (is_it(missed, port, addr))
		missed->until_ms = 0;
}
