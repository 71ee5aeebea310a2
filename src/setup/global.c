/*
 * Global prefixes: what a site has that is unique in the world leaves for the Internet as it is.
 *
 * The flow is one like any other, with limits, state and a way home; its translation is the
 * identity. No egress port is taken, and none is needed to tell flows apart: a global prefix
 * belongs to one site (control/config), so the return key
 *
 *   (the Internet, remote address and port, own address and port, protocol)
 *
 * is as unique as the forward key is. No egress address lies in a global prefix either. What comes
 * from the Internet without a flow is dropped as everything is: the prefix is reached by answers
 * only.
 *
 * These are the steps "choose" and "take" of IPv6; what is not global goes on to egress.c.
 */
#include "setup/setup.h"

enum drop global_choose(struct setup *s)
{
	struct flow6_key key;

	if (!s->is_global)
		return egress_choose(s);
	s->six->nat_src = s->six->src;
	s->flow.nat_port = s->flow.sport;
	flow6_return_key(&s->flow, s->six, &key);
	s->return_hash = flow6_table_prefetch(s->ctx->flows6, &key);
	return DROP_NONE;
}

enum drop global_take(struct setup *s)
{
	return s->is_global ? DROP_NONE : egress_take(s);
}
