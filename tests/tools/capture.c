/*
 * See capture.h. libpcap reads the file. All other work is done here, slowly and without code of
 * the data plane, so that no mistake is shared with it.
 *
 * A conversation is found by a hash of its five-tuple, which is the same for both directions. The
 * sender of its first packet is the client; TCP must begin with a SYN.
 */
#include "capture.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58, SYN = 2, ACK = 16, BUCKETS = 1 << 16 };
enum { HOP_BY_HOP = 0, ROUTING = 43, FRAGMENT = 44, OPTIONS = 60, EXTENSIONS_MAX = 255 };
enum { MSS_OPTION = 2, MSS_MAX = CAPTURE_PACKET_MAX - 60 };

const char *const capture_skip_names[SKIP_COUNT] = {
	[SKIP_NOT_IP] = "not IP",      [SKIP_CUT] = "cut short",
	[SKIP_FRAGMENT] = "fragments", [SKIP_OTHER] = "other protocols",
	[SKIP_BEGUN] = "begun before", [SKIP_LARGE] = "too large",
};

static uint32_t heads[BUCKETS]; /* number of the first conversation + 1 */
static uint32_t *next; /* [n_conversations] */

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The fields of a packet. */
struct view {
	bool six, fragment;
	uint8_t proto;
	/* length of the packet; offset of the transport, which may be beyond the end */
	size_t len, l4;
};

/* Parses the header; @ip is long enough for it. */
static struct view view_of(const uint8_t *ip)
{
	struct view v = {.six = ip[0] >> 4 == 6};

	if (!v.six) {
		v.proto = ip[9];
		v.len = get16(ip + 2);
		v.l4 = (size_t)(ip[0] & 15) * 4;
		v.fragment = get16(ip + 6) & 0x3fff;
		return v;
	}
	v.proto = ip[6];
	v.len = 40u + get16(ip + 4);
	v.l4 = 40;
	while ((v.proto == HOP_BY_HOP || v.proto == OPTIONS) && v.l4 + 8 <= v.len &&
	       v.l4 < 40 + EXTENSIONS_MAX) {
		v.proto = ip[v.l4];
		v.l4 += (ip[v.l4 + 1] + 1u) * 8;
	}
	v.fragment = v.proto == FRAGMENT;
	return v;
}

static bool is_icmp(uint8_t proto)
{
	return proto == ICMP || proto == ICMP6;
}

static bool is_echo(const struct view *v, uint8_t type, bool request)
{
	return type == (v->six ? (request ? 128 : 129) : (request ? 8 : 0));
}

static struct address address_at(const struct view *v, const uint8_t *p)
{
	struct address a = {{[10] = 0xff, [11] = 0xff}};

	memcpy(v->six ? a.b : a.b + 12, p, v->six ? 16 : 4);
	return a;
}

/* Grows @array, whose room is a power of two, when @n is one. */
static void *grown(void *array, uint32_t n, size_t size)
{
	if (n > 0 && (n & (n - 1)) != 0)
		return array;
	array = realloc(array, (n == 0 ? 1 : 2 * (size_t)n) * size);
	if (array == NULL)
		err(1, "the capture");
	return array;
}

/* RFC 1071 section 4.1. */
static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	if (len > 0)
		sum += (uint32_t)p[0] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void renew_l4(const struct view *v, const uint8_t *ip, uint8_t *l4)
{
	size_t at = v->proto == TCP ? 16 : v->proto == UDP ? 6 : 2, len = v->len - v->l4;
	uint32_t sum = 0;

	if (v->proto == UDP && get16(l4 + at) == 0)
		return;
	if (v->proto == UDP)
		len = get16(l4 + 4);
	put16(l4 + at, 0);
	if (v->proto != ICMP)
		sum = sum16(v->proto + (uint32_t)len, ip + (v->six ? 8 : 12), v->six ? 32 : 8);
	sum = ~sum16(sum, l4, len) & 0xffff;
	put16(l4 + at, v->proto == UDP && sum == 0 ? 0xffff : sum);
}

size_t packet_port_at(const uint8_t *ip)
{
	struct view v = view_of(ip);

	return v.l4 + (is_icmp(v.proto) ? 4 : 0);
}

void packet_renew(uint8_t *ip, const struct address *src, const struct address *dst, uint16_t sport,
		  uint16_t dport, uint8_t ttl)
{
	struct view v = view_of(ip);
	uint8_t *l4 = ip + v.l4;

	ip[v.six ? 7 : 8] = ttl;
	memcpy(ip + (v.six ? 8 : 12), v.six ? src->b : src->b + 12, v.six ? 16 : 4);
	memcpy(ip + (v.six ? 24 : 16), v.six ? dst->b : dst->b + 12, v.six ? 16 : 4);
	if (!v.six) {
		put16(ip + 10, 0);
		put16(ip + 10, ~sum16(0, ip, v.l4) & 0xffff);
	}
	put16(ip + packet_port_at(ip), sport);
	if (!is_icmp(v.proto))
		put16(l4 + 2, dport);
	renew_l4(&v, ip, l4);
}

/* Lowers the MSS of a SYN from a link with a larger MTU (loopback) to that of the tunnels. */
static void lower_mss(const struct view *v, uint8_t *tcp)
{
	size_t end = (size_t)(tcp[12] >> 4) * 4;

	if (v->proto != TCP || !(tcp[13] & SYN))
		return;
	for (size_t at = 20; at + 4 <= end && tcp[at] != 0; at += tcp[at] == 1 ? 1 : tcp[at + 1]) {
		if (tcp[at] == MSS_OPTION && get16(tcp + at + 2) > MSS_MAX)
			put16(tcp + at + 2, MSS_MAX);
		if (tcp[at] != 1 && tcp[at + 1] < 2)
			return;
	}
}

/* The IP header; NULL: there is none. */
static const uint8_t *find_ip(int link, const uint8_t *p, size_t *len)
{
	size_t at = 0;

	if (link == DLT_EN10MB) {
		for (at = 12;
		     at + 6 <= *len && (get16(p + at) == 0x8100 || get16(p + at) == 0x88a8);)
			at += 4;
		if (at + 2 > *len || (get16(p + at) != 0x0800 && get16(p + at) != 0x86dd))
			return NULL;
		at += 2;
	} else if (link == DLT_LINUX_SLL) {
		at = 16;
	} else if (link != DLT_RAW) {
		return NULL;
	}
	*len -= at < *len ? at : *len;
	if (*len < 20 || (p[at] >> 4 != 4 && (p[at] >> 4 != 6 || *len < 40)))
		return NULL;
	return p + at;
}

/* Why the packet is left out; SKIP_COUNT: it is not. */
static enum capture_skip check(const uint8_t *ip, size_t len)
{
	struct view v = {.six = ip[0] >> 4 == 6};
	const uint8_t *l4;
	size_t room;

	if (v.six ? 40u + get16(ip + 4) > len : get16(ip + 2) > len)
		return SKIP_CUT;
	v = view_of(ip);
	if (v.l4 < 20 || v.len < v.l4)
		return SKIP_NOT_IP;
	if (v.len > CAPTURE_PACKET_MAX)
		return SKIP_LARGE;
	if (v.fragment)
		return SKIP_FRAGMENT;
	if (v.six && v.l4 > 40 + EXTENSIONS_MAX)
		return SKIP_OTHER;
	l4 = ip + v.l4;
	room = v.len - v.l4;
	switch (v.proto) {
	case TCP:
		return room < 20 || l4[12] >> 4 < 5 || (size_t)(l4[12] >> 4) * 4 > room
			       ? SKIP_OTHER
			       : SKIP_COUNT;
	case UDP:
		return room < 8 || get16(l4 + 4) < 8 || get16(l4 + 4) > room ? SKIP_OTHER
									     : SKIP_COUNT;
	case ICMP:
	case ICMP6:
		return (v.proto == ICMP6) == v.six && room >= 8 &&
				       (is_echo(&v, l4[0], true) || is_echo(&v, l4[0], false))
			       ? SKIP_COUNT
			       : SKIP_OTHER;
	default:
		return SKIP_OTHER;
	}
}

/* The five-tuple as if this packet began the conversation. */
static struct conversation tuple_of(const uint8_t *ip)
{
	struct view v = view_of(ip);
	const uint8_t *l4 = ip + v.l4;

	return (struct conversation){
		.client = address_at(&v, ip + (v.six ? 8 : 12)),
		.server = address_at(&v, ip + (v.six ? 24 : 16)),
		.client_port = get16(ip + packet_port_at(ip)),
		.server_port = is_icmp(v.proto) ? get16(l4 + 4) : get16(l4 + 2),
		.six = v.six,
		.proto = v.proto,
	};
}

static bool is_equal(const struct address *a, const struct address *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static bool is_same(const struct conversation *a, const struct conversation *b, bool forward)
{
	if (a->proto != b->proto)
		return false;
	if (forward)
		return is_equal(&a->client, &b->client) && is_equal(&a->server, &b->server) &&
		       a->client_port == b->client_port && a->server_port == b->server_port;
	return is_equal(&a->client, &b->server) && is_equal(&a->server, &b->client) &&
	       a->client_port == b->server_port && a->server_port == b->client_port;
}

static uint32_t number_of(struct address **addresses, uint32_t *n, const struct address *address)
{
	for (uint32_t i = 0; i < *n; i++) {
		if (is_equal(&(*addresses)[i], address))
			return i;
	}
	*addresses = grown(*addresses, *n, sizeof(**addresses));
	(*addresses)[*n] = *address;
	return (*n)++;
}

/* May this packet begin a conversation? */
static bool begins(const uint8_t *ip)
{
	struct view v = view_of(ip);
	const uint8_t *l4 = ip + v.l4;

	if (v.proto == TCP)
		return (l4[13] & (SYN | ACK)) == SYN;
	return v.proto == UDP || is_echo(&v, l4[0], true);
}

/* A hash that is the same for both directions. */
static uint32_t hash_of(const struct conversation *t)
{
	uint32_t h = t->client_port ^ t->server_port ^ t->proto;

	for (size_t i = 0; i < sizeof(t->client); i += 4)
		h = h * 31 + (get32(t->client.b + i) ^ get32(t->server.b + i));
	return h * 0x9e3779b1u >> 16;
}

/* The conversation of a packet, which may be a new one; UINT32_MAX: it began before the capture. */
static uint32_t find_conversation(struct capture *c, const uint8_t *ip, bool *forward)
{
	struct conversation t = tuple_of(ip);
	uint32_t *head = &heads[hash_of(&t)], n = c->n_conversations;

	for (uint32_t i = *head; i != 0; i = next[i - 1]) {
		const struct conversation *have = &c->conversations[i - 1];

		*forward = is_same(have, &t, true);
		/* both directions have the same identifier: the type shows the direction */
		if (is_icmp(t.proto))
			*forward = *forward && begins(ip);
		if (*forward || is_same(have, &t, false))
			return i - 1;
	}
	if (!begins(ip))
		return UINT32_MAX;
	t.host = number_of(&c->clients, &c->n_clients, &t.client);
	t.place = number_of(&c->servers, &c->n_servers, &t.server);
	c->conversations = grown(c->conversations, n, sizeof(c->conversations[0]));
	next = grown(next, n, sizeof(next[0]));
	c->conversations[n] = t;
	next[n] = *head;
	*head = ++c->n_conversations;
	*forward = true;
	return n;
}

static enum capture_skip add(struct capture *c, const uint8_t *ip, size_t len)
{
	enum capture_skip skip = check(ip, len);
	struct captured p = {0};
	struct view v;

	if (skip != SKIP_COUNT)
		return skip;
	p.conversation = find_conversation(c, ip, &p.forward);
	if (p.conversation == UINT32_MAX)
		return SKIP_BEGUN;
	v = view_of(ip);
	p.len = (uint16_t)v.len;
	p.ip = malloc(p.len);
	if (p.ip == NULL)
		err(1, "the capture");
	memcpy(p.ip, ip, p.len);
	lower_mss(&v, p.ip + v.l4);
	c->packets = grown(c->packets, c->n_packets, sizeof(c->packets[0]));
	c->packets[c->n_packets++] = p;
	return SKIP_COUNT;
}

struct capture *capture_read(const char *path)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_t *file = pcap_open_offline(path, why);
	struct capture *c = calloc(1, sizeof(*c));
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	int ret;

	if (file == NULL)
		errx(1, "%s", why);
	if (c == NULL)
		err(1, "the capture");
	while ((ret = pcap_next_ex(file, &header, &bytes)) == 1) {
		size_t len = header->caplen;
		const uint8_t *ip = find_ip(pcap_datalink(file), bytes, &len);
		enum capture_skip skip = ip == NULL ? SKIP_NOT_IP : add(c, ip, len);

		if (skip != SKIP_COUNT)
			c->skipped[skip]++;
	}
	if (ret != PCAP_ERROR_BREAK)
		errx(1, "%s: %s", path, pcap_geterr(file));
	pcap_close(file);
	return c;
}

void capture_free(struct capture *c)
{
	for (uint32_t i = 0; i < c->n_packets; i++)
		free(c->packets[i].ip);
	free(c->packets);
	free(c->conversations);
	free(c->clients);
	free(c->servers);
	free(next);
	free(c);
}
