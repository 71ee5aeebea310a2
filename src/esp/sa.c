/*
 * The table of SAs.
 *
 * A row is free, reserved (its SPI was given to charon), in use, or removed (workers may still use
 * it). Free rows wait in a queue, so a row that was given up is used again as late as possible. Its
 * generation is part of the handle and of the SPI: a late packet of an SA that has ended finds
 * nothing. Generations begin at random: after a restart SPIs are others than before, and hard to
 * guess.
 *
 * The memory is reserved whole and costs nothing until rows are used. It holds all keys of the
 * process but those in transit, and is left out of core dumps.
 *
 * What workers read is written before what lets them find it: in_spi, and the tunnel's entry of
 * out[]. Limits without a value are UINT64_MAX, so that packets compare without a question.
 */
#include "esp/sa.h"

#include "base/memory.h"
#include "esp/cipher.h"
#include "esp/outer.h"
#include "esp/row.h"
#include "esp/sa_event.h"
#include "esp/sent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

enum { ROWS = ESP_SAS_MAX + 1 };

#define ROWS_SIZE (ROWS * sizeof(struct esp_sa))

enum slot_state { SLOT_FREE, SLOT_RESERVED, SLOT_USED, SLOT_REMOVED };

struct slot {
	uint16_t generation; /* of the next handle, or the one in use */
	uint8_t state; /* enum slot_state */
	bool outbound;
	bool moved; /* workers may still read the ends before the last ones */
};

struct esp_own {
	struct slot slots[ROWS];
	uint16_t free[ROWS]; /* a ring of rows */
	uint32_t n_free, first_free;
	uint16_t to_reclaim[ROWS]; /* removed or moved, each row once */
	uint32_t n_to_reclaim;
	struct esp_cipher *cipher;
	struct esp_sent sent;
};

static uint32_t handle_of(const struct esp_own *own, uint16_t row)
{
	return (uint32_t)ESP_SPI_FIRST << 28 | (uint32_t)own->slots[row].generation << 16 | row;
}

/* 0: no such row in @state. */
static uint16_t row_of(const struct esp_table *t, uint32_t handle, enum slot_state state)
{
	uint16_t row = (uint16_t)handle;

	if (row == 0 || t->own->slots[row].state != state || handle_of(t->own, row) != handle)
		return 0;
	return row;
}

static void give_back(struct esp_own *own, uint16_t row)
{
	struct slot *s = &own->slots[row];

	s->state = SLOT_FREE;
	s->generation = (uint16_t)((s->generation + 1) % ESP_SPI_GENERATIONS);
	own->free[(own->first_free + own->n_free++) % ROWS] = row;
}

static uint16_t take_row(struct esp_own *own)
{
	uint16_t row;

	if (own->n_free == 0)
		return 0;
	row = own->free[own->first_free];
	own->first_free = (own->first_free + 1) % ROWS;
	own->n_free--;
	return row;
}

/* --- the table -------------------------------------------------------------------------------- */

/* All rows, in order. Each has a random generation. */
static bool fill_free(struct esp_own *own)
{
	uint32_t random[64]; /* of so few the kernel gives all, or none */

	for (uint32_t row = 1; row < ROWS; row++) {
		uint32_t at = own->n_free++, number;

		if (at % ARRAY_SIZE(random) == 0 &&
		    getrandom(random, sizeof(random), 0) != sizeof(random))
			return false;
		number = random[at % ARRAY_SIZE(random)];
		own->slots[row].generation = (uint16_t)(number % ESP_SPI_GENERATIONS);
		own->free[at] = (uint16_t)row;
	}
	return true;
}

static struct esp_own *own_create(void)
{
	struct esp_own *own = calloc(1, sizeof(*own));

	if (own == NULL)
		return NULL;
	own->cipher = esp_cipher_create();
	if (fill_free(own))
		return own;
	esp_cipher_destroy(own->cipher);
	free(own);
	return NULL;
}

struct esp_table *esp_table_create(uint16_t workers)
{
	struct esp_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->workers = workers;
	t->rows = memory_reserve(ROWS_SIZE);
	if (t->rows != NULL)
		memory_settle(t->rows, ROWS_SIZE, 0); /* ten thousand rows are 34 MB */
	t->out = memory_reserve(ESP_TUNNELS * sizeof(t->out[0]));
	t->rings = esp_rings_create(workers);
	t->own = own_create();
	if (t->rows != NULL && t->out != NULL && t->rings != NULL && t->own != NULL &&
	    t->own->cipher != NULL && madvise(t->rows, ROWS_SIZE, MADV_DONTDUMP) == 0)
		return t;
	esp_table_destroy(t);
	return NULL;
}

static void row_destroy(struct esp_sa *sa)
{
	free((void *)(uintptr_t)sa->limited);
	free(sa->far_bits);
	explicit_bzero(sa, sizeof(*sa));
}

void esp_table_destroy(struct esp_table *t)
{
	if (t == NULL)
		return;
	for (uint32_t row = 1; t->own != NULL && t->rows != NULL && row < ROWS; row++)
		if (t->own->slots[row].state >= SLOT_USED)
			row_destroy(&t->rows[row]);
	if (t->own != NULL)
		esp_cipher_destroy(t->own->cipher);
	free(t->own);
	memory_unmap(t->rows, ROWS_SIZE);
	memory_unmap(t->out, ESP_TUNNELS * sizeof(t->out[0]));
	esp_rings_destroy(t->rings);
	free(t);
}

int esp_reserve(struct esp_table *t, uint32_t *spi)
{
	uint16_t row = take_row(t->own);

	if (row == 0)
		return -ENOSPC;
	t->own->slots[row].state = SLOT_RESERVED;
	*spi = handle_of(t->own, row);
	return 0;
}

/* --- adding ----------------------------------------------------------------------------------- */

static bool selector_is_sound(const struct esp_selector *s)
{
	return addr6_is_mapped(&s->first) == addr6_is_mapped(&s->last) &&
	       addr6_compare(&s->first, &s->last) <= 0 && s->first_port <= s->last_port;
}

static bool selectors_are_sound(const struct esp_selectors *s)
{
	if (s->n > ESP_SELECTORS_MAX)
		return false;
	for (unsigned i = 0; i < s->n; i++)
		if (!selector_is_sound(&s->at[i]))
			return false;
	return true;
}

static const char *check(const struct esp_spec *spec)
{
	if (esp_suite_find(spec->encryption, spec->integrity, spec->key_len, spec->auth_key_len) ==
	    NULL)
		return "no suite of ours has these transforms and lengths of keys";
	if (!spec->outbound && (spec->window < ESP_WINDOW_MIN || spec->window > ESP_WINDOW_MAX))
		return "the replay window must have 64 to 4096 packets";
	if (!esp_ends_are_sound(&spec->ends))
		return "its ends must be two addresses of one family, with ports if it uses UDP";
	if (!selectors_are_sound(&spec->local) || !selectors_are_sound(&spec->remote))
		return "a traffic selector must be a range of one family; 8 are possible";
	if (spec->tunnel == 0)
		return "it belongs to no tunnel";
	if (spec->outbound && spec->spi < 256)
		return "SPIs below 256 are reserved";
	return NULL;
}

static uint64_t or_none(uint64_t limit)
{
	return limit != 0 ? limit : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Numbers of 32 bits may not begin again (RFC 4303 section 3.3.3). */
static struct esp_limits limits_of(const struct esp_spec *spec)
{
	struct esp_limits l = {
		.soft_bytes = or_none(spec->limits.soft_bytes),
		.hard_bytes = or_none(spec->limits.hard_bytes),
		.soft_packets = or_none(spec->limits.soft_packets),
		.hard_packets = or_none(spec->limits.hard_packets),
	};

	if (spec->outbound && !spec->esn) {
		l.hard_packets = least(l.hard_packets, UINT32_MAX);
		l.soft_packets = least(l.soft_packets, UINT32_MAX / 10 * 9);
	}
	return l;
}

/* Memory that most SAs do not need. */
static bool extras_create(struct esp_sa *sa, const struct esp_spec *spec)
{
	uint16_t words = esp_window_words(spec->window);

	if (!spec->outbound && words > ARRAY_SIZE(sa->bits)) {
		sa->far_bits = calloc(words, sizeof(sa->far_bits[0]));
		if (sa->far_bits == NULL)
			return false;
	}
	if (spec->local.n + spec->remote.n > 0) {
		struct esp_spec *copy = malloc(sizeof(*copy));

		if (copy == NULL)
			return false;
		*copy = *spec;
		copy->key = copy->auth_key = NULL;
		sa->limited = copy;
	}
	return true;
}

static void fill(struct esp_sa *sa, struct esp_table *t, const struct esp_spec *spec)
{
	const struct esp_suite *suite = esp_suite_find(spec->encryption, spec->integrity,
						       spec->key_len, spec->auth_key_len);

	sa->spi = htonl(spec->spi);
	sa->tunnel = spec->tunnel;
	sa->suite = suite;
	sa->esn = spec->esn;
	sa->clear_df = spec->clear_df;
	sa->no_dscp = spec->no_dscp;
	sa->limits = limits_of(spec);
	sa->least_packets = least(sa->limits.soft_packets, sa->limits.hard_packets);
	sa->least_bytes = least(sa->limits.soft_bytes, sa->limits.hard_bytes);
	memcpy(sa->salt, spec->key + suite->key_len, suite->salt_len);
	esp_cipher_expand(t->own->cipher, suite, spec->key, spec->auth_key, &sa->keys);
	esp_outer_make(&sa->outer[0], &spec->ends);
	if (!spec->outbound)
		esp_window_init(&sa->window, sa->far_bits != NULL ? sa->far_bits : sa->bits,
				(uint16_t)((spec->window + 63) & ~63));
}

int esp_add(struct esp_table *t, const struct esp_spec *spec, uint32_t *handle, const char **why)
{
	uint16_t row;
	struct esp_sa *sa;

	*why = check(spec);
	if (*why != NULL)
		return -EINVAL;
	row = spec->outbound ? take_row(t->own) : row_of(t, spec->spi, SLOT_RESERVED);
	if (row == 0)
		return spec->outbound ? -ENOSPC : -ENOENT;
	sa = &t->rows[row];
	if (!extras_create(sa, spec)) {
		row_destroy(sa);
		if (spec->outbound)
			give_back(t->own, row);
		return -ENOSPC;
	}
	fill(sa, t, spec);
	*handle = sa->handle = handle_of(t->own, row);
	t->own->slots[row].state = SLOT_USED;
	t->own->slots[row].outbound = spec->outbound;
	t->own->slots[row].moved = false;
	if (spec->outbound)
		esp_sent_add(&t->own->sent, spec->spi, row);
	else
		__atomic_store_n(&sa->in_spi, spec->spi, __ATOMIC_RELEASE);
	return 0;
}

int esp_use(struct esp_table *t, uint32_t handle)
{
	uint16_t row = row_of(t, handle, SLOT_USED);

	if (row == 0 || !t->own->slots[row].outbound)
		return -ENOENT;
	__atomic_store_n(&t->out[t->rows[row].tunnel], row, __ATOMIC_RELEASE);
	return 0;
}

void esp_use_none(struct esp_table *t, uint16_t tunnel)
{
	__atomic_store_n(&t->out[tunnel], 0, __ATOMIC_RELEASE);
}

/* --- changes and removal ---------------------------------------------------------------------- */

static void reclaim_later(struct esp_own *own, uint16_t row)
{
	own->to_reclaim[own->n_to_reclaim++] = row;
}

int esp_update(struct esp_table *t, uint32_t handle, const struct esp_ends *ends)
{
	uint16_t row = row_of(t, handle, SLOT_USED);
	struct esp_sa *sa = &t->rows[row];
	uint8_t other = sa->outer_at ^ 1;

	if (row == 0)
		return -ENOENT;
	if (!esp_ends_are_sound(ends))
		return -EINVAL;
	if (t->own->slots[row].moved)
		return -EAGAIN;
	esp_outer_make(&sa->outer[other], ends);
	__atomic_store_n(&sa->outer_at, other, __ATOMIC_RELEASE);
	t->own->slots[row].moved = true;
	reclaim_later(t->own, row);
	return 0;
}

static void remove_row(struct esp_table *t, uint16_t row)
{
	struct esp_sa *sa = &t->rows[row];
	struct slot *s = &t->own->slots[row];

	if (s->outbound && t->out[sa->tunnel] == row)
		esp_use_none(t, sa->tunnel);
	if (s->outbound)
		esp_sent_remove(&t->own->sent, ntohl(sa->spi), row);
	__atomic_store_n(&sa->in_spi, 0, __ATOMIC_RELEASE);
	s->state = SLOT_REMOVED;
	if (!s->moved) /* else it waits already */
		reclaim_later(t->own, row);
}

int esp_remove(struct esp_table *t, uint32_t handle)
{
	uint16_t row = row_of(t, handle, SLOT_USED);

	if (row != 0) {
		remove_row(t, row);
		return 0;
	}
	row = row_of(t, handle, SLOT_RESERVED);
	if (row == 0)
		return -ENOENT;
	give_back(t->own, row);
	return 0;
}

void esp_remove_all(struct esp_table *t)
{
	for (uint32_t row = 1; row < ROWS; row++) {
		if (t->own->slots[row].state == SLOT_USED)
			remove_row(t, (uint16_t)row);
		else if (t->own->slots[row].state == SLOT_RESERVED)
			give_back(t->own, (uint16_t)row);
	}
}

bool esp_must_reclaim(const struct esp_table *t)
{
	return t->own->n_to_reclaim > 0;
}

void esp_reclaim(struct esp_table *t)
{
	struct esp_own *own = t->own;

	for (uint32_t i = 0; i < own->n_to_reclaim; i++) {
		uint16_t row = own->to_reclaim[i];
		struct slot *s = &own->slots[row];

		s->moved = false;
		if (s->state == SLOT_REMOVED) {
			row_destroy(&t->rows[row]);
			give_back(own, row);
		}
	}
	own->n_to_reclaim = 0;
}

static bool same_ends(const struct esp_ends *a, const struct esp_ends *b)
{
	return a->udp == b->udp && addr6_equal(&a->local, &b->local) &&
	       addr6_equal(&a->remote, &b->remote) &&
	       (!a->udp || (a->local_port == b->local_port && a->remote_port == b->remote_port));
}

uint16_t esp_find_sent(const struct esp_table *t, uint32_t spi, const struct esp_ends *ends)
{
	const struct esp_own *own = t->own;
	uint16_t row = esp_sent_first(&own->sent, spi);

	for (; row != 0; row = own->sent.next[row])
		if (t->rows[row].spi == htonl(spi) &&
		    same_ends(&esp_outer_of(&t->rows[row])->ends, ends))
			return t->rows[row].tunnel;
	return 0;
}

static uint64_t seen(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

int esp_read(const struct esp_table *t, uint32_t handle, struct esp_counters *out)
{
	uint16_t row = row_of(t, handle, SLOT_USED);
	const struct esp_sa *sa = &t->rows[row];

	if (row == 0)
		return -ENOENT;
	*out = (struct esp_counters){
		.packets = seen(&sa->packets),
		.bytes = seen(&sa->bytes),
		.replayed = seen(&sa->replayed),
		.forged = seen(&sa->forged),
		.refused = seen(&sa->refused),
		.number = seen(&sa->window.newest),
		.used_ns = seen(&sa->used_ns),
	};
	return 0;
}
