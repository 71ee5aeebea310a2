/*
 * The row of an SA, and how a worker finds it.
 *
 * The control thread fills a row in before any worker finds it (esp_add(), esp_use()), and wipes it
 * when none uses it any more. Later it changes only the ends. `owner` is set once, by the worker of
 * the first packet; the fields from `window` on have that worker as their only writer, and the
 * control thread reads the counters among them.
 */
#pragma once

#include "base/types.h"
#include "esp/sa.h"
#include "esp/suite.h"
#include "esp/window.h"

#include <intel-ipsec-mb.h>

enum {
	ESP_SPI_FIRST = 0xc, /* of 4 bits; then 12 of the generation, 16 of the row */
	ESP_SPI_GENERATIONS = 1 << 12,
	ESP_OUTER_MAX = 48, /* IPv6 and UDP */
	ESP_TUNNELS = 1 << 16, /* ids */
};

/*
 * The outer headers of a tunnel, up to that of ESP. Lengths, TOS and id are zero. They are the last
 * `len` of the bytes, so that a copy of all of them ends where ESP begins.
 */
struct esp_outer {
	_Alignas(CACHE_LINE) uint8_t bytes[ESP_OUTER_MAX];
	uint8_t len;
	bool six;
	struct esp_ends ends;
};

/* What libipsec-mb makes of the keys; its code wants them aligned. */
union esp_keys {
	struct gcm_key_data gcm;
	struct {
		uint8_t encrypt[15 * 16], decrypt[15 * 16]; /* AES round keys */
		uint8_t inner[64], outer[64]; /* states of the hash behind the key's block */
	} cbc;
	uint8_t chacha[32];
};

/* A line for what all read, one for what its worker writes: a packet needs few lines of a row. */
struct esp_sa {
	_Alignas(CACHE_LINE) uint32_t in_spi; /* host order; 0: no packet finds it by an SPI */
	be32_t spi; /* on the wire */
	uint32_t handle;
	uint16_t tunnel;
	uint16_t owner; /* index of its worker + 1; 0: no packet yet */
	const struct esp_suite *suite;
	uint8_t salt[4];
	uint8_t outer_at; /* index in outer[] of the ends in use */
	bool esn, clear_df, no_dscp;
	const struct esp_spec *limited; /* its selectors; NULL: any packet may pass */
	uint64_t *far_bits; /* of a window that is larger than bits[]; NULL: bits[] */
	uint64_t least_packets, least_bytes; /* of soft and hard limit */

	/* its worker's */
	_Alignas(CACHE_LINE) struct esp_window window; /* outbound: newest is the last one sent */
	uint64_t packets, bytes;
	uint64_t used_ns; /* CLOCK_MONOTONIC */
	_Alignas(CACHE_LINE) uint64_t bits[16]; /* of a window up to 1,024 */
	uint64_t replayed, forged, refused;
	uint8_t told; /* bits by enum esp_event_type */
	struct esp_ends mapping; /* told last */
	uint64_t mapping_until_ns; /* the same is not told again before */
	struct esp_limits limits; /* none: UINT64_MAX; control's */

	_Alignas(CACHE_LINE) struct esp_outer outer[2];
	_Alignas(CACHE_LINE) union esp_keys keys;
};

struct esp_ring; /* sa_event.c */
struct esp_own; /* sa.c */

struct esp_table {
	struct esp_sa *rows; /* [ESP_SAS_MAX + 1]; the first is not used */
	uint16_t *out; /* [ESP_TUNNELS]: row of the outbound SA; 0: none */
	struct esp_ring *rings; /* [workers]: events */
	uint16_t workers;
	struct esp_own *own; /* the control thread's */
};

/* The row that @spi, host order, can have. For a prefetch. */
static inline struct esp_sa *esp_place(const struct esp_table *t, uint32_t spi)
{
	return &t->rows[spi & UINT16_MAX];
}

/* The inbound SA with @spi, host order; NULL: none. Any worker, until its next quiescent point. */
static inline struct esp_sa *esp_find(const struct esp_table *t, uint32_t spi)
{
	struct esp_sa *sa = esp_place(t, spi);

	return spi != 0 && __atomic_load_n(&sa->in_spi, __ATOMIC_ACQUIRE) == spi ? sa : NULL;
}

/* The outbound SA of @tunnel; NULL: none. Any worker, until its next quiescent point. */
static inline struct esp_sa *esp_find_outbound(const struct esp_table *t, uint16_t tunnel)
{
	uint16_t row = __atomic_load_n(&t->out[tunnel], __ATOMIC_ACQUIRE);

	return row != 0 ? &t->rows[row] : NULL;
}

/* The worker of the SA: @me, if it has none yet. */
static inline uint16_t esp_owner(struct esp_sa *sa, uint16_t me)
{
	uint16_t owner = __atomic_load_n(&sa->owner, __ATOMIC_RELAXED);

	if (owner == 0 && __atomic_compare_exchange_n(&sa->owner, &owner, (uint16_t)(me + 1), false,
						      __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return me;
	return (uint16_t)(owner - 1);
}

/* The outer headers in use. Any worker, until its next quiescent point. */
static inline const struct esp_outer *esp_outer_of(const struct esp_sa *sa)
{
	return &sa->outer[__atomic_load_n(&sa->outer_at, __ATOMIC_ACQUIRE)];
}

/* Is a limit reached? Seldom; then esp_limits says which one. */
static inline bool esp_is_at_limit(const struct esp_sa *sa)
{
	return __builtin_expect(sa->packets >= sa->least_packets || sa->bytes >= sa->least_bytes,
				0);
}

/* Begins to load what each packet of the SA needs besides its keys. */
static inline void esp_prefetch(const struct esp_sa *sa)
{
	__builtin_prefetch(sa);
	__builtin_prefetch(&sa->window, 1);
	__builtin_prefetch(&sa->outer[0]);
}

/* Adds to a counter that the control thread reads. The SA's worker. */
static inline void esp_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* Puts an event into the ring of @worker, whose thread calls. False: the ring is full. */
bool esp_put_event(struct esp_table *t, uint16_t worker, const struct esp_event *e);
