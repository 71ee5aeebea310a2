/*
 * Conversations: see talks.h. A list of all that were ever begun, found by a hash of what the host
 * asked. Those that are open may be looked for one by one.
 */
#include "talks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { SYN = 2, SYN_ACK = 18 };

struct talks talks;

void talks_clear(void)
{
	memset(talks.buckets, 0xff, sizeof(talks.buckets));
	talks.n = talks.n_alive = 0;
}

static const struct world_site *any_site(const struct world *w)
{
	return &w->sites[world_below(w->n_sites)];
}

static uint32_t any_destination(const struct world *w)
{
	switch (world_below(8)) {
	case 0:
		return IP(192, 0, 2, world_below(2) * 64 + world_below(3) + 1);
	case 1:
		return IP(10, 0, 1, 20 + world_below(4));
	case 2:
	case 3:
		return IP(100, 64, any_site(w)->id, 20 + world_below(4));
	case 4:
		return IP(10, 9, 0, 80 + world_below(2));
	case 5:
		return IP(10, 66, 0, 1); /* nowhere */
	default:
		return IP(10, 8, world_below(2), 80 + world_below(3));
	}
}

static bool is_centre(uint32_t addr)
{
	return addr >> 24 == 10 && addr >> 16 != 10 << 8;
}

static struct frame any_question(const struct world *w, const struct world_site *s)
{
	static const uint8_t protos[] = {TALK_UDP, TALK_UDP,  TALK_UDP,	 TALK_TCP,
					 TALK_TCP, TALK_ICMP, TALK_ICMP, TALK_ESP};
	struct frame f = {
		.six = world_below(2),
		.src = IP(10, 0, 1, 10 + world_below(3)),
		.dst = any_destination(w),
		.proto = protos[world_below(ARRAY_SIZE(protos))],
		.sport = (uint16_t)(40000 + world_below(3)),
		.payload = 16,
	};

	f.dport = (uint16_t)((is_centre(f.dst) ? 50 : 7000) + world_below(2));
	if (s->net != 0) {
		f.src = IP(10, s->net, 0, 90 + world_below(3));
		f.sport = (uint16_t)(30000 + world_below(20));
	}
	if (f.proto == TALK_ESP && (s->net != 0 || !is_centre(f.dst)))
		f.proto = TALK_UDP;
	f.icmp_type = f.proto == TALK_ICMP ? 8 : 0;
	f.tcp_flags = f.proto == TALK_TCP ? SYN : 0;
	if (f.proto == TALK_ICMP || f.proto == TALK_ESP)
		f.dport = 0;
	if (f.proto == TALK_ESP)
		f.sport = 0;
	return f;
}

bool talk_same(const struct frame *a, const struct frame *b)
{
	return a->six == b->six && a->proto == b->proto && a->src == b->src && a->dst == b->dst &&
	       a->sport == b->sport && a->dport == b->dport;
}

static uint32_t *bucket_of(uint16_t site, const struct frame *f)
{
	uint32_t hash = f->src ^ f->dst * 31 ^ f->sport * 1009u ^ f->dport * 7u ^ site * 65537u;

	return &talks.buckets[hash * 2654435761u >> 20];
}

/* The conversation of @f, which a host of @s begins, or has begun. */
static uint32_t talk_of(const struct world_site *s, struct frame f)
{
	uint32_t *bucket = bucket_of(s->id, &f), i = *bucket;

	for (; i != TALK_NONE; i = talks.list[i].next)
		if (talks.list[i].site == s->id && talk_same(&talks.list[i].asked, &f))
			return i;
	assert_true(talks.n < TALKS_MAX);
	i = talks.n++;
	f.token = i;
	talks.list[i] = (struct talk){.site = s->id, .asked = f, .next = *bucket};
	*bucket = i;
	return i;
}

struct frame talk_reply(const struct frame *f)
{
	struct frame a = {
		.six = f->six,
		.src = f->dst,
		.dst = f->src,
		.sport = f->proto == TALK_ICMP ? f->sport : f->dport,
		.dport = f->proto == TALK_ICMP ? 0 : f->sport,
		.proto = f->proto,
		.tcp_flags = f->proto == TALK_TCP ? SYN_ACK : 0,
		.payload = 16,
		.token = f->token,
	};

	return a;
}

bool talks_have(uint16_t far, const struct frame *f, uint32_t but)
{
	for (uint32_t i = 0; i < talks.n; i++)
		if (i != but && talks.list[i].alive && talks.list[i].far == far &&
		    talk_same(&talks.list[i].seen, f))
			return true;
	return false;
}

/* One that is open, if there is one soon: most questions lead nowhere. */
static uint32_t open_talk(void)
{
	uint32_t i = 0;

	for (unsigned tries = 0; tries < 16; tries++) {
		i = world_below(talks.n);
		if (talks.list[i].alive)
			break;
	}
	return i;
}

/* Half of the new ones are what a host of another site with the same addresses asks already. */
uint32_t talks_any(const struct world *w)
{
	const struct world_site *s = any_site(w), *other;
	uint32_t i;

	if (talks.n == 0)
		return talk_of(s, any_question(w, s));
	i = open_talk();
	if (world_below(3) > 0)
		return i;
	other = world_site(w, talks.list[i].site);
	if (other != NULL && other->net == s->net && world_below(2) == 0)
		return talk_of(s, talks.list[i].asked);
	return talk_of(s, any_question(w, s));
}

bool talk_goes_on(const struct world *w, const struct talk *t)
{
	const struct world_site *site = world_site(w, t->site), *far = world_site(w, t->far);
	uint32_t src = t->asked.src;
	bool six = t->asked.six;

	if (site == NULL)
		return false;
	if (t->far == WORLD_INTERNET)
		return !t->untranslated || world_lets_out(w, site->vnet, t->asked.dst);
	if (far == NULL)
		return false;
	if (t->inbound)
		return far->has_alias && world_reaches(w, site->vnet, t->asked.dst, six, far);
	return (t->seen.src == src || t->seen.src == world_alias(site, src)) &&
	       world_leads(w, site->vnet, t->asked.dst, six, t->far);
}
