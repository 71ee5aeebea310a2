/*
 * Home, as a property: a return packet is delivered to the site that started its flow, or to
 * nobody.
 *
 *    50 sites, all with the same hosts 10.0.1.10 to .25 and the same source ports; where both
 *    families are mixed, each host also has an IPv6 address that ends with its IPv4 address; with
 *    global prefixes some have a global IPv6 address, which the model calls 11.SITE.1.HOST
 *         \ | /  GRE, with and without key, some sites behind one outer address; with `over_six` two
 *                of three tunnels are over IPv6
 *       [ gateway ]  four egress addresses, slices here and there
 *           |
 *      16 servers: each answers each packet, in random order, some twice, some never
 *
 * Every packet carries a token that names its flow. After each run: no packet was at a wrong site,
 * every packet was changed only as it should be, every egress port is in our slices (law 2), no two
 * flows have the same return key, and every packet is accounted for (law 3).
 *
 * HOME_SEED=n repeats a run, HOME_FLOWS=n makes it longer.
 */
#include "bed.h"
#include "frame.h"
#include "model6.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum {
	SITES = 50,
	HOSTS = 16,
	SOURCE_PORTS = 40,
	SERVERS = 16,
	FLOWS_DEFAULT = 60000,
	PENDING_MAX = 4096, /* packets in flight in the Internet */
	SLICE = 2048,
	UNDERLAY = 0,
	UPLINK = 1,
	ESP = 50,
	SCTP = 132,
};

struct flow_model {
	struct frame first; /* as the site sends it */
	uint16_t site;
	bool mapped; /* its first packet has left by the uplink */
	uint32_t egress;
	uint16_t egress_port;
	uint32_t delivered;
};

static struct {
	uint64_t random;
	struct bed *bed;
	bool mixed; /* every other flow is IPv6 */
	bool over_six; /* two of three tunnels are */
	bool global; /* and every other IPv6 flow is untranslated */
	bool any_queue; /* each packet comes by a random queue */
	uint32_t n_global;
	struct flow_model *flows;
	uint32_t n_flows;
	struct frame pending[PENDING_MAX];
	unsigned n_pending;
	uint32_t lost, doubled, sent;
} run;

static uint64_t random_next(void)
{
	/* splitmix64 (Steele, Lea, Flood 2014) */
	uint64_t z = run.random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint32_t random_below(uint32_t n)
{
	return (uint32_t)(random_next() % n);
}

/* Sites 0 to 9 share one outer address and differ by key; the others have their own. */
static uint32_t outer_of(unsigned site)
{
	return site < 10 ? IP(198, 51, 100, 10) : IP(198, 51, 100, 10) + site;
}

static bool has_key(unsigned site)
{
	return site < 10 || site % 2 == 0;
}

static bool is_over_ipv6(unsigned site)
{
	return run.over_six && site % 3 != 0;
}

static bool slice_is_ours(unsigned address, unsigned slice)
{
	return slice >= 1 && slice % 4 != address;
}

static char *make_yaml(unsigned workers, bool independent)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "workers: %u\n", workers);
	fprintf(out,
		"flows: {capacity: 262144, capacity-ipv6: %u}\nports:\n"
		"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		"sites:\n",
		run.mixed ? 262144 : 0);
	for (unsigned s = 0; s < SITES; s++) {
		uint32_t o = outer_of(s);
		char key[32] = "", global[80] = "";
		const char *net = is_over_ipv6(s) ? MODEL6_OUTER : "";

		if (has_key(s))
			snprintf(key, sizeof(key), "key: %u, ", s);
		if (run.global)
			snprintf(global, sizeof(global), "    global-prefixes: ['%sb%02x:0/112']\n",
				 MODEL6_GLOBAL, s);
		fprintf(out,
			"  - name: s%u\n    prefixes: [10.0.1.0/24, 'fd00::/64']\n%s    tunnels:\n"
			"      - {name: t%u, %slocal: '%s198.51.100.1', remote: '%s%u.%u.%u.%u', "
			"port: underlay}\n",
			s, global, s, key, net, net, o >> 24, o >> 16 & 255, o >> 8 & 255, o & 255);
	}
	fprintf(out, "egress:\n  - name: internet\n    port: uplink\n");
	fprintf(out, "    mapping: %s\n    addresses:\n",
		independent ? "endpoint-independent" : "address-and-port-dependent");
	for (unsigned i = 0; i < (run.mixed ? 8 : 4); i++) {
		unsigned a = i % 4;

		fprintf(out, "      - {address: '%s203.0.113.%u', slices: [",
			i < 4 ? "" : MODEL6_EGRESS, a + 1);
		for (unsigned k = 1, first = 1; k < 32; k++) {
			if (slice_is_ours(a, k)) {
				fprintf(out, "%s%u", first ? "" : ", ", k);
				first = 0;
			}
		}
		fprintf(out, "]}\n");
	}
	fclose(out);
	return text;
}

/* Untranslated flows also use protocols that are not translated. */
static void make_global(struct frame *f, unsigned site)
{
	static const uint8_t others[] = {ESP, SCTP};

	run.n_global++;
	f->src = IP(11, site, 1, 10) + random_below(HOSTS);
	if (f->proto != 17 || random_below(2) == 0)
		return;
	f->proto = others[random_below(2)];
	if (f->proto == ESP)
		f->sport = f->dport = 0;
}

static void make_flow(uint32_t i)
{
	static const uint8_t protos[] = {1, 6, 17};
	struct flow_model *m = &run.flows[i];
	unsigned site = random_below(SITES);
	struct frame *f = &m->first;

	*m = (struct flow_model){.site = (uint16_t)site};
	f->outer_src = outer_of(site);
	f->outer_dst = IP(198, 51, 100, 1);
	f->outer_six = is_over_ipv6(site);
	f->has_key = has_key(site);
	f->key = f->has_key ? site : 0;
	f->has_sequence = site % 3 == 0;
	f->has_checksum = site % 5 == 0;
	f->src = IP(10, 0, 1, 10) + random_below(HOSTS);
	f->dst = IP(192, 0, 2, 1) + random_below(SERVERS);
	f->proto = protos[random_below(3)];
	f->sport = (uint16_t)(40000 + random_below(SOURCE_PORTS));
	f->dport = f->proto == 1 ? 0 : (uint16_t)(440 + random_below(8));
	f->tcp_flags = f->proto == 6 ? 2 : 0;
	f->icmp_type = f->proto == 1 ? 8 : 0;
	f->payload = (uint16_t)(8 + random_below(64));
	f->token = (uint64_t)site << 32 | i;
	f->six = run.mixed && random_below(2) == 0;
	if (f->six && run.global && random_below(2) == 0)
		make_global(f, site);
}

/*
 * Removes the second of two model flows with the same five-tuple and site: the gateway cannot tell
 * them apart.
 */
static uint64_t model_key(const struct flow_model *m)
{
	const struct frame *f = &m->first;

	return (uint64_t)m->site << 48 | (uint64_t)(f->src & 0xff) << 40 |
	       (uint64_t)(f->dst & 0xff) << 32 | (uint64_t)(f->sport & 0xff) << 24 |
	       (uint64_t)(f->dport & 0xff) << 16 | (uint64_t)model6_is_global(f) << 9 |
	       (uint64_t)f->six << 8 | f->proto;
}

static int compare_models(const void *a, const void *b)
{
	uint64_t x = model_key(a), y = model_key(b);

	return x < y ? -1 : x > y;
}

static void make_flows(uint32_t n)
{
	uint32_t kept = 0;

	run.flows = calloc(n, sizeof(run.flows[0]));
	assert_non_null(run.flows);
	for (uint32_t i = 0; i < n; i++)
		make_flow(i);
	qsort(run.flows, n, sizeof(run.flows[0]), compare_models);
	for (uint32_t i = 0; i < n; i++) {
		if (kept > 0 && model_key(&run.flows[kept - 1]) == model_key(&run.flows[i]))
			continue;
		run.flows[kept++] = run.flows[i];
	}
	run.n_flows = kept;
	/* Shuffles the flows: otherwise their first packets would come sorted by site. */
	for (uint32_t i = kept; i-- > 1;) {
		uint32_t k = random_below(i + 1);
		struct flow_model swap = run.flows[i];

		run.flows[i] = run.flows[k];
		run.flows[k] = swap;
	}
	for (uint32_t i = 0; i < kept; i++)
		run.flows[i].first.token = (uint64_t)run.flows[i].site << 32 | i;
}

static struct flow_model *model_of(uint64_t token)
{
	struct flow_model *m;

	assert_true((uint32_t)token < run.n_flows);
	m = &run.flows[(uint32_t)token];
	assert_int_equal(token >> 32, m->site);
	return m;
}

/* Checks a packet that left for the Internet. A server may answer it. */
static void at_uplink(const uint8_t *bytes, size_t len)
{
	struct frame out;
	const char *why;
	struct flow_model *m;

	if (!model6_parse(bytes, len, &out, &why))
		fail_msg("at the uplink: wrong %s", why);
	m = model_of(out.token);
	assert_int_equal(out.dst, m->first.dst);
	assert_int_equal(out.dport, m->first.dport);
	assert_int_equal(out.proto, m->first.proto);
	assert_int_equal(out.six, m->first.six);
	assert_int_equal(out.ttl, 63);
	if (model6_is_global(&m->first)) {
		assert_int_equal(out.src, m->first.src);
		assert_int_equal(out.sport, m->first.sport);
	} else {
		assert_in_range(out.src, IP(203, 0, 113, 1), IP(203, 0, 113, 4));
		assert_true(slice_is_ours(out.src - IP(203, 0, 113, 1), out.sport / SLICE));
	}
	if (m->mapped) {
		assert_int_equal(out.src, m->egress);
		assert_int_equal(out.sport, m->egress_port);
	}
	m->mapped = true;
	m->egress = out.src;
	m->egress_port = out.sport;

	if (run.n_pending < PENDING_MAX)
		run.pending[run.n_pending++] = (struct frame){
			.six = out.six,
			.src = out.dst,
			.dst = out.src,
			.sport = out.proto == 1 ? out.sport : out.dport,
			.dport = out.sport,
			.proto = out.proto,
			.tcp_flags = out.proto == 6 ? 18 : 0,
			.token = out.token,
			.payload = out.payload,
		};
}

/* Checks that the packet went into a tunnel of the site that started its flow. */
static void at_underlay(const uint8_t *bytes, size_t len)
{
	struct frame out;
	const char *why;
	struct flow_model *m;

	if (!model6_parse(bytes, len, &out, &why))
		fail_msg("at the underlay: wrong %s", why);
	m = model_of(out.token);
	assert_int_equal(out.outer_six, m->first.outer_six);
	assert_int_equal(out.outer_src, IP(198, 51, 100, 1));
	assert_int_equal(out.outer_dst, m->first.outer_src);
	assert_int_equal(out.has_key, m->first.has_key);
	assert_int_equal(out.key, m->first.key);
	assert_int_equal(out.src, m->first.dst);
	assert_int_equal(out.dst, m->first.src);
	assert_int_equal(out.proto == 1 ? out.sport : out.dport, m->first.sport);
	assert_int_equal(out.ttl, 63);
	m->delivered++;
}

static void collect(void)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len;

	bed_run(run.bed);
	while ((len = bed_take(run.bed, UPLINK, bytes)) > 0)
		at_uplink(bytes, len);
	while ((len = bed_take(run.bed, UNDERLAY, bytes)) > 0)
		at_underlay(bytes, len);
}

static unsigned any_queue(unsigned port)
{
	return random_below(port == UNDERLAY ? bed_first_queues : bed_queues);
}

static void send_frame(unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];
	size_t len = model6_build(f, bytes);

	if (run.any_queue)
		bed_send_to(run.bed, port, any_queue(port), bytes, len);
	else
		bed_send(run.bed, port, bytes, len);
	run.sent++;
}

static void send_forward(uint32_t i)
{
	send_frame(UNDERLAY, &run.flows[i].first);
	if (random_below(20) == 0) { /* the network duplicates one in twenty */
		send_frame(UNDERLAY, &run.flows[i].first);
		run.doubled++;
	}
}

/* Takes a random packet of those in flight, so packets are reordered. */
static void send_return(void)
{
	unsigned k = random_below(run.n_pending);
	struct frame f = run.pending[k];

	run.pending[k] = run.pending[--run.n_pending];
	if (f.proto == 1)
		f.icmp_type = 0;
	if (random_below(20) == 0) {
		run.lost++;
		return;
	}
	send_frame(UPLINK, &f);
	if (random_below(20) == 0) {
		send_frame(UPLINK, &f);
		run.doubled++;
	}
}

static void play(void)
{
	uint32_t opened = 0;

	while (opened < run.n_flows || run.n_pending > 0) {
		unsigned forward = random_below(48), back = random_below(48);

		for (; forward > 0 && opened < run.n_flows; forward--)
			send_forward(opened++);
		if (opened < run.n_flows) /* some flows send again */
			send_forward(random_below(opened == 0 ? 1 : opened));
		if (opened == run.n_flows)
			back = run.n_pending < 64 ? run.n_pending : 64;
		for (; back > 0 && run.n_pending > 0; back--)
			send_return();
		collect();
	}
}

static int compare_return_keys(const void *a, const void *b)
{
	const struct flow_model *x = a, *y = b;
	uint64_t p = (uint64_t)x->egress << 32 | (uint64_t)x->egress_port << 8 | x->first.proto;
	uint64_t q = (uint64_t)y->egress << 32 | (uint64_t)y->egress_port << 8 | y->first.proto;

	p |= (uint64_t)x->first.six << 31;
	q |= (uint64_t)y->first.six << 31;
	if (p != q)
		return p < q ? -1 : 1;
	p = (uint64_t)x->first.dst << 16 | x->first.dport;
	q = (uint64_t)y->first.dst << 16 | y->first.dport;
	return p < q ? -1 : p > q;
}

static int compare_endpoints(const void *a, const void *b)
{
	const struct flow_model *x = a, *y = b;
	uint64_t p = (uint64_t)x->site << 56 | (uint64_t)x->first.proto << 48 |
		     (uint64_t)x->first.sport << 32 | x->first.src;
	uint64_t q = (uint64_t)y->site << 56 | (uint64_t)y->first.proto << 48 |
		     (uint64_t)y->first.sport << 32 | y->first.src;

	return p < q ? -1 : p > q;
}

/*
 * RFC 4787 REQ-1, REQ-2 and REQ-3: an endpoint has one address and port, which no other endpoint
 * has.
 */
static void check_endpoints(void)
{
	uint32_t shared = 0;

	qsort(run.flows, run.n_flows, sizeof(run.flows[0]), compare_endpoints);
	for (uint32_t i = 1; i < run.n_flows; i++) {
		const struct flow_model *x = &run.flows[i - 1], *y = &run.flows[i];

		if (x->site == y->site && x->first.src == y->first.src)
			assert_int_equal(x->egress, y->egress);
		if (compare_endpoints(x, y) == 0) {
			assert_int_equal(x->egress_port, y->egress_port);
			shared++;
		}
	}
	assert_true(shared > 0); /* otherwise the run has tested nothing */

	qsort(run.flows, run.n_flows, sizeof(run.flows[0]), compare_return_keys);
	for (uint32_t i = 1; i < run.n_flows; i++) {
		const struct flow_model *x = &run.flows[i - 1], *y = &run.flows[i];

		if (x->egress == y->egress && x->egress_port == y->egress_port &&
		    x->first.proto == y->first.proto)
			assert_int_equal(compare_endpoints(x, y), 0);
	}
}

static void check_all(void)
{
	struct worker_counters c = bed_counters(run.bed);
	uint32_t delivered = 0;

	for (uint32_t i = 0; i < run.n_flows; i++) {
		assert_true(run.flows[i].mapped);
		delivered += run.flows[i].delivered > 0;
	}
	assert_true(delivered > run.n_flows / 2); /* otherwise the run has tested too few returns */

	qsort(run.flows, run.n_flows, sizeof(run.flows[0]), compare_return_keys);
	for (uint32_t i = 1; i < run.n_flows; i++)
		assert_int_not_equal(compare_return_keys(&run.flows[i - 1], &run.flows[i]), 0);

	assert_int_equal(c.rx, run.sent);
	if (bed_worker(run.bed, 1) != NULL) /* otherwise the run has tested nothing */
		assert_true(c.handed_in > run.sent / 8);
	assert_int_equal(c.flows, run.n_flows);
	for (unsigned d = 1; d < DROP_COUNT; d++)
		assert_int_equal(c.drops[d], 0);
	printf("%u flows of %d sites, %u packets, %u lost, %u doubled; %u flows had an answer\n",
	       run.n_flows, SITES, run.sent, run.lost, run.doubled, delivered);
}

/* A way to play. Where it says nothing, port 0 has a queue for each worker, and the uplink one. */
struct game {
	const char *name;
	unsigned workers;
	bool independent;
	bool mixed, over_six, global; /* as in `run` */
	bool any_queue; /* each packet comes by a random queue of these many, at either port */
	unsigned underlay_queues, uplink_queues;
};

static void play_game(void **state)
{
	const struct game *g = *state;
	const char *flows = getenv("HOME_FLOWS");
	uint32_t n = flows != NULL ? (uint32_t)atoi(flows) : FLOWS_DEFAULT;
	char *yaml;

	run.mixed = g->mixed;
	run.over_six = g->over_six;
	run.global = g->global;
	run.any_queue = g->any_queue;
	run.lost = run.doubled = run.sent = run.n_pending = run.n_global = 0;
	bed_first_queues = g->underlay_queues;
	bed_queues = g->uplink_queues != 0 ? g->uplink_queues : 1;
	yaml = make_yaml(g->workers, g->independent);
	run.bed = bed_create(yaml, random_next());
	/* On a busy machine a run takes longer than a flow lives. */
	for (unsigned w = 0; w < bed_workers(run.bed); w++)
		worker_hold_clock(bed_worker(run.bed, w), 0);
	make_flows(n + n / 8); /* equal ones are removed */
	assert_true(run.n_flows >= n);
	assert_true(!run.global || run.n_global > n / 8);
	play();
	check_all();
	if (g->independent)
		check_endpoints();
	bed_check(run.bed);
	bed_destroy(run.bed);
	free(run.flows);
	free(yaml);
}

/*
 * Packets of one flow arrive at different workers. Returns to a global prefix have no port that
 * names the worker. Flows of one endpoint to different servers must meet at the worker that owns
 * its port.
 */
static struct game games[] = {
	{"every_return_goes_home", .workers = 1},
	{"with_two_workers", .workers = 2},
	{"with_four_workers", .workers = 4},
	{"with_ipv6", .workers = 1, .mixed = true},
	{"with_ipv6_and_four_workers", .workers = 4, .mixed = true},
	{"with_tunnels_over_ipv6", .workers = 1, .mixed = true, .over_six = true},
	{"with_tunnels_over_ipv6_and_four_workers", .workers = 4, .mixed = true, .over_six = true},
	{"with_global_prefixes", .workers = 1, .mixed = true, .global = true},
	{"with_global_prefixes_and_two_workers", .workers = 2, .mixed = true, .global = true},
	{"with_global_prefixes_and_four_workers", .workers = 4, .mixed = true, .global = true},
	{"with_endpoint_independent_mapping", .workers = 1, .independent = true},
	{"with_endpoint_independent_mapping_and_four_workers", .workers = 4, .independent = true},
	{"by_any_queue_of_two_workers", .workers = 2, .mixed = true, .global = true,
	 .any_queue = true, .underlay_queues = 2, .uplink_queues = 2},
	{"by_any_queue_of_four_workers", .workers = 4, .mixed = true, .global = true,
	 .any_queue = true, .underlay_queues = 4, .uplink_queues = 4},
	{"with_more_and_fewer_queues_than_workers", .workers = 4, .mixed = true, .global = true,
	 .any_queue = true, .underlay_queues = 7, .uplink_queues = 3},
	{"with_one_queue_and_many", .workers = 2, .mixed = true, .global = true, .any_queue = true,
	 .underlay_queues = 1, .uplink_queues = 5},
	{"by_any_queue_with_endpoint_independent_mapping", .workers = 4, .independent = true,
	 .any_queue = true, .underlay_queues = 4, .uplink_queues = 4},
};

int main(void)
{
	const char *seed = getenv("HOME_SEED");
	struct CMUnitTest tests[ARRAY_SIZE(games)];

	for (size_t i = 0; i < ARRAY_SIZE(games); i++)
		tests[i] = (struct CMUnitTest){
			.name = games[i].name, .test_func = play_game, .initial_state = &games[i]};
	run.random = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	printf("HOME_SEED=%llu\n", (unsigned long long)run.random);
	return cmocka_run_group_tests_name("home", tests, NULL, NULL);
}
