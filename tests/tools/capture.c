/*
 * See capture.h. libpcap reads the file; all else is done here, slowly and by itself, so that it
 * shares no mistake with the data plane.
 *
 * A conversation is found by a walk over a hash of its five-tuple, which is the same for both
 * directions. Who sends its first packet began it; TCP must begin with a SYN.
 */
#include "capture.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

enum { ICMP = 1, TCP = 6, UDP = 17, SYN = 2, ACK = 16, BUCKETS = 1 << 16 };

const char *const capture_skip_names[SKIP_COUNT] = {
	[SKIP_NOT_IPV4] = "not IPv4",  [SKIP_CUT] = "cut short",
	[SKIP_FRAGMENT] = "fragments", [SKIP_OTHER] = "other protocols",
	[SKIP_BEGUN] = "begun before", [SKIP_LARGE] = "too large",
};

static uint32_t heads[BUCKETS]; /* number of a conversation + 1 */
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

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

/* @array has room for a power of two; grows it when @n is one. */
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

static void renew_l4(uint8_t *ip, uint8_t *l4, size_t len)
{
	size_t at = ip[9] == TCP ? 16 : ip[9] == UDP ? 6 : 2;
	uint32_t sum = 0;

	if (ip[9] == UDP && get16(l4 + at) == 0)
		return;
	if (ip[9] == UDP)
		len = get16(l4 + 4);
	put16(l4 + at, 0);
	if (ip[9] != ICMP)
		sum = sum16(ip[9] + (uint32_t)len, ip + 12, 8);
	sum = ~sum16(sum, l4, len) & 0xffff;
	put16(l4 + at, ip[9] == UDP && sum == 0 ? 0xffff : sum);
}

void packet_renew(uint8_t *ip, uint32_t src, uint32_t dst, uint16_t sport, uint16_t dport,
		  uint8_t ttl)
{
	size_t header = (size_t)(ip[0] & 15) * 4;
	uint8_t *l4 = ip + header;

	ip[8] = ttl;
	put32(ip + 12, src);
	put32(ip + 16, dst);
	put16(ip + 10, 0);
	put16(ip + 10, ~sum16(0, ip, header) & 0xffff);
	if (ip[9] == ICMP) {
		put16(l4 + 4, sport);
	} else {
		put16(l4, sport);
		put16(l4 + 2, dport);
	}
	renew_l4(ip, l4, get16(ip + 2) - header);
}

/* Where the IPv4 header begins; NULL: there is none. */
static const uint8_t *find_ipv4(int link, const uint8_t *p, size_t *len)
{
	size_t at = 0;

	if (link == DLT_EN10MB) {
		for (at = 12;
		     at + 6 <= *len && (get16(p + at) == 0x8100 || get16(p + at) == 0x88a8);)
			at += 4;
		if (at + 2 > *len || get16(p + at) != 0x0800)
			return NULL;
		at += 2;
	} else if (link == DLT_LINUX_SLL) {
		at = 16;
	} else if (link != DLT_RAW) {
		return NULL;
	}
	if (*len < at + 20 || p[at] >> 4 != 4)
		return NULL;
	*len -= at;
	return p + at;
}

/* Why the packet is left out; SKIP_COUNT: it is not. */
static enum capture_skip check(const uint8_t *ip, size_t len)
{
	size_t header = (size_t)(ip[0] & 15) * 4, total = get16(ip + 2), room = total - header;
	const uint8_t *l4 = ip + header;

	if (header < 20 || total < header)
		return SKIP_NOT_IPV4;
	if (total > len)
		return SKIP_CUT;
	if (total > CAPTURE_PACKET_MAX)
		return SKIP_LARGE;
	if (get16(ip + 6) & 0x3fff)
		return SKIP_FRAGMENT;
	switch (ip[9]) {
	case TCP:
		return room < 20 || l4[12] >> 4 < 5 || (size_t)(l4[12] >> 4) * 4 > room
			       ? SKIP_OTHER
			       : SKIP_COUNT;
	case UDP:
		return room < 8 || get16(l4 + 4) < 8 || get16(l4 + 4) > room ? SKIP_OTHER
									     : SKIP_COUNT;
	case ICMP:
		return room < 8 || (l4[0] != 0 && l4[0] != 8) ? SKIP_OTHER : SKIP_COUNT;
	default:
		return SKIP_OTHER;
	}
}

/* The five-tuple as if this packet began the conversation. */
static struct conversation tuple_of(const uint8_t *ip)
{
	const uint8_t *l4 = ip + (size_t)(ip[0] & 15) * 4;

	return (struct conversation){
		.client = get32(ip + 12),
		.server = get32(ip + 16),
		.client_port = ip[9] == ICMP ? get16(l4 + 4) : get16(l4),
		.server_port = ip[9] == ICMP ? get16(l4 + 4) : get16(l4 + 2),
		.proto = ip[9],
	};
}

static bool is_same(const struct conversation *a, const struct conversation *b, bool forward)
{
	if (a->proto != b->proto)
		return false;
	if (forward)
		return a->client == b->client && a->server == b->server &&
		       a->client_port == b->client_port && a->server_port == b->server_port;
	return a->client == b->server && a->server == b->client &&
	       a->client_port == b->server_port && a->server_port == b->client_port;
}

static uint32_t number_of(uint32_t **addresses, uint32_t *n, uint32_t address)
{
	for (uint32_t i = 0; i < *n; i++) {
		if ((*addresses)[i] == address)
			return i;
	}
	*addresses = grown(*addresses, *n, sizeof(**addresses));
	(*addresses)[*n] = address;
	return (*n)++;
}

/* Does this packet begin something? */
static bool begins(const uint8_t *ip)
{
	const uint8_t *l4 = ip + (size_t)(ip[0] & 15) * 4;

	if (ip[9] == TCP)
		return (l4[13] & (SYN | ACK)) == SYN;
	return ip[9] == UDP || l4[0] == 8;
}

/* The conversation of a packet, begun if need be; UINT32_MAX: it began before the capture. */
static uint32_t find_conversation(struct capture *c, const uint8_t *ip, bool *forward)
{
	struct conversation t = tuple_of(ip);
	uint32_t h = (t.client ^ t.server ^ t.client_port ^ t.server_port ^ t.proto) * 0x9e3779b1u;
	uint32_t *head = &heads[h >> 16], n = c->n_conversations;

	for (uint32_t i = *head; i != 0; i = next[i - 1]) {
		const struct conversation *have = &c->conversations[i - 1];

		*forward = is_same(have, &t, true);
		if (t.proto == ICMP) /* both directions have one identifier: the type tells */
			*forward = *forward && ip[(size_t)(ip[0] & 15) * 4] == 8;
		if (*forward || is_same(have, &t, false))
			return i - 1;
	}
	if (!begins(ip))
		return UINT32_MAX;
	t.host = number_of(&c->clients, &c->n_clients, t.client);
	t.place = number_of(&c->servers, &c->n_servers, t.server);
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

	if (skip != SKIP_COUNT)
		return skip;
	p.conversation = find_conversation(c, ip, &p.forward);
	if (p.conversation == UINT32_MAX)
		return SKIP_BEGUN;
	p.len = get16(ip + 2);
	p.ip = malloc(p.len);
	if (p.ip == NULL)
		err(1, "the capture");
	memcpy(p.ip, ip, p.len);
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
		const uint8_t *ip = find_ipv4(pcap_datalink(file), bytes, &len);
		enum capture_skip skip = ip == NULL ? SKIP_NOT_IPV4 : add(c, ip, len);

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
