/*
 * A bed for a world: its configuration, its frames, and its health. See world.h.
 *
 * The gateway's side is all real: the file is parsed and checked, control/routing makes what
 * workers read, and control/health chooses substitutes.
 */
#include "bed_vnets.h"
#include "control/health/failover.h"
#include "control/routing/routing.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

enum { IDS = WORLD_SITES * WORLD_TUNNELS };

#define GATEWAY IP(198, 18, 0, 1)

static const struct world *world; /* of the bed that is open */
static struct routing *routing;
static const struct network *routed; /* the network that the routing is for */
static bool is_prepared; /* for it, and not yet published */

/* --- the configuration ------------------------------------------------------------------------ */

static uint32_t remote_of(uint16_t tunnel)
{
	return IP(198, 51, (uint32_t)tunnel >> 8, tunnel & 255u);
}

/* @addr in text, or the IPv6 address that it names. */
static const char *name_of(uint32_t addr, bool six, char *text, size_t size)
{
	struct frame f = {.six = true, .src = addr, .dst = addr};
	be32_t four = htonl(addr);

	world_fill(&f);
	return inet_ntop(six ? AF_INET6 : AF_INET, six ? (void *)&f.src6 : (void *)&four, text,
			 (socklen_t)size);
}

static void write_prefix(FILE *out, uint32_t prefix, unsigned len, bool six)
{
	char text[64];

	fprintf(out, "'%s/%u'", name_of(prefix, six, text, sizeof(text)), len + (six ? 96 : 0));
}

static void write_tunnel(FILE *out, const struct world_tunnel *t)
{
	bool six = t->kind == WORLD_GRE_IPV6;
	char local[64], remote[64];

	fprintf(out, "      - {name: t%u, ", t->id);
	if (t->kind == WORLD_VLAN) {
		fprintf(out,
			"type: interconnect, port: trunk, vlan: %u, address: 192.0.0.0, peer: "
			"192.0.0.1,\n         address6: 'fd01::', peer6: 'fd01::1'}\n",
			t->id);
		return;
	}
	fprintf(out, "port: underlay, local: '%s', remote: '%s'",
		name_of(GATEWAY, six, local, sizeof(local)),
		name_of(remote_of(t->id), six, remote, sizeof(remote)));
	if (t->kind == WORLD_GRE_KEY)
		fprintf(out, ", key: %u", t->id);
	fprintf(out, "}\n");
}

static void write_site(FILE *out, const struct world_site *s)
{
	uint32_t prefix = s->net == 0 ? IP(10, 0, 1, 0) : IP(10, s->net, 0, 0);

	fprintf(out, "  - name: s%u\n", s->id);
	if (s->vnet > 0)
		fprintf(out, "    network: v%u\n", s->vnet);
	fprintf(out, "    prefixes: [");
	for (unsigned six = 0; six < 2; six++) {
		write_prefix(out, prefix, s->net == 0 ? 24 : 16, six);
		fprintf(out, six ? "]\n" : ", ");
	}
	for (unsigned six = 0; s->has_alias && six < 2; six++) {
		fprintf(out, six ? "      - {alias: " : "    aliases:\n      - {alias: ");
		write_prefix(out, IP(100, 64, s->id, 0), 24, six);
		fprintf(out, ", prefix: ");
		write_prefix(out, prefix, 24, six);
		fprintf(out, "}\n");
	}
	fprintf(out, "    tunnels:\n");
	for (unsigned i = 0; i < s->n_tunnels; i++)
		write_tunnel(out, &s->tunnels[i]);
}

static const char *vnet_name(unsigned vnet)
{
	static const char *const names[WORLD_VNETS] = {"default", "v1", "v2", "v3"};

	return names[vnet];
}

static void write_target(FILE *out, const struct world_target *t)
{
	fprintf(out, "          - {");
	switch (t->kind) {
	case TARGET_SITE:
		fprintf(out, "site: s%u", t->site);
		break;
	case TARGET_TUNNEL:
		fprintf(out, "tunnel: t%u", t->tunnel);
		break;
	case TARGET_EGRESS:
		fprintf(out, "egress: p%u%s", t->number,
			t->untranslated ? ", untranslated: true" : "");
		break;
	case TARGET_LINK:
		fprintf(out, "network: %s", vnet_name(t->number));
		break;
	case TARGET_DROP:
		fprintf(out, "drop: true}\n");
		return;
	}
	fprintf(out, ", weight: %u, priority: %u}\n", t->weight, t->priority);
}

static void write_vnet(FILE *out, const struct world *w, unsigned vnet)
{
	const struct world_vnet *v = &w->vnets[vnet];

	fprintf(out, "  - name: %s\n", vnet_name(vnet));
	if (v->egress != WORLD_EGRESS_DEFAULT)
		fprintf(out, "    egress: %s\n", v->egress == WORLD_EGRESS_NONE ? "none" : "p1");
	fprintf(out, v->n_routes > 0 ? "    routes:\n" : "");
	for (unsigned i = 0; i < v->n_routes; i++) {
		const struct world_route *r = &v->routes[i];

		fprintf(out, "      - prefix: ");
		write_prefix(out, r->prefix, r->len, r->six);
		fprintf(out, "\n%s        to:\n",
			r->refuses ? "        on-collision: refuse\n" : "");
		for (unsigned k = 0; k < r->n; k++)
			write_target(out, &r->targets[k]);
	}
}

static char *make_yaml(const struct world *w)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	fprintf(out,
		"workers: %u\nflows: {capacity: 65536, capacity-ipv6: 65536}\nports:\n"
		"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		"  - {name: trunk, driver: memory, next-hop-mac: '02:00:00:00:00:cc'}\n"
		"egress:\n",
		w->workers);
	for (unsigned i = 0; i < WORLD_POOLS; i++)
		fprintf(out,
			"  - {name: p%u, port: uplink, addresses: [{address: 203.0.113.%u, "
			"slices: [1-8]},\n     {address: '2001:db8:1::203.0.113.%u', slices: "
			"[1-8]}]}\n",
			i, i + 1, i + 1);
	fprintf(out, "sites:\n");
	for (unsigned i = 0; i < w->n_sites; i++)
		write_site(out, &w->sites[i]);
	fprintf(out, "networks:\n");
	for (unsigned v = 0; v < w->n_vnets; v++)
		write_vnet(out, w, v);
	fclose(out);
	return text;
}

/* --- routes and health ------------------------------------------------------------------------ */

/* As daemon_health.c does it. */
static uint32_t penalty(void *arg, uint16_t tunnel)
{
	const struct world_site *site;
	const struct world_tunnel *t = world_tunnel(world, tunnel, &site);

	return t != NULL ? health_penalty_of(t->state) : 0;
}

/* The workers have what was compiled before, and nothing older. */
static void settle(void)
{
	if (is_prepared)
		routing_commit(routing);
	else
		routing_published(routing);
	is_prepared = false;
}

static void use_routes(const struct network *net, struct routes_spec *spec)
{
	settle();
	if (net != routed) {
		assert_int_equal(routing_prepare(routing, net), 0);
		routed = net;
		is_prepared = true;
	}
	routing_penalties_changed(routing);
	routing_compile(routing, spec);
}

static void edit_tunnel(uint16_t id, struct nexthop *n)
{
	struct failover_tunnel states[WORLD_TUNNELS] = {0};
	const struct world_site *s;
	const struct world_tunnel *t = world_tunnel(world, id, &s);
	size_t best;

	if (t == NULL)
		return;
	for (unsigned i = 0; i < s->n_tunnels; i++)
		states[i].state = s->tunnels[i].state;
	best = failover_choose(states, s->n_tunnels);
	n->down = states[t - s->tunnels].down;
	n->substitute = n->down ? s->tunnels[best].id : NEXTHOP_NONE;
}

/* --- the bed ---------------------------------------------------------------------------------- */

struct ids {
	uint16_t sites[WORLD_SITES], tunnels[IDS], vnets[WORLD_VNETS];
	struct retired_tunnel retired[IDS];
	uint16_t new_sites[WORLD_SITES], new_tunnels[IDS];
};

static void note_new(const struct world *before, const struct world *after, struct ids *ids,
		     struct bed_change *change)
{
	size_t n = 0;

	for (unsigned i = 0; i < after->n_sites; i++) {
		const struct world_site *s = &after->sites[i], *owner;

		ids->sites[i] = s->id;
		if (world_site(before, s->id) == NULL)
			ids->new_sites[change->heirs.n_sites++] = s->id;
		for (unsigned k = 0; k < s->n_tunnels; k++) {
			ids->tunnels[n++] = s->tunnels[k].id;
			if (world_tunnel(before, s->tunnels[k].id, &owner) == NULL)
				ids->new_tunnels[change->heirs.n_tunnels++] = s->tunnels[k].id;
		}
	}
	for (unsigned i = 0; i < WORLD_VNETS; i++)
		ids->vnets[i] = (uint16_t)i;
}

static struct retired_tunnel retire(const struct world *after, const struct world_site *was,
				    uint16_t tunnel)
{
	const struct world_site *s = world_site(after, was->id);

	return (struct retired_tunnel){
		.id = tunnel,
		.site = s != NULL ? s->id : SITE_INTERNET,
		.successor = s != NULL ? s->tunnels[0].id : TUNNEL_NONE,
	};
}

static size_t note_gone(const struct world *before, const struct world *after, struct ids *ids)
{
	const struct world_site *owner;
	size_t n = 0;

	for (unsigned i = 0; i < before->n_sites; i++) {
		const struct world_site *was = &before->sites[i];

		for (unsigned k = 0; k < was->n_tunnels; k++)
			if (world_tunnel(after, was->tunnels[k].id, &owner) == NULL)
				ids->retired[n++] = retire(after, was, was->tunnels[k].id);
	}
	return n;
}

struct bed *world_open(const struct world *w)
{
	char *yaml = make_yaml(w);
	struct bed *bed;

	world = w;
	routed = NULL;
	is_prepared = false;
	routing = routing_create();
	assert_non_null(routing);
	routing_use_penalties(routing, penalty, NULL);
	bed_vnets_use = use_routes;
	bed_edit_tunnel = edit_tunnel;
	bed = bed_create(yaml, world_below(UINT32_MAX));
	free(yaml);
	return bed;
}

void world_close(struct bed *bed)
{
	settle();
	bed_destroy(bed);
	routing_destroy(routing);
	bed_vnets_use = NULL;
	bed_edit_tunnel = NULL;
}

struct change_sweep world_apply(struct bed *bed, const struct world *before,
				const struct world *after)
{
	struct ids ids;
	struct bed_change change = {
		.ids = {.sites = ids.sites,
			.tunnels = ids.tunnels,
			.retired = ids.retired,
			.vnets = ids.vnets},
		.heirs = {.sites = ids.new_sites, .tunnels = ids.new_tunnels},
	};
	char *yaml = make_yaml(after);
	struct change_sweep sum;

	note_new(before, after, &ids, &change);
	change.ids.n_retired = note_gone(before, after, &ids);
	change.yaml = yaml;
	world = after;
	sum = bed_change(bed, &change);
	free(yaml);
	return sum;
}

void world_tell(struct bed *bed, const struct world *w)
{
	world = w;
	bed_fail(bed, TUNNEL_NONE, false, TUNNEL_NONE);
}

/* --- frames ----------------------------------------------------------------------------------- */

static const char *net_of(uint32_t addr)
{
	switch (addr >> 16) {
	case 10 << 8 | 8:
		return "fd08::";
	case 10 << 8 | 9:
		return "fd09::";
	case 100 << 8 | 64:
		return "fd64::";
	case 192 << 8:
		return "2001:db8::";
	case 203 << 8:
		return "2001:db8:1::";
	case 198 << 8 | 18:
	case 198 << 8 | 51:
		return "2001:db8:f::";
	default:
		return "fd00::";
	}
}

static void put_address(struct ip6 *to, uint32_t name)
{
	assert_int_equal(inet_pton(AF_INET6, net_of(name), to), 1);
	for (unsigned i = 0; i < 4; i++)
		to->b[12 + i] = (uint8_t)(name >> (24 - 8 * i));
}

/* The name of an address; 0: it has none. */
static uint32_t take_address(const struct ip6 *from)
{
	uint32_t name = IP((uint32_t)from->b[12], (uint32_t)from->b[13], (uint32_t)from->b[14],
			   from->b[15]);
	struct ip6 whole;

	put_address(&whole, name);
	return memcmp(&whole, from, sizeof(whole)) == 0 ? name : 0;
}

void world_fill(struct frame *f)
{
	if (f->outer_six) {
		put_address(&f->outer_src6, f->outer_src);
		put_address(&f->outer_dst6, f->outer_dst);
	}
	if (!f->six)
		return;
	put_address(&f->src6, f->src);
	put_address(&f->dst6, f->dst);
	if (f->proto != 1)
		return;
	f->proto = 58;
	f->icmp_type = f->icmp_type == 8 ? 128 : f->icmp_type == 0 ? 129 : 1; /* 3: unreachable */
}

static void read_names(struct frame *f)
{
	if (f->outer_six) {
		f->outer_src = take_address(&f->outer_src6);
		f->outer_dst = take_address(&f->outer_dst6);
	}
	if (f->six) {
		f->src = take_address(&f->src6);
		f->dst = take_address(&f->dst6);
	}
	if (f->six && f->proto == 58) {
		f->proto = 1;
		f->icmp_type = f->icmp_type == 128 ? 8 : f->icmp_type == 129 ? 0 : 3;
	}
}

static size_t put_tag(uint8_t *bytes, size_t len, uint16_t vlan)
{
	memmove(bytes + 16, bytes + 12, len - 12);
	bytes[12] = 0x81;
	bytes[13] = 0;
	bytes[14] = (uint8_t)(vlan >> 8);
	bytes[15] = (uint8_t)vlan;
	return len + 4;
}

void world_send(struct bed *bed, const struct world_tunnel *by, struct frame f)
{
	uint8_t bytes[BED_FRAME_MAX];
	unsigned port = WORLD_UPLINK;
	size_t len;

	if (by != NULL && by->kind != WORLD_VLAN) {
		port = WORLD_UNDERLAY;
		f.outer_six = by->kind == WORLD_GRE_IPV6;
		f.outer_src = remote_of(by->id);
		f.outer_dst = GATEWAY;
		f.has_key = by->kind == WORLD_GRE_KEY;
		f.key = f.has_key ? by->id : 0;
	}
	world_fill(&f);
	len = frame_build(&f, bytes);
	if (by != NULL && by->kind == WORLD_VLAN) {
		port = WORLD_TRUNK;
		len = put_tag(bytes, len, by->id);
	}
	bed_send(bed, port, bytes, len);
}

static uint16_t tunnel_of(const struct world *w, const struct frame *f)
{
	uint16_t id = (uint16_t)f->outer_dst;
	const struct world_site *site;
	const struct world_tunnel *t = world_tunnel(w, id, &site);

	if (t == NULL)
		fail_msg("a packet goes to a tunnel that is not there: %u", id);
	assert_int_equal(f->outer_dst, remote_of(id));
	assert_int_equal(f->outer_src, GATEWAY);
	assert_int_equal(f->outer_six, t->kind == WORLD_GRE_IPV6);
	assert_int_equal(f->has_key, t->kind == WORLD_GRE_KEY);
	assert_int_equal(f->key, t->kind == WORLD_GRE_KEY ? id : 0);
	return id;
}

static uint16_t take_tag(uint8_t *bytes, size_t *len)
{
	uint16_t vlan = (uint16_t)(bytes[14] << 8 | bytes[15]);

	assert_int_equal(bytes[12], 0x81);
	*len -= 4;
	memmove(bytes + 12, bytes + 16, *len - 12);
	return vlan;
}

static bool is_error(const struct frame *f)
{
	return f->proto == 1 && f->icmp_type == 3;
}

static void take_quote(const struct frame *f, const uint8_t *bytes, size_t len, struct frame *quote)
{
	size_t headers = (f->six ? 40 : 20) + 8;
	const uint8_t *inner = frame_inner(bytes, &len);
	const char *why = "";

	*quote = (struct frame){0};
	if (!is_error(f))
		return;
	if (!frame_parse_quote(inner + headers, len - headers, quote, &why))
		fail_msg("embedded: wrong %s", why);
	read_names(quote);
}

bool world_take(const struct world *w, struct bed *bed, struct frame *f, uint16_t *tunnel,
		struct frame *quote)
{
	uint8_t bytes[BED_FRAME_MAX];
	const char *why = "";
	unsigned port = 0;
	size_t len = 0;

	while (port < WORLD_PORTS && (len = bed_take(bed, port, bytes)) == 0)
		port++;
	if (len == 0)
		return false;
	if (port == WORLD_TRUNK)
		*tunnel = take_tag(bytes, &len);
	if (!frame_parse(bytes, len, f, &why))
		fail_msg("at port %u: wrong %s", port, why);
	read_names(f);
	if (port == WORLD_UNDERLAY)
		*tunnel = tunnel_of(w, f);
	else if (port == WORLD_UPLINK)
		*tunnel = TUNNEL_NONE;
	take_quote(f, bytes, len, quote);
	return true;
}
