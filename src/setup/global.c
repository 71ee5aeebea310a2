/*
 * Global prefixes: globally unique IPv6 addresses of a site are not translated.
 *
 * The flow is an ordinary one, with limits, state and an on-ramp; its translation is the identity.
 * It takes no egress port, and needs none to be unique: a global prefix belongs to one site
 * (control/config), so the return key
 *
 *   (the Internet, remote address and port, own address and port, protocol)
 *
 * is as unique as the forward key. No egress address is in a global prefix. A packet from the
 * Internet without a flow is dropped, as for egress addresses: only answers reach the prefix.
 *
 * These are the steps "choose" and "take" of IPv6. A source that is not global is passed to
 * choice.c.
 */
#include "setup/setup.h"

enum drop global_propose(struct setup *s)
{
	struct flow6_key key;

	if (!s->is_global || s->keeps_source)
		return choice_propose(s);
	s->six->nat_src = s->six->src;
	s->flow.nat_port = s->flow.sport;
	flow6_return_key(&s->flow, s->six, &key);
	s->return_hash = flow6_table_prefetch(s->ctx->flows6, &key);
	return DROP_NONE;
}

enum drop global_take(struct setup *s)
{
	return s->is_global && !s->keeps_source ? DROP_NONE : choice_take(s);
}
