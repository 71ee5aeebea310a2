/*
 * See judge.h. Flows that left by the uplink are stored, newest first: after a flow has ended,
 * another one may have the same address and port.
 */
#include "judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	GRE = 47,
	ICMP6 = 58,
	SOLICITATION = 135,
	ADVERTISEMENT = 136,
	SEEN_MAX = 4096,
	TCP_LEN = 20,
	RST = 4,
	ACK = 16,
	KEEPALIVE_MAX = 256,
};

/* A flow as seen at the uplink. */
struct seen {
	struct look_addr server, egress;
	uint16_t server_port, egress_port; /* ICMP: 0, identifier */
	uint8_t proto;
	uint8_t site;
	bool sure; /* no other packet can have caused it */
	bool unseen; /* its first packet may not have left: the egress port is unknown */
};

static struct seen all[SEEN_MAX];
static unsigned n_seen;
static bool is_open;

void judge_reset(bool open)
{
	is_open = open;
	n_seen = 0;
}

void judge_stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static void show(const char *what, const uint8_t *frame, size_t len)
{
	fprintf(stderr, "%s:", what);
	for (size_t i = 0; i < len; i++)
		fprintf(stderr, "%s%02x", i % 16 == 0 ? "\n  " : " ", frame[i]);
	fprintf(stderr, "\n");
}

/* A frame that came in, parsed. */
struct came {
	bool tunnelled; /* from one of our tunnels, if that can be determined */
	bool known; /* it holds an IP packet */
	uint8_t site; /* INTERNET: any site; the key is not in this fragment */
	struct look_gre gre;
	struct look packet; /* the inner packet if tunnelled */
};

/* The port does not matter: tunnel packets may arrive by any port. */
static struct came understand(const struct frame_bytes *f)
{
	struct came c = {.site = INTERNET};
	size_t room;
	const uint8_t *ip = look_ip_of(f->bytes, f->len, &room);

	c.known = ip != NULL && look_at(ip, room, &c.packet);
	if (!c.known)
		return c;
	c.tunnelled = make_is_local(&c.packet.dst);
	if (look_into_gre(f->bytes, f->len, &c.gre)) {
		c.site = make_site_of(&c.gre.outer.src, c.gre.key);
		c.known = look_at(c.gre.ip, c.gre.room, &c.packet);
	}
	return c;
}

static const char *check_transport(const struct look *l)
{
	if (make_is_global(&l->src) || make_is_global(&l->dst))
		return NULL; /* any site */
	if (l->proto != TCP && l->proto != UDP && l->proto != (l->six ? ICMP6 : ICMP))
		return "a protocol nobody let in";
	return NULL;
}

static void remember(const struct look *out, uint8_t site, bool sure)
{
	all[n_seen++ % SEEN_MAX] = (struct seen){
		.server = out->dst,
		.egress = out->src,
		.server_port = out->icmp ? 0 : out->dport,
		.egress_port = out->sport,
		.proto = out->proto,
		.site = site,
		.sure = sure,
	};
}

bool judge_is_tunnelled(const struct frame_bytes *in)
{
	struct came c = understand(in);

	return c.tunnelled;
}

void judge_unseen(const struct frame_bytes *in, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct came c = understand(&in[i]);

		if (!c.tunnelled || !c.known)
			continue;
		remember(&c.packet, c.site, false);
		all[(n_seen - 1) % SEEN_MAX].unseen = true;
	}
}

/*
 * Only the endpoint counts if any host may send to it, or if a site sends to another site's
 * endpoint.
 */
static bool is_endpoint(const struct seen *s, const struct look *back)
{
	return s->proto == back->proto &&
	       (s->unseen || (look_same(&s->egress, &back->dst) && s->egress_port == back->dport));
}

static bool is_server(const struct seen *s, const struct look *back)
{
	return look_same(&s->server, &back->src) &&
	       s->server_port == (back->icmp ? 0 : back->sport);
}

/*
 * @back, or the reversed packet that it embeds, was delivered to @site. It came from the Internet
 * or, with @hairpin, from another site, which may have had its own address as source then.
 */
static const char *check_home(const struct look *back, uint8_t site, bool hairpin)
{
	for (unsigned i = n_seen; i > 0 && i + SEEN_MAX > n_seen; i--) {
		const struct seen *s = &all[(i - 1) % SEEN_MAX];

		if (!is_endpoint(s, back) || !(is_open || hairpin || is_server(s, back)))
			continue;
		if (s->site == site || s->site == INTERNET)
			return NULL;
		if (s->sure)
			return "a return went to another site";
	}
	return n_seen < SEEN_MAX ? "a return went to a site that did not ask" : NULL;
}

static const char *check_error_home(const struct look *error, uint8_t site)
{
	struct look embedded, back;

	if (!look_at_quote(error, &embedded))
		return "an error without an embedded packet was delivered";
	back = embedded;
	back.src = embedded.dst;
	back.dst = embedded.src;
	back.sport = embedded.dport;
	back.dport = embedded.sport;
	return check_home(&back, site, false);
}

static const char *check_advertisement(const struct look *l, const struct came *c)
{
	if (!c->known || c->packet.icmp_type != SOLICITATION)
		return "an advertisement nobody asked for";
	return make_is_egress(&l->src) || make_is_global(&l->src)
		       ? NULL
		       : "an advertisement of what is not ours";
}

static const char *check_uplink(const uint8_t *frame, size_t len, const struct came *c, bool sure)
{
	const char *wrong;
	struct look l, embedded;

	if (!look_at(frame + 14, len - 14, &l) || l.len != len - 14)
		return "uplink: no sound packet";
	if (l.icmp && l.six && l.icmp_type == ADVERTISEMENT)
		return check_advertisement(&l, c);
	if (memcmp(frame, "\x02\0\0\0\0\xbb", 6) != 0)
		return "uplink: to somebody else";
	if (!make_is_egress(&l.src) && !make_is_global(&l.src))
		return "uplink: not from our address";
	wrong = check_transport(&l);
	if (wrong != NULL || l.later)
		return wrong;
	if (l.icmp_error)
		return look_at_quote(&l, &embedded) && !make_is_egress(&embedded.dst) &&
				       !make_is_global(&embedded.dst)
			       ? "uplink: an error about somebody else"
			       : NULL;
	if (make_is_global(&l.src) && c->tunnelled && c->known &&
	    (c->site != 2 || !look_same(&l.src, &c->packet.src)))
		return "uplink: a global source that is not lisbon's own";
	if (!make_is_global(&l.src) && !make_is_port(l.sport))
		return "uplink: a port outside our slices";
	if (c->tunnelled)
		remember(&l, c->site, sure);
	return NULL;
}

/* Does @l reset the connection of the segment @came (RFC 9293 section 3.10.7.1)? */
static bool is_reset(const struct look *l, const struct look *came)
{
	const uint8_t *tcp = l->ip + l->header, *asked = came->ip + came->header;

	if (l->proto != TCP || l->fragment || l->len != l->header + TCP_LEN || tcp[13] != RST ||
	    came->proto != TCP || !look_same(&l->src, &came->dst) ||
	    !look_same(&l->dst, &came->src))
		return false;
	if (came->fragment) /* previous fragments had the rest */
		return true;
	return (asked[13] & (RST | ACK)) == ACK && l->sport == came->dport &&
	       l->dport == came->sport && look_32(tcp + 4) == look_32(asked + 8);
}

/*
 * A GRE keepalive goes back to the far end that sent it, unchanged and without a payload. Returns
 * NULL if @l, which left by the underlay, is the one in @c; otherwise what is wrong.
 */
static const char *check_keepalive(const struct look *l, const struct came *c)
{
	if (l->proto != GRE || l->fragment || l->len > KEEPALIVE_MAX || !make_is_local(&l->src))
		return "underlay: no GRE packet";
	if (!c->tunnelled)
		return "a keepalive nobody sent";
	if (c->gre.ip == NULL) /* this is a fragment of its tunnel packet */
		return NULL;
	if (!look_same(&l->dst, &c->gre.outer.src) || !look_same(&l->src, &c->gre.outer.dst))
		return "a keepalive went to another far end";
	return l->len <= c->gre.room && memcmp(l->ip, c->gre.ip, l->len) == 0
		       ? NULL
		       : "a keepalive came back as another";
}

/* Is it an answer of the gateway itself? */
static const char *check_answer(const struct look_gre *out, const struct look *l,
				const struct came *c)
{
	/* only a first fragment has ports */
	if (!l->icmp && !l->later && !is_reset(l, &c->packet))
		return "the gateway speaks by itself";
	if (!look_same(&out->outer.dst, &c->gre.outer.src) || out->key != c->gre.key)
		return "an answer went into another tunnel";
	return NULL;
}

/*
 * From a site to an egress address: delivered to the owner of that port, with an egress address of
 * the sender as source.
 */
static const char *check_hairpin(const struct look *l, const struct came *c, uint8_t site)
{
	struct look sender = c->packet;
	const char *wrong;

	if (l->icmp || l->later || c->packet.fragment)
		return NULL; /* an answer of the gateway, or an error: both sites may get it */
	if (!make_is_egress(&l->src) || !make_is_port(l->sport))
		return "hairpin: not from our address or port";
	wrong = check_home(&c->packet, site, true);
	sender.src = l->src;
	sender.sport = l->sport;
	if (wrong == NULL)
		remember(&sender, c->site, false);
	return wrong;
}

static const char *check_underlay(const uint8_t *frame, size_t len, const struct came *c)
{
	struct look_gre gre;
	const char *wrong;
	struct look l;
	uint8_t site;

	if (memcmp(frame, "\x02\0\0\0\0\xaa", 6) != 0)
		return "underlay: to somebody else";
	if (!look_into_gre(frame, len, &gre))
		return look_at(frame + 14, len - 14, &l) && l.len == len - 14
			       ? check_keepalive(&l, c)
			       : "underlay: no sound packet";
	if (gre.outer.len != len - 14)
		return "underlay: no GRE packet";
	if (!make_is_local(&gre.outer.src))
		return "underlay: not from our end";
	if (!look_at(gre.ip, gre.room, &l) || l.len != gre.room ||
	    l.six != (look_16(gre.ip - (gre.key != 0 ? 6 : 2)) == 0x86dd))
		return "underlay: no sound inner packet";
	site = make_site_of(&gre.outer.dst, gre.key);
	if (site == INTERNET)
		return "underlay: no tunnel of ours";
	wrong = check_transport(&l);
	if (wrong != NULL || !c->known)
		return wrong;
	if (c->tunnelled && make_is_egress(&c->packet.dst) && !l.six && !is_reset(&l, &c->packet))
		return check_hairpin(&l, c, site);
	if (c->tunnelled)
		return c->site == INTERNET ? NULL : check_answer(&gre, &l, c);
	if (c->packet.fragment) /* the last one may have no ports */
		return NULL;
	return c->packet.icmp_error ? check_error_home(&c->packet, site)
				    : check_home(&c->packet, site, false);
}

/* The state of the transport checksum of a frame's packet. */
static enum look_l4 checksum_of(const uint8_t *frame, size_t len)
{
	struct look_gre gre;
	struct look l;

	if (look_into_gre(frame, len, &gre))
		return look_at(gre.ip, gre.room, &l) ? l.l4 : LOOK_NONE;
	return len > 14 && look_at(frame + 14, len - 14, &l) ? l.l4 : LOOK_NONE;
}

static const char *check(unsigned port, const uint8_t *frame, size_t len,
			 const struct frame_bytes *in, bool sure)
{
	struct came c = understand(in);
	enum look_l4 before = c.known ? c.packet.l4 : LOOK_NONE;

	if (len < 34)
		return "a frame without a packet";
	if (look_16(frame + 12) == 0x0806)
		return look_16(frame + 20) == 2 ? NULL : "ARP, but no answer";
	if (look_16(frame + 12) != 0x0800 && look_16(frame + 12) != 0x86dd)
		return "neither IP nor ARP";
	if (before == LOOK_GOOD && checksum_of(frame, len) == LOOK_BAD)
		return "a checksum went wrong";
	return port == UPLINK ? check_uplink(frame, len, &c, sure) : check_underlay(frame, len, &c);
}

void judge_frame(unsigned port, const uint8_t *frame, size_t len, const struct frame_bytes *in,
		 unsigned n)
{
	const char *wrong = "a frame out of nothing";
	bool explained = false;

	for (unsigned i = 0; i < n; i++) {
		const char *why = check(port, frame, len, &in[i], n == 1);

		explained = explained || why == NULL;
		wrong = why != NULL ? why : wrong;
	}
	if (explained)
		return;
	for (unsigned i = 0; i < n; i++)
		show("in", in[i].bytes, in[i].len);
	show("out", frame, len);
	judge_stop_if(true, wrong);
}

void judge_late(unsigned port, const uint8_t *frame, size_t len)
{
	struct look_gre gre;
	struct look l;

	if (port == UNDERLAY && look_into_gre(frame, len, &gre) && look_at(gre.ip, gre.room, &l) &&
	    l.icmp_error && l.l4 == LOOK_GOOD && l.icmp_type == (l.six ? 3 : 11) &&
	    make_site_of(&gre.outer.dst, gre.key) != INTERNET)
		return;
	show("out", frame, len);
	judge_stop_if(true, "something left by itself");
}
