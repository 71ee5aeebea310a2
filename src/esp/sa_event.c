/*
 * Events from workers to the control thread.
 *
 * A ring for each worker has one writer and one reader. A full ring loses events. That of a limit
 * is told again by the next packet; the others repeat as long as their cause lasts.
 */
#include "esp/sa_event.h"

#include "base/memory.h"
#include "base/wire.h"
#include "esp/outer.h"

#include <stdlib.h>
#include <string.h>

enum { RING = 256 };

#define AGAIN_NS UINT64_C(1000000000)
#define APART_NS UINT64_C(100000000) /* mappings of one SA */

struct esp_ring {
	_Alignas(CACHE_LINE) uint32_t put; /* the worker's */
	uint64_t lost;
	_Alignas(CACHE_LINE) uint32_t taken; /* the control thread's */
	uint16_t workers, next; /* in the first ring: of all; the ring to ask first */
	_Alignas(CACHE_LINE) struct esp_event at[RING];
};

struct esp_ring *esp_rings_create(uint16_t workers)
{
	struct esp_ring *rings = memory_lines(workers * sizeof(*rings));

	if (rings != NULL)
		rings->workers = workers;
	return rings;
}

void esp_rings_destroy(struct esp_ring *rings)
{
	free(rings);
}

bool esp_put_event(struct esp_table *t, uint16_t worker, const struct esp_event *e)
{
	struct esp_ring *r = &t->rings[worker];

	if (r->put - __atomic_load_n(&r->taken, __ATOMIC_ACQUIRE) == RING) {
		esp_count(&r->lost, 1);
		return false;
	}
	r->at[r->put % RING] = *e;
	__atomic_store_n(&r->put, r->put + 1, __ATOMIC_RELEASE);
	return true;
}

bool esp_take_event(struct esp_table *t, struct esp_event *e)
{
	for (uint16_t i = 0; i < t->workers; i++) {
		struct esp_ring *r = &t->rings[t->rings->next];

		t->rings->next = (uint16_t)((t->rings->next + 1) % t->workers);
		if (__atomic_load_n(&r->put, __ATOMIC_ACQUIRE) == r->taken)
			continue;
		*e = r->at[r->taken % RING];
		__atomic_store_n(&r->taken, r->taken + 1, __ATOMIC_RELEASE);
		return true;
	}
	return false;
}

uint64_t esp_events_lost(const struct esp_table *t)
{
	uint64_t lost = 0;

	for (uint16_t i = 0; i < t->workers; i++)
		lost += __atomic_load_n(&t->rings[i].lost, __ATOMIC_RELAXED);
	return lost;
}

static struct esp_event about(const struct esp_sa *sa, enum esp_event_type type)
{
	return (struct esp_event){
		.type = (uint8_t)type,
		.tunnel = sa->tunnel,
		.handle = sa->handle,
		.spi = ntohl(sa->spi),
	};
}

void esp_tell_limit(struct esp_worker *w, struct esp_sa *sa, enum esp_event_type type)
{
	struct esp_event e = about(sa, type);

	if ((sa->told >> type & 1) == 0 && esp_put_event(w->table, w->index, &e))
		sa->told = (uint8_t)(sa->told | 1 << type);
}

void esp_tell_mapping(struct esp_worker *w, struct esp_sa *sa, const struct esp_ends *from)
{
	struct esp_event e = about(sa, ESP_EVENT_MAPPING);

	if (w->now_ns + (AGAIN_NS - APART_NS) < sa->mapping_until_ns)
		return;
	if (w->now_ns < sa->mapping_until_ns && from->udp == sa->mapping.udp &&
	    esp_outer_is_from(from, &sa->mapping))
		return;
	e.udp = from->udp;
	e.ends = *from;
	if (!esp_put_event(w->table, w->index, &e))
		return;
	sa->mapping = *from;
	sa->mapping_until_ns = w->now_ns + AGAIN_NS;
}

static void read_inner(struct esp_event *e, const uint8_t *ip, size_t len)
{
	bool six = ip[IPV6_VERSION] >> 4 == 6;
	size_t header = six ? IPV6_LEN : (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4;

	e->src = six ? addr6_read(ip + IPV6_SRC) : addr6_from_ipv4(wire_be32(ip + IPV4_SRC));
	e->dst = six ? addr6_read(ip + IPV6_DST) : addr6_from_ipv4(wire_be32(ip + IPV4_DST));
	e->protocol = six ? ip[IPV6_NEXT] : ip[IPV4_PROTO];
	if ((e->protocol != PROTO_TCP && e->protocol != PROTO_UDP) || len < header + 4)
		return;
	e->src_port = wire_16(ip + header);
	e->dst_port = wire_16(ip + header + 2);
}

void esp_tell_acquire(struct esp_worker *w, uint16_t tunnel, const uint8_t *inner, size_t len)
{
	struct esp_event e = {.type = ESP_EVENT_ACQUIRE, .tunnel = tunnel};

	if (w->now_ns < w->acquire_ns[tunnel])
		return;
	read_inner(&e, inner, len);
	if (esp_put_event(w->table, w->index, &e))
		w->acquire_ns[tunnel] = w->now_ns + AGAIN_NS;
}

void esp_tell_unknown(struct esp_worker *w, uint32_t spi, const struct esp_ends *from)
{
	struct esp_event e = {.type = ESP_EVENT_UNKNOWN_SPI, .spi = spi, .ends = *from};

	if (w->now_ns < w->unknown_ns)
		return;
	e.udp = from->udp;
	if (esp_put_event(w->table, w->index, &e))
		w->unknown_ns = w->now_ns + AGAIN_NS;
}
