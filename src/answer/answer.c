/*
 * Answer: the gateway replies to a packet, in the packet's own buffer, towards the packet's sender.
 * icmp.c and icmp6.c make the replies of the two families.
 *
 * Errors of both families are rate limited together (errors.h); setup has taken the token for an
 * error that reports a refusal. A packet that gets no answer is dropped under the reason that the
 * error would have reported.
 */
#include "answer/stages.h"

#include "answer/errors.h"
#include "answer/icmp.h"
#include "path/family.h"

/* DROP_NONE if the answer may be sent. */
static enum drop answer_refuse(struct context *ctx, struct packet *p, const struct flow6_key *key,
			       const struct family *y)
{
	enum drop drop = answer_infos[p->answer].drop;
	bool is_refusal = drop == DROP_NONE; /* the limit of errors was asked at setup */
	bool is_limited = !is_refusal && p->answer != ANSWER_ECHO;

	if (!(y->six ? icmp6_may_answer(ctx, p, key) : icmp_may_answer(ctx, p)) ||
	    (is_limited && !errors_may_send(ctx, p->probe.key.realm)))
		return is_refusal || p->answer == ANSWER_UNREACHABLE ? (enum drop)p->refusal : drop;
	if (y->six && p->answer == ANSWER_ECHO && !icmp6_is_sound(p, key))
		return DROP_ICMP_CHECKSUM;
	return DROP_NONE;
}

/*
 * An echo reply is as long as its request, and an error has up to 576 bytes: the MTU may be less.
 * We are the source of the answer, so it is fragmented. An ICMPv6 error fits the smallest MTU of
 * IPv6.
 */
static bool answer_is_too_big(const struct context *ctx, const struct packet *p,
			      const struct family *y)
{
	uint16_t mtu = ctx->nexthops->at[p->nexthop].mtu;

	if (!y->six)
		return p->len > mtu;
	return p->onramp != TUNNEL_NONE &&
	       (p->len > mtu || (p->fragment_limit != 0 && p->len > p->fragment_limit));
}

static void answer_one(struct context *ctx, struct burst *b, struct packet *p,
		       const struct family *y)
{
	const struct flow6_key *key = burst_key6(b, p);
	enum drop drop = answer_refuse(ctx, p, key, y);

	if (drop != DROP_NONE) {
		burst_drop(b, p, drop);
		return;
	}
	ctx->counters.answers[p->answer]++;
	if (y->six)
		icmp6_make(ctx, p, key);
	else
		icmp_make(ctx, p);
	if (answer_is_too_big(ctx, p, y))
		burst_fragment(b, p, FRAGMENT_AS_IS);
	else
		burst_pass(b, y->encapsulate, p);
}

void stage_answer(struct context *ctx, struct burst *b)
{
	for (unsigned i = 0; i < b->n[STAGE_ANSWER]; i++) {
		struct packet *p = b->list[STAGE_ANSWER][i];

		answer_one(ctx, b, p, family_of(p));
	}
}
