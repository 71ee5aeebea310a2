/*
 * Step: check the source address of the site.
 *
 * Addresses that no host can have (RFC 6890) are refused for all sites. So are link-local
 * addresses, which must not leave their link (RFC 3927 section 7, RFC 4291 section 2.5.6). A site
 * that lists its prefixes may use no others (RFC 2827). Different sites may list the same prefixes,
 * except global ones: those belong to one site and are not translated (global.c).
 */
#include "setup/setup.h"

#include "base/addr4.h"

enum drop source_check(struct setup *s)
{
	if (!addr4_is_host(s->flow.src) || !addr4_is_host(s->flow.dst) ||
	    addr4_is_link_local(s->flow.src) || s->flow.src == s->flow.dst)
		return DROP_MARTIAN;
	if (!network_source_allowed(s->ctx->net, s->flow.site, s->flow.src))
		return DROP_SOURCE;
	return DROP_NONE;
}

enum drop source6_check(struct setup *s)
{
	const struct flow6 *six = s->six;

	if (!addr6_is_host(&six->src) || !addr6_is_host(&six->dst) ||
	    addr6_is_link_local(&six->src) || addr6_is_link_local(&six->dst) ||
	    addr6_equal(&six->src, &six->dst))
		return DROP_MARTIAN;
	s->is_global = network_find_global(s->ctx->net, &six->src) == s->flow.site;
	if (!s->is_global && !network_source6_allowed(s->ctx->net, s->flow.site, &six->src))
		return DROP_SOURCE;
	return DROP_NONE;
}
