/*
 * Changes, as a property: flows that a change does not concern go on, the others end under their
 * reason, and all ids and ports are given back.
 *
 *    50 sites with the same hosts and up to 3 tunnels each (plan.h)
 *         \ | /
 *       [ gateway ]  1, 2 or 4 workers; at random, sites, tunnels, pools, addresses and slices come, go,
 *           |        change, and change their order and names, again and again
 *      16 servers
 *
 * A model knows each flow, and computes from the plan what a change does to it, by the rules of
 * docs/changes.md. After each change
 *
 *   flows that ended, by reason, flows that moved, and flows that are left are as many as it says;
 *   what is left, by site and by slice, and the ports that they use, too;
 *   a return of an ended flow reaches nobody (law 1), one of another the tunnel that it should;
 *   packets of old flows open none, and leave by the same address and port;
 *   all ports that leave are ours (law 2), every packet is accounted for (law 3), in each worker.
 *
 * CHANGE_SEED=n repeats a run, CHANGES=n makes it longer.
 */
#include "bed.h"
#include "frame.h"
#include "model6.h"
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum {
	SITES = 50,
	CHANGES_DEFAULT = 1000,
	FLOWS_MAX = 4096,
	ENDED_MAX = 4096,
	NEW_FLOWS = 48, /* after each change */
	OLD_FLOWS = 32, /* checked again after each change */
	SERVERS = 16,
	UNDERLAY = 0,
	UPLINK = 1,
	SYN = 2,
	SYN_ACK = 18,
};

#define GATEWAY IP(198, 51, 100, 1)

struct flow_model {
	struct frame first; /* as the site sends it, without outer headers */
	uint32_t site, tunnel; /* serials; @tunnel: of its last packet */
	uint16_t egress_port;
	uint32_t egress;
	uint32_t token;
};

static struct {
	uint64_t random;
	struct bed *bed;
	struct plan plan;
	struct flow_model flows[FLOWS_MAX], ended[ENDED_MAX];
	unsigned n_flows, n_ended;
	uint32_t token;
	uint32_t opened, moved, ends[ENDED_COUNT];
} run;

static uint32_t below(uint32_t n)
{
	return plan_random(&run.random, n);
}

static const struct plan_tunnel *find_tunnel(const struct plan *p, const struct flow_model *m)
{
	const struct plan_site *site = plan_find_site(p, m->site);

	for (unsigned k = 0; site != NULL && k < site->n_tunnels; k++)
		if (site->tunnels[k].serial == m->tunnel)
			return &site->tunnels[k];
	return NULL;
}

static void send_frame(unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	if (bed_first_queues != 0)
		bed_send_to(run.bed, port, below(port == UNDERLAY ? bed_first_queues : bed_queues),
			    bytes, model6_build(f, bytes));
	else
		bed_send(run.bed, port, bytes, model6_build(f, bytes));
}

static void send_forward(const struct flow_model *m, const struct plan_tunnel *t, uint8_t tcp_flags)
{
	struct frame f = m->first;

	f.outer_src = plan_outer(t);
	f.outer_dst = GATEWAY;
	f.has_key = t->ends % 2 == 1;
	f.key = f.has_key ? t->ends : 0;
	f.tcp_flags = f.proto == 6 ? tcp_flags : 0;
	send_frame(UNDERLAY, &f);
}

static void send_return(const struct flow_model *m)
{
	const struct frame *first = &m->first;
	struct frame f = {
		.six = first->six,
		.src = first->dst,
		.dst = m->egress,
		.sport = first->proto == 1 ? m->egress_port : first->dport,
		.dport = m->egress_port,
		.proto = first->proto,
		.tcp_flags = first->proto == 6 ? SYN_ACK : 0,
		.token = first->token,
		.payload = first->payload,
	};

	send_frame(UPLINK, &f);
}

/* Takes the next frame that went out by @port. */
static bool take_frame(unsigned port, struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = bed_take(run.bed, port, bytes);
	const char *why;

	if (len > 0 && !model6_parse(bytes, len, f, &why))
		fail_msg("out by port %u: wrong %s", port, why);
	return len > 0;
}

static bool is_independent(const struct plan_pool *pool)
{
	return pool != NULL && pool->independent;
}

/*
 * Did the address have slices of another size or mapping before? Then it counts as another address.
 */
static bool is_renewed(const struct plan *before, const struct plan_pool *after,
		       const struct flow_model *m)
{
	unsigned slice;
	const struct plan_pool *pool =
		plan_find_slice(before, m->egress, m->first.six, m->egress_port, &slice);

	return pool->independent != after->independent || pool->slice_size != after->slice_size;
}

static enum ended judge(const struct plan *before, const struct plan *after,
			const struct flow_model *m)
{
	const struct plan_site *site = plan_find_site(after, m->site);
	const struct plan_pool *pool;
	unsigned slice;

	if (site == NULL)
		return ENDED_SITE_REMOVED;
	if (model6_is_global(&m->first))
		return site->global ? ENDED_NOT : ENDED_PREFIX_REMOVED;
	if (!plan_allows(site, m->first.src, m->first.six))
		return ENDED_SOURCE_REMOVED;
	pool = plan_find_slice(after, m->egress, m->first.six, m->egress_port, &slice);
	if (pool == NULL || is_renewed(before, pool, m))
		return ENDED_SLICE_LOST;
	if (run.plan.workers > 1 && !m->first.six &&
	    is_independent(pool) != is_independent(plan_default_pool(after, false)))
		return ENDED_MAPPING_CHANGED;
	return ENDED_NOT;
}

static bool is_same(const struct flow_model *a, const struct flow_model *b)
{
	const struct frame *x = &a->first, *y = &b->first;

	return a->site == b->site && x->six == y->six && x->proto == y->proto && x->src == y->src &&
	       x->dst == y->dst && x->sport == y->sport && x->dport == y->dport;
}

static bool is_known(const struct flow_model *m)
{
	for (unsigned i = 0; i < run.n_flows; i++)
		if (is_same(m, &run.flows[i]))
			return true;
	return false;
}

static bool make_flow(struct flow_model *m)
{
	static const uint8_t protos[] = {1, 6, 17};
	const struct plan_site *site = &run.plan.sites[below(run.plan.n_sites)];
	struct frame *f = &m->first;

	*m = (struct flow_model){.site = site->serial, .token = ++run.token};
	m->tunnel = site->tunnels[below(site->n_tunnels)].serial;
	f->six = below(2) == 0;
	f->src = f->six && below(2) == 0 ? plan_global_host(site, below(PLAN_HOSTS))
					 : IP(10, 0, 1, 10) + below(PLAN_HOSTS);
	f->dst = IP(192, 0, 2, 1) + below(SERVERS);
	f->proto = protos[below(3)];
	f->sport = (uint16_t)(40000 + below(200));
	f->dport = f->proto == 1 ? 0 : (uint16_t)(440 + below(8));
	f->icmp_type = f->proto == 1 ? 8 : 0;
	f->payload = 8;
	f->token = (uint64_t)m->site << 32 | m->token;
	if (model6_is_global(f) ? !site->global
				: !plan_allows(site, f->src, f->six) ||
					  plan_default_pool(&run.plan, f->six) == NULL)
		return false;
	return !is_known(m);
}

/* A first packet has left. Its port must be in our slices, and in the pool for new flows. */
static void learn_egress(struct flow_model *m, const struct frame *out)
{
	unsigned slice;

	if (model6_is_global(&m->first)) {
		assert_int_equal(out->src, m->first.src);
		assert_int_equal(out->sport, m->first.sport);
	} else {
		const struct plan_pool *pool =
			plan_find_slice(&run.plan, out->src, out->six, out->sport, &slice);

		assert_non_null(pool);
		assert_ptr_equal(pool, plan_default_pool(&run.plan, out->six));
	}
	m->egress = out->src;
	m->egress_port = out->sport;
}

static struct flow_model *find_model(uint64_t token)
{
	for (unsigned i = run.n_flows; i-- > 0;)
		if (run.flows[i].first.token == token)
			return &run.flows[i];
	return NULL;
}

static bool is_alive(uint64_t token)
{
	return find_model(token) != NULL;
}

static struct flow_model *model_of(uint64_t token)
{
	struct flow_model *m = find_model(token);

	if (m == NULL)
		fail_msg("a packet of a flow that has ended");
	return m;
}

static void open_flows(void)
{
	uint64_t before = bed_counters(run.bed).flows_created;
	unsigned n = 0, first = run.n_flows;
	struct frame out;

	for (unsigned i = 0; i < NEW_FLOWS && run.n_flows < FLOWS_MAX; i++) {
		struct flow_model *m = &run.flows[run.n_flows];

		if (!make_flow(m))
			continue;
		run.n_flows++;
		send_forward(m, find_tunnel(&run.plan, m), SYN);
	}
	bed_run(run.bed);
	while (take_frame(UPLINK, &out)) {
		struct flow_model *m = model_of(out.token);

		assert_true(m >= &run.flows[first] && m->egress == 0);
		learn_egress(m, &out);
		n++;
	}
	assert_false(take_frame(UNDERLAY, &out));
	assert_int_equal(n, run.n_flows - first);
	assert_int_equal(bed_counters(run.bed).flows_created - before, n);
	run.opened += n;
}

/* Checks the site, the tunnel that the model expects, and the content. */
static void check_at_home(const struct frame *out)
{
	const struct flow_model *m = model_of(out->token);
	const struct plan_site *site = NULL;
	const struct plan_tunnel *t =
		plan_find_tunnel(&run.plan, out->outer_dst, out->has_key, out->key, &site);

	assert_non_null(t);
	assert_int_equal(site->serial, m->site);
	assert_int_equal(t->serial, m->tunnel);
	assert_int_equal(out->src, m->first.dst);
	assert_int_equal(out->dst, m->first.src);
	assert_int_equal(out->proto == 1 ? out->sport : out->dport, m->first.sport);
}

static void old_flows_return(void)
{
	struct frame out;
	unsigned n = 0, sent = run.n_flows < OLD_FLOWS ? run.n_flows : OLD_FLOWS;

	for (unsigned i = 0; i < sent; i++)
		send_return(&run.flows[below(run.n_flows)]);
	bed_run(run.bed);
	for (; take_frame(UNDERLAY, &out); n++)
		check_at_home(&out);
	assert_int_equal(n, sent);
	assert_false(take_frame(UPLINK, &out));
}

/* Sends them by any tunnel of their site. Their return packets go by that tunnel from now on. */
static void old_flows_send(void)
{
	uint64_t before = bed_counters(run.bed).flows_created;
	struct frame out;
	unsigned n = 0, sent = run.n_flows < OLD_FLOWS ? run.n_flows : OLD_FLOWS;

	for (unsigned i = 0; i < sent; i++) {
		struct flow_model *m = &run.flows[below(run.n_flows)];
		const struct plan_site *site = plan_find_site(&run.plan, m->site);
		const struct plan_tunnel *t = &site->tunnels[below(site->n_tunnels)];

		m->tunnel = t->serial;
		send_forward(m, t, SYN);
		bed_run(run.bed); /* packets by two tunnels must not change their order */
	}
	for (; take_frame(UPLINK, &out); n++) {
		const struct flow_model *m = model_of(out.token);

		assert_int_equal(out.src, m->egress);
		assert_int_equal(out.sport, m->egress_port);
		assert_int_equal(out.dst, m->first.dst);
	}
	assert_int_equal(n, sent);
	assert_int_equal(bed_counters(run.bed).flows_created, before);
}

static void returns_of_the_ended(void)
{
	struct frame out;

	for (unsigned i = 0; i < run.n_ended; i++) {
		send_return(&run.ended[i]);
		if (i % 64 == 63)
			bed_run(run.bed);
	}
	bed_run(run.bed);
	assert_false(take_frame(UNDERLAY, &out));
	while (take_frame(UPLINK, &out)) /* possibly an ICMP error to the sender */
		;
}

static int compare_ports(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Counts the flows of one slice, and the ports that they use. */
static void check_slice(const struct network *net, uint32_t number)
{
	const struct slice *slice = &net->slices[number];
	const struct egress_address *a = &net->addresses[slice->address];
	bool six = slice->addr == 0;
	uint32_t addr = six ? IP(203, 0, 113, 0) + (uint32_t)(be64toh(a->addr6.half[1]) & 255)
			    : ntohl(slice->addr);
	uint32_t ports[FLOWS_MAX], n = 0, different = 0, flows = 0, used = 0;

	for (unsigned i = 0; i < run.n_flows; i++) {
		const struct flow_model *m = &run.flows[i];

		if (m->first.six == six && m->egress == addr &&
		    m->egress_port >= slice->first_port &&
		    m->egress_port < slice->first_port + slice->size)
			ports[n++] = m->egress_port;
	}
	qsort(ports, n, sizeof(ports[0]), compare_ports);
	for (uint32_t i = 0; i < n; i++)
		different += i == 0 || ports[i] != ports[i - 1];
	for (unsigned w = 0; w < bed_workers(run.bed); w++) {
		struct slice_counters c;

		worker_read_slice(bed_worker(run.bed, w), number, &c);
		flows += c.flows;
		used += c.ports;
	}
	assert_int_equal(flows, n);
	assert_int_equal(used, different);
}

static void check_site(const struct plan_site *site)
{
	uint64_t flows = 0, counted = 0;

	for (unsigned i = 0; i < run.n_flows; i++)
		flows += run.flows[i].site == site->serial;
	for (unsigned w = 0; w < bed_workers(run.bed); w++) {
		struct site_counters c;

		worker_read_site(bed_worker(run.bed, w), site->id, &c);
		counted += c.flows;
	}
	assert_int_equal(counted, flows);
}

static void check_numbers(void)
{
	const struct network *net = bed_network(run.bed);

	assert_int_equal(bed_counters(run.bed).flows, run.n_flows);
	for (uint32_t i = 0; i < net->n_slices; i++)
		check_slice(net, i);
	for (unsigned i = 0; i < run.plan.n_sites; i++)
		check_site(&run.plan.sites[i]);
	bed_check(run.bed);
}

/* The counters of a new id begin at 0. But flows may have moved to a site's first tunnel since. */
static void check_new(const struct plan *before)
{
	for (unsigned i = 0; i < run.plan.n_sites; i++) {
		const struct plan_site *site = &run.plan.sites[i];

		for (unsigned k = 0; k < site->n_tunnels; k++) {
			const struct plan_tunnel *t = &site->tunnels[k];
			uint64_t packets = 0;

			for (unsigned w = 0; w < bed_workers(run.bed); w++) {
				struct tunnel_counters c;

				worker_read_tunnel(bed_worker(run.bed, w), t->id, &c);
				packets += c.rx_packets + (k == 0 ? 0 : c.tx_packets);
			}
			if (t->serial >= before->serial)
				assert_int_equal(packets, 0);
		}
	}
}

/*
 * Removes the flows that must end from the model. Returns how many must move. Adds to @may_move the
 * flows that end and may have moved before: a change that renews an address is published twice.
 */
static uint32_t foresee(const struct plan *before, uint32_t *ends, uint32_t *may_move)
{
	uint32_t moved = 0;
	unsigned kept = 0;

	run.n_ended = 0;
	for (unsigned i = 0; i < run.n_flows; i++) {
		struct flow_model *m = &run.flows[i];
		enum ended why = judge(before, &run.plan, m);

		ends[why]++;
		if (why != ENDED_NOT) {
			*may_move += why != ENDED_SITE_REMOVED && find_tunnel(&run.plan, m) == NULL;
			run.ended[run.n_ended++] = *m;
			continue;
		}
		if (find_tunnel(&run.plan, m) == NULL) {
			m->tunnel = plan_find_site(&run.plan, m->site)->tunnels[0].serial;
			moved++;
		}
		run.flows[kept++] = *m;
	}
	run.n_flows = kept;
	return moved;
}

/*
 * The change is published, and the sweep has not begun. Each host gets packets of its own flows
 * only; hosts whose flows go on get all of them.
 */
static void meanwhile(void *arg)
{
	unsigned sent = run.n_flows < OLD_FLOWS ? run.n_flows : OLD_FLOWS, n = 0;
	struct frame out;

	for (unsigned i = 0; i < sent; i++)
		send_return(&run.flows[below(run.n_flows)]);
	for (unsigned i = 0; i < OLD_FLOWS && run.n_ended > 0; i++)
		send_return(&run.ended[below(run.n_ended)]);
	bed_run(run.bed);
	while (take_frame(UNDERLAY, &out)) {
		const struct plan_site *site = NULL;

		assert_non_null(
			plan_find_tunnel(&run.plan, out.outer_dst, out.has_key, out.key, &site));
		assert_int_equal(site->serial, out.token >> 32);
		n += is_alive(out.token);
	}
	assert_int_equal(n, sent);
	while (take_frame(UPLINK, &out))
		;
}

static void change(void)
{
	struct worker_counters was = bed_counters(run.bed), is;
	uint32_t ends[ENDED_COUNT] = {0}, moved, may_move = 0;
	struct plan before = run.plan;
	struct change_sweep sum;

	plan_change(&run.plan, &run.random);
	moved = foresee(&before, ends, &may_move);
	sum = plan_apply(run.bed, &before, &run.plan, meanwhile, NULL);
	is = bed_counters(run.bed);
	for (unsigned r = ENDED_NOT + 1; r < ENDED_COUNT; r++) {
		if (sum.ended[r] != ends[r])
			fail_msg("%u flows ended as %s, not %u", (unsigned)sum.ended[r],
				 ended_infos[r].name, ends[r]);
		assert_int_equal(is.flows_ended_by[r] - was.flows_ended_by[r], ends[r]);
		run.ends[r] += ends[r];
	}
	assert_in_range(sum.moved, moved, moved + may_move);
	assert_int_equal(is.flows_ended - was.flows_ended, run.n_ended);
	run.moved += moved;
	check_new(&before);
}

static void hold_clocks(uint64_t ns)
{
	for (unsigned w = 0; w < bed_workers(run.bed); w++)
		worker_hold_clock(bed_worker(run.bed, w), ns);
}

static void step(unsigned i)
{
	change();
	returns_of_the_ended();
	old_flows_return();
	old_flows_send();
	if (run.n_flows + NEW_FLOWS < FLOWS_MAX)
		open_flows();
	if (i % 8 == 0)
		hold_clocks(UINT64_C(3) * 1000000000); /* resting ports are free afterwards */
	check_numbers();
}

/* Each packet comes by a random queue of these; 0: by the underlay's in turn, a queue a worker. */
static struct way {
	unsigned workers, underlay, uplink;
} ways[] = {{1, 0, 1}, {2, 0, 1}, {4, 0, 1}, {2, 2, 2}, {4, 6, 3}};

static void play(void **state)
{
	const struct way *way = *state;
	const char *text = getenv("CHANGES");
	unsigned n = text != NULL ? (unsigned)atoi(text) : CHANGES_DEFAULT;
	char *yaml;

	run.n_flows = run.opened = run.moved = run.token = 0;
	memset(run.ends, 0, sizeof(run.ends));
	bed_first_queues = way->underlay;
	bed_queues = way->uplink;
	plan_begin(&run.plan, way->workers, SITES, &run.random);
	yaml = plan_write(&run.plan);
	run.bed = bed_create(yaml, run.random);
	free(yaml);
	hold_clocks(0);
	for (unsigned i = 0; i < 8; i++)
		open_flows();
	check_numbers();
	for (unsigned i = 0; i < n; i++)
		step(i);
	printf("%u changes, %u flows: %u moved, %u left", n, run.opened, run.moved, run.n_flows);
	for (unsigned r = ENDED_NOT + 1; r < ENDED_COUNT; r++)
		printf(", %u %s", run.ends[r], ended_infos[r].name);
	printf("\n");
	assert_true(run.moved > n / 10 && run.ends[ENDED_SITE_REMOVED] > n / 4 &&
		    run.ends[ENDED_SLICE_LOST] > n / 4); /* otherwise the run has tested nothing */
	bed_destroy(run.bed);
}

int main(void)
{
	const char *seed = getenv("CHANGE_SEED");
	const struct CMUnitTest tests[] = {
		{"one_worker", play, NULL, NULL, &ways[0]},
		{"two_workers", play, NULL, NULL, &ways[1]},
		{"four_workers", play, NULL, NULL, &ways[2]},
		{"any_queue_of_two_workers", play, NULL, NULL, &ways[3]},
		{"more_and_fewer_queues_than_workers", play, NULL, NULL, &ways[4]},
	};

	run.random = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	printf("CHANGE_SEED=%llu\n", (unsigned long long)run.random);
	return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
