/*
 * A far end, the workers and the clock of a prober, for tests. Include it once in a program.
 *
 *   prober --worker_inject()--> [ a probe ] -- after delay_ms, if the far end lives --> the row
 */
#pragma once

#include "control/health/health_internal.h"

#include "base/wire.h"

#include <string.h>

enum { FAKE_TUNNELS = 8, FAKE_WORKERS = 2, FAKE_PENDING = 256 };

struct fake_pending {
	uint64_t at_ns, number;
	uint16_t tunnel;
	uint8_t slot;
};

static struct fake {
	uint64_t now_ns;
	bool dead[FAKE_TUNNELS]; /* the far end does not answer */
	bool full; /* the ring to the worker is full */
	uint64_t delay_ms;
	uint64_t rx[FAKE_TUNNELS];
	unsigned sent[FAKE_TUNNELS];
	struct probe_row rows[FAKE_WORKERS][FAKE_TUNNELS];
	struct fake_pending pending[FAKE_PENDING];
	unsigned n_pending;
} fake;

struct worker {
	unsigned number;
};

static struct worker fake_workers[FAKE_WORKERS] = {{0}, {1}};
static struct worker *const fake_pointers[FAKE_WORKERS] = {&fake_workers[0], &fake_workers[1]};

bool __wrap_worker_inject(struct worker *w, enum inject_kind kind, uint16_t to, const void *bytes,
			  size_t len);
struct probe_row *__wrap_worker_probes(struct worker *w, uint16_t tunnel);
void __wrap_worker_read_tunnel(const struct worker *w, uint16_t tunnel,
			       struct tunnel_counters *out);

bool __wrap_worker_inject(struct worker *w, enum inject_kind kind, uint16_t to, const void *bytes,
			  size_t len)
{
	const uint8_t *icmp = (const uint8_t *)bytes + len - PROBE_LEN;
	struct fake_pending p = {fake.now_ns + fake.delay_ms * NS_PER_MS, 0,
				 wire_16(icmp + PROBE_TUNNEL_AT), icmp[PROBE_SLOT_AT]};

	assert_int_equal(kind, INJECT_TUNNEL);
	assert_int_equal(to, p.tunnel);
	if (fake.full)
		return false;
	memcpy(&p.number, icmp + PROBE_NUMBER_AT, sizeof(p.number));
	assert_int_equal(fake.rows[0][to].awaited[p.slot], p.number); /* before it is sent */
	assert_int_equal(fake.rows[1][to].awaited[p.slot], p.number);
	fake.sent[to]++;
	if (!fake.dead[to] && fake.n_pending < FAKE_PENDING)
		fake.pending[fake.n_pending++] = p;
	return true;
}

struct probe_row *__wrap_worker_probes(struct worker *w, uint16_t tunnel)
{
	return &fake.rows[w->number][tunnel];
}

void __wrap_worker_read_tunnel(const struct worker *w, uint16_t tunnel, struct tunnel_counters *out)
{
	*out = (struct tunnel_counters){.rx_packets = w->number == 0 ? fake.rx[tunnel] : 0};
}

/* Answers arrive, alternately at both workers. */
static inline void fake_arrive(void)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < fake.n_pending; i++) {
		const struct fake_pending *p = &fake.pending[i];

		if (p->at_ns > fake.now_ns)
			fake.pending[kept++] = *p;
		else
			fake.rows[p->number % FAKE_WORKERS][p->tunnel].answers[p->slot] =
				(struct probe_answer){p->number, p->at_ns};
	}
	fake.n_pending = kept;
}
