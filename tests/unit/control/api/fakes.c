/* See fakes.h. A query is answered at once; its cursor is the number of the next flow. */
#include "fakes.h"

struct worker fake_workers[FAKE_WORKERS];

void worker_read_counters(const struct worker *w, struct worker_counters *out)
{
	*out = w->counters;
}

void worker_read_tunnel(const struct worker *w, uint16_t tunnel, struct tunnel_counters *out)
{
	*out = w->tunnel;
}

/* No test of the API probes a tunnel. */
bool worker_inject(struct worker *w, enum inject_kind kind, uint16_t to, const void *bytes,
		   size_t len)
{
	return false;
}

struct probe_row *worker_probes(struct worker *w, uint16_t tunnel)
{
	return NULL;
}

void worker_read_port(const struct worker *w, uint16_t port, struct port_counters *out)
{
	*out = w->port;
}

void worker_read_site(const struct worker *w, uint16_t site, struct site_counters *out)
{
	*out = w->site;
}

void worker_read_slice(const struct worker *w, uint32_t slice, struct slice_counters *out)
{
	*out = w->slice;
}

size_t worker_read_unknown(const struct worker *w, struct unknown_tunnel *out)
{
	for (size_t i = 0; i < w->n_unknown; i++)
		out[i] = w->unknown[i];
	return w->n_unknown;
}

/* Flow number i of worker 0 has source port i, that of worker 1 has 10,000 + i. */
static void fill(const struct worker *w, uint32_t i, struct flow_view *view)
{
	*view = (struct flow_view){
		.flow = {.src = inet_addr("10.0.1.10"),
			 .dst = inet_addr("192.0.2.1"),
			 .sport = htons((w == &fake_workers[0] ? 0 : 10000) + i),
			 .dport = htons(53),
			 .site = 1 + i % 2,
			 .proto = 17,
			 .state = FLOW_UDP,
			 .nat_src = inet_addr("198.51.100.1"),
			 .nat_port = htons(2048 + i),
			 .onramp = 1 + i % 2,
			 .packets = {3, 2},
			 .bytes = {300, 200}},
		.idle_s = i,
		.expires_s = 300 - i,
	};
}

void worker_query_start(struct worker *w, struct flow_query *q)
{
	q->put = q->taken = q->cancelled = 0;
	while ((q->limit == 0 || q->put < q->limit) && q->cursor < w->n_flows) {
		uint32_t i = q->cursor++;

		if (!q->filter.has_site || q->filter.site == 1 + i % 2)
			fill(w, i, &q->flows[q->put++]);
	}
	if (q->cursor >= w->n_flows)
		q->cursor = 0;
	q->ended = 1;
}
