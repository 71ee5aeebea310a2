/*
 * Routing, as a property over random topologies: not one packet crosses from one virtual network
 * into another without a private link, and each reply goes home to the site that asked.
 *
 * The world (world.h) is random: networks, links, sites with the same addresses, aliases, routes
 * and tunnels. Hosts talk to each other and to the Internet. Tunnels fail and work again, and the
 * configuration changes while they talk. After each burst, for every packet:
 *
 *   - it is where a small model says that it may be, once, or it was refused under a name;
 *   - a flow that is open goes where it went before, by the tunnel by which the other side's last
 *     packet came, or by the one that stands in for it;
 *   - its source has its own address and port, unless somebody else has that five-tuple there, also
 *     in the Internet, if a route lets it out untranslated;
 *   - the reply, or an ICMP error about it, comes to the host that asked, as it asked;
 *   - the gateway has as many flows as the model, also after a change.
 *
 * HOME_SEED=n repeats a run, HOME_WORLDS=n makes it longer.
 */
#include "talks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum {
	WORLDS_DEFAULT = 4, /* for each number of workers */
	CHANGES = 40,
	BURSTS = 24, /* between two changes */
	BURST = 16,
};

enum deed { ASK, ANSWER, ERROR, LATE };

static const char *const deeds[] = {"question", "answer", "error", "late answer"};

struct item {
	uint32_t talk;
	enum deed deed;
	unsigned came; /* how often its packet came out */
	struct world_ways ways; /* of a new conversation */
};

static struct {
	struct bed *bed;
	struct world worlds[2];
	const struct world *world;
	struct item items[BURST];
	unsigned n_items;
	struct worker_counters before; /* the burst */
	uint32_t sent, crossed, kept, translated, refused, failures, ended;
} run;

/* --- packets in ------------------------------------------------------------------------------- */

/* "Unreachable", about @f, from the host to which it was sent. */
static void send_error(const struct world_tunnel *by, const struct frame *f)
{
	static uint8_t quoted[2048];
	struct frame about = *f, e = talk_reply(f);

	about.outer_dst = 0;
	about.outer_six = false;
	world_fill(&about);
	e.proto = TALK_ICMP;
	e.icmp_type = 3;
	e.icmp_code = f->six ? 4 : 3;
	e.sport = e.dport = 0;
	e.tcp_flags = 0;
	e.payload = (uint16_t)frame_build_inner(&about, quoted);
	e.data = quoted;
	world_send(run.bed, by, e);
}

static const struct world_tunnel *any_tunnel(uint16_t site)
{
	const struct world_site *s = world_site(run.world, site);

	return &s->tunnels[world_below(s->n_tunnels)];
}

static void send_item(const struct item *it)
{
	struct talk *t = &talks.list[it->talk];
	const struct world_tunnel *by = NULL;
	uint16_t from = it->deed == ASK ? t->site : t->far;
	struct end *end = it->deed == ASK ? &t->home : &t->away;

	if (from != WORLD_INTERNET)
		by = any_tunnel(from);
	if (it->deed == ERROR)
		send_error(by, &t->seen);
	else
		world_send(run.bed, by, it->deed == ASK ? t->asked : talk_reply(&t->seen));
	if (by != NULL && it->deed != ERROR)
		*end = (struct end){.tunnels = {by->id}, .n = 1}; /* it follows */
	run.sent++;
}

static bool plan(struct item *it)
{
	struct talk *t = &talks.list[it->talk];

	if (t->alive) {
		it->deed = (enum deed)world_below(3);
		if (it->deed == ERROR && t->asked.proto == TALK_ESP)
			it->deed = ANSWER;
		return true;
	}
	/* an echo reply opens no flow */
	if (t->seen.proto == TALK_ICMP &&
	    (t->far == WORLD_INTERNET || world_site(run.world, t->far)) && world_below(2) == 0 &&
	    !talks_have(t->far, &t->seen, TALK_NONE)) {
		it->deed = LATE;
		return true;
	}
	if (world_site(run.world, t->site) == NULL)
		return false; /* its site was removed */
	it->deed = ASK;
	world_ways(run.world, world_site(run.world, t->site), t->asked.dst, t->asked.six,
		   &it->ways);
	return true;
}

static void send_burst(void)
{
	unsigned n = world_below(3) == 0 ? 1 : 1 + world_below(BURST);
	bool late = false;

	run.n_items = 0;
	run.before = bed_counters(run.bed);
	while (n-- > 0) {
		struct item it = {.talk = talks_any(run.world)};
		bool twice = false;

		for (unsigned i = 0; i < run.n_items; i++)
			twice = twice || run.items[i].talk == it.talk;
		if (twice || late || !plan(&it) || (it.deed == LATE && run.n_items > 0))
			continue;
		late = it.deed == LATE; /* alone, so that nobody takes its key meanwhile */
		run.items[run.n_items++] = it;
		send_item(&it);
	}
	bed_run(run.bed);
}

/* --- packets out ------------------------------------------------------------------------------ */

static struct item *item_of(uint64_t token)
{
	for (unsigned i = 0; i < run.n_items; i++)
		if (run.items[i].talk == token)
			return &run.items[i];
	fail_msg("a packet of conversation %llu, which has sent none", (unsigned long long)token);
	return NULL;
}

/* A packet for @end left by @tunnel: it must be the one in use. What else it could be is out. */
static void left_by(struct end *end, uint16_t tunnel, const char *why)
{
	unsigned n = 0;

	for (unsigned i = 0; i < end->n; i++)
		if (world_used(run.world, end->tunnels[i]) == tunnel)
			end->tunnels[n++] = end->tunnels[i];
	if (n == 0)
		fail_msg("%s left by tunnel %u and not by that in use for %u", why, tunnel,
			 end->tunnels[0]);
	end->n = n;
}

static bool is_egress(const struct world_way *way, const struct talk *t, const struct frame *f)
{
	uint32_t src = way->untranslated ? t->asked.src : IP(203, 0, 113, 1 + way->pool);

	return !way->refused && way->site == WORLD_INTERNET && f->src == src;
}

static bool leads(const struct world_way *way, uint16_t site, const struct talk *t,
		  const struct frame *f)
{
	return site == WORLD_INTERNET ? is_egress(way, t, f) : !way->refused && way->site == site;
}

static uint32_t seen_destination(const struct talk *t)
{
	const struct frame *f = &t->asked;

	return t->inbound ? IP(10, 0, 1, f->dst & 255) : f->dst;
}

/* The first packet of a conversation has arrived at @site. May it be there? */
static void begin(struct item *it, struct talk *t, const struct frame *f, uint16_t site)
{
	t->away = (struct end){0};
	t->inbound = t->untranslated = false;
	for (unsigned i = 0; i < it->ways.n; i++) {
		const struct world_way *way = &it->ways.list[i];

		if (!leads(way, site, t, f))
			continue;
		t->inbound = way->is_alias;
		t->untranslated = way->untranslated;
		t->away.tunnels[t->away.n++] = way->tunnel;
	}
	if (t->away.n == 0)
		fail_msg(
			"site %u sent to %x, and it is at site %u, source %x: no route leads there",
			t->site, t->asked.dst, site, f->src);
	t->far = site;
	t->alive = true;
	t->seen = *f;
	talks.n_alive++;
	run.crossed += site != WORLD_INTERNET &&
		       world_site(run.world, site)->vnet != world_site(run.world, t->site)->vnet;
}

static void check_source(const struct talk *t, const struct frame *f)
{
	if (t->far != WORLD_INTERNET && !t->inbound && t->seen.src != t->asked.src)
		assert_int_equal(f->src >> 8, IP(100, 64, t->site, 0) >> 8);
	if (t->far != WORLD_INTERNET)
		assert_int_equal(f->src & 255, t->asked.src & 255);
	assert_int_equal(f->src, t->seen.src);
	assert_int_equal(f->sport, t->seen.sport);
}

static void at_far(struct item *it, const struct frame *f, uint16_t tunnel, uint16_t site)
{
	struct talk *t = &talks.list[it->talk];

	assert_int_equal(it->deed, ASK);
	if (!t->alive)
		begin(it, t, f, site);
	assert_int_equal(site, t->far);
	assert_int_equal(f->dst, seen_destination(t));
	assert_int_equal(f->dport, t->asked.dport);
	assert_int_equal(f->proto, t->asked.proto);
	assert_int_equal(f->ttl, 63);
	check_source(t, f);
	if (site != WORLD_INTERNET)
		left_by(&t->away, tunnel, "a question");
	it->came++;
}

/* A reply, or an ICMP error: of the far host, or of the gateway. */
static void at_home(struct item *it, const struct frame *f, uint16_t tunnel,
		    const struct frame *quote)
{
	struct talk *t = &talks.list[it->talk];

	assert_int_equal(f->dst, t->asked.src);
	if (quote->proto != 0)
		assert_true(talk_same(quote, &t->asked));
	if (it->deed == ASK) { /* refused */
		assert_int_not_equal(quote->proto, 0);
		return;
	}
	assert_true(t->alive);
	assert_int_equal(quote->proto != 0, it->deed == ERROR);
	assert_int_equal(f->src, t->asked.dst);
	assert_int_equal(f->ttl, 63);
	if (it->deed == ANSWER)
		assert_int_equal(t->asked.proto == TALK_ICMP ? f->sport : f->dport, t->asked.sport);
	left_by(&t->home, tunnel, "a reply");
	it->came++;
}

static void collect(void)
{
	struct frame f, quote;
	uint16_t tunnel, site;

	while (world_take(run.world, run.bed, &f, &tunnel, &quote)) {
		struct item *it = item_of(quote.proto != 0 ? quote.token : f.token);
		const struct world_site *at = NULL;

		if (tunnel != TUNNEL_NONE)
			world_tunnel(run.world, tunnel, &at);
		site = at != NULL ? at->id : WORLD_INTERNET;
		if (site == talks.list[it->talk].site)
			at_home(it, &f, tunnel, &quote);
		else
			at_far(it, &f, tunnel, site);
	}
}

/* What the gateway did with the burst, for people. */
static const char *names(void)
{
	static char text[1024];
	struct worker_counters c = bed_counters(run.bed);
	int n = snprintf(text, sizeof(text), "%u packets;", run.n_items);

	for (unsigned i = 0; i < DROP_COUNT; i++)
		if (c.drops[i] != run.before.drops[i])
			n += snprintf(text + n, sizeof(text) - (size_t)n, " %s",
				      drop_infos[i].name);
	for (unsigned i = 0; i < ANSWER_COUNT; i++)
		if (c.answers[i] != run.before.answers[i])
			n += snprintf(text + n, sizeof(text) - (size_t)n, " told %s",
				      answer_infos[i].info.name);
	return text;
}

/* --- after a burst ---------------------------------------------------------------------------- */

/* As the far host would see it if no other conversation were in the way. */
static struct frame unchanged(const struct talk *t, const struct world_way *way)
{
	struct frame f = t->asked;

	if (way->is_alias)
		f.dst = IP(10, 0, 1, f.dst & 255);
	else if (!way->untranslated)
		f.src = world_alias(world_site(run.world, t->site), f.src);
	return f;
}

static void check_begun(const struct item *it)
{
	const struct talk *t = &talks.list[it->talk];
	struct frame f;

	if (talks_have(t->far, &t->seen, it->talk))
		fail_msg("two conversations look the same at site %u", t->far);
	run.kept += t->untranslated;
	if (t->far == WORLD_INTERNET && !t->untranslated)
		return;
	f = unchanged(t,
		      &(struct world_way){.is_alias = t->inbound, .untranslated = t->untranslated});
	assert_int_equal(t->seen.src, f.src);
	if (t->seen.sport == f.sport)
		return;
	run.translated++;
	if (!talks_have(t->far, &f, it->talk))
		fail_msg("port %u was translated, and nobody else has it", f.sport);
}

/* May the gateway refuse it on this way? */
static bool may_be_refused(const struct item *it, const struct world_way *way)
{
	const struct talk *t = &talks.list[it->talk];
	struct frame f = unchanged(t, way);

	if (way->refused)
		return true;
	if (way->site == WORLD_INTERNET && !way->untranslated)
		return t->asked.proto == TALK_ESP;
	return (way->refuses_collision || t->asked.proto == TALK_ESP) &&
	       talks_have(way->site, &f, it->talk);
}

static void check_refused(const struct item *it)
{
	const struct talk *t = &talks.list[it->talk];
	bool may = false;

	for (unsigned i = 0; i < it->ways.n; i++)
		may = may || may_be_refused(it, &it->ways.list[i]);
	if (!may)
		fail_msg("site %u sent to %x (protocol %u), and it was refused: %s", t->site,
			 t->asked.dst, t->asked.proto, names());
	run.refused++;
}

static void check_item(const struct item *it, bool was_alive)
{
	const struct talk *t = &talks.list[it->talk];

	if (it->deed == LATE ? it->came != 0 : it->came > 1 || (was_alive && it->came == 0))
		fail_msg("%s between site %u, %x, and site %u, %x: %u came: %s", deeds[it->deed],
			 t->site, t->asked.src, t->far, t->asked.dst, it->came, names());
	if (it->deed != LATE && it->came == 0)
		check_refused(it);
	if (!was_alive && t->alive)
		check_begun(it);
}

/* Every packet that did not come has been refused under a name that fits. */
static void check_names(unsigned lost)
{
	static const enum drop allowed[] = {DROP_NO_ROUTE,  DROP_ROUTE_DROP,	DROP_OWN_SITE,
					    DROP_COLLISION, DROP_PROTOCOL_BUSY, DROP_PROTOCOL,
					    DROP_NO_FLOW,   DROP_NOT_OURS};
	struct worker_counters c = bed_counters(run.bed);
	uint64_t named = 0, all = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(allowed); i++)
		named += c.drops[allowed[i]] - run.before.drops[allowed[i]];
	for (unsigned i = 0; i < DROP_COUNT; i++)
		all += c.drops[i] - run.before.drops[i];
	assert_int_equal(named, all);
	for (unsigned i = 0; i < ANSWER_COUNT; i++)
		all += c.answers[i] - run.before.answers[i];
	assert_int_equal(all, lost);
	assert_int_equal(c.flows, talks.n_alive);
}

static void burst(void)
{
	bool was_alive[BURST];
	unsigned lost = 0;

	send_burst();
	for (unsigned i = 0; i < run.n_items; i++)
		was_alive[i] = talks.list[run.items[i].talk].alive;
	collect();
	for (unsigned i = 0; i < run.n_items; i++) {
		check_item(&run.items[i], was_alive[i]);
		lost += run.items[i].came == 0;
	}
	check_names(lost);
}

/* --- changes ---------------------------------------------------------------------------------- */

static void follow_end(struct end *end, uint16_t site)
{
	const struct world_site *owner, *s = world_site(run.world, site);

	for (unsigned i = 0; s != NULL && i < end->n; i++)
		if (world_tunnel(run.world, end->tunnels[i], &owner) == NULL)
			end->tunnels[i] = s->tunnels[0].id;
}

static void change(void)
{
	struct world *next = &run.worlds[run.world == &run.worlds[0]];
	uint64_t ended = 0, n = 0;
	struct change_sweep sum;

	*next = *run.world;
	for (unsigned k = 1 + world_below(3); k > 0; k--)
		world_change(next);
	sum = world_apply(run.bed, run.world, next);
	run.world = next;
	for (uint32_t i = 0; i < talks.n; i++) {
		struct talk *t = &talks.list[i];

		if (!t->alive)
			continue;
		t->alive = talk_goes_on(run.world, t);
		n += !t->alive;
		follow_end(&t->home, t->site);
		follow_end(&t->away, t->far);
	}
	for (unsigned i = 0; i < ENDED_COUNT; i++)
		ended += sum.ended[i];
	assert_int_equal(ended, n);
	talks.n_alive -= (uint32_t)n;
	run.ended += (uint32_t)n;
}

static void fail_tunnels(void)
{
	struct world *next = &run.worlds[run.world == &run.worlds[0]];

	*next = *run.world;
	world_fail(next);
	run.world = next;
	world_tell(run.bed, next);
	run.failures++;
}

static void play(unsigned workers)
{
	talks_clear();
	run.world = &run.worlds[0];
	world_make(&run.worlds[0], workers);
	run.bed = world_open(run.world);
	for (unsigned w = 0; w < workers; w++)
		worker_hold_clock(bed_worker(run.bed, w), 0);
	for (unsigned i = 0; i < CHANGES; i++) {
		for (unsigned k = 0; k < BURSTS; k++)
			burst();
		if (world_below(2) == 0)
			fail_tunnels();
		else
			change();
	}
	bed_check(run.bed);
	world_close(run.bed);
}

static void play_worlds(void **state)
{
	const unsigned *workers = *state;
	const char *worlds = getenv("HOME_WORLDS");
	int n = worlds != NULL ? atoi(worlds) : WORLDS_DEFAULT;

	run.sent = run.crossed = run.kept = run.translated = run.refused = run.ended =
		run.failures = 0;
	/* worlds without a private link are followed by others */
	for (int i = 0; i < n || (run.crossed == 0 && i < 4 * n); i++)
		play(*workers);
	printf("%u packets; %u flows by private links, %u untranslated to the Internet, %u "
	       "translated, %u ended by changes; "
	       "%u refused; health changed %u times\n",
	       run.sent, run.crossed, run.kept, run.translated, run.ended, run.refused,
	       run.failures);
	/* otherwise the run has tested nothing */
	assert_true(run.crossed > 0 && run.kept > 0 && run.translated > 0 && run.ended > 0 &&
		    run.refused > 0);
}

int main(void)
{
	static unsigned workers[] = {1, 2, 4};
	const char *seed = getenv("HOME_SEED");
	struct CMUnitTest tests[] = {
		{"with_one_worker", play_worlds, .initial_state = &workers[0]},
		{"with_two_workers", play_worlds, .initial_state = &workers[1]},
		{"with_four_workers", play_worlds, .initial_state = &workers[2]},
	};

	world_seed = seed != NULL ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	printf("HOME_SEED=%llu\n", (unsigned long long)world_seed);
	return cmocka_run_group_tests_name("topologies", tests, NULL, NULL);
}
