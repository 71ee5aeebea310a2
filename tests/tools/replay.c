/*
 * Real traffic through the data plane, from several sites at once that all use the same addresses.
 *
 *   replay [--sites N] [--workers N] [--independent] FILE.pcap
 *
 *     site 1 --- GRE ---+
 *     site 2 --- GRE ---+--- [ the data plane, in this process ] --- what was the other side
 *     site N --- GRE ---+
 *
 * The client of a conversation in the capture becomes a host in every site, and the server becomes
 * a server on the Internet. Each packet is sent once for each site before the next one, so all
 * sites use all five-tuples at the same time. The expected output is known to the last byte: the
 * packet with the egress address and port, its TTL one less, and new checksums. A return must come
 * out at the site of its flow, as its host would have got it. The same holds for IPv4 and IPv6.
 *
 * Exit status: 0 if every packet came out as expected, 1 if one did not, 2 for wrong arguments.
 */
#include "bed.h"
#include "capture.h"
#include "frame.h"

#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNDERLAY, UPLINK };
enum { SITES_MAX = 64, TTL = 64, OUTER_LEN = 14 + 20 + 4, KEY_LEN = 4 };

#define GATEWAY IP(198, 51, 100, 1)

#define V4(a, b, c, d)                                                                             \
	{                                                                                          \
		{                                                                                  \
			[10] = 0xff, [11] = 0xff, a, b, c, d                                       \
		}                                                                                  \
	}
#define V6(a, b, c, last)                                                                          \
	{                                                                                          \
		{                                                                                  \
			IP6_GROUP(a), IP6_GROUP(b), IP6_GROUP(c), [15] = last                      \
		}                                                                                  \
	}

/* [family] */
static const struct address egress[] = {V4(203, 0, 113, 1), V6(0x2001, 0xdb8, 1, 1)};
static const struct address first_host[] = {V4(10, 0, 0, 1), V6(0xfd00, 0, 0, 1)};
static const struct address first_server[] = {V4(198, 18, 0, 1), V6(0x2001, 0xdb8, 5, 1)};

struct mapping {
	bool seen;
	uint16_t port;
};

static struct {
	unsigned sites, workers;
	bool independent;
	struct bed *bed;
	struct capture *capture;
	struct mapping *mappings; /* [conversation * sites + site] */
	uint64_t forward, returns, wrong;
} run = {.sites = 3, .workers = 1};

/* The key of a site's tunnel: every other site has one. */
static uint32_t key_of(unsigned site)
{
	return site % 2 == 0 ? 0 : site;
}

static uint32_t remote_of(unsigned site)
{
	return IP(198, 51, 100, 10) + site;
}

static void make_bed(void)
{
	char *yaml;
	size_t size;
	FILE *out = open_memstream(&yaml, &size);

	fprintf(out, "workers: %u\nflows: {capacity: 1048576}\nports:\n", run.workers);
	for (unsigned i = 0; i < 2; i++)
		fprintf(out,
			"  - {name: p%u, driver: memory, mtu: 9100,\n"
			"     next-hop-mac: '02:00:00:00:00:aa'}\n",
			i);
	fprintf(out, "sites:\n");
	for (unsigned s = 0; s < run.sites; s++) {
		char key[32] = "";

		if (key_of(s) != 0)
			snprintf(key, sizeof(key), "key: %u, ", key_of(s));
		fprintf(out,
			"  - name: s%u\n    limits: {flows: 1048576, half-open: 1048576}\n"
			"    tunnels: [{name: t%u, local: 198.51.100.1, remote: 198.51.100.%u,\n"
			"               %smtu: 9000, port: p0}]\n",
			s, s, 10 + s, key);
	}
	fprintf(out,
		"egress:\n  - {name: internet, port: p1, mapping: %s,\n"
		"     addresses: [{address: 203.0.113.1}]}\n"
		"  - {name: six, port: p1, addresses: [{address: '2001:db8:1::1'}]}\n",
		run.independent ? "endpoint-independent" : "address-and-port-dependent");
	fclose(out);
	run.bed = bed_create(yaml, 1);
	free(yaml);
}

static void complain(const struct captured *p, unsigned site, const char *what)
{
	const struct conversation *c = &run.capture->conversations[p->conversation];

	if (run.wrong++ < 20)
		fprintf(stderr, "packet %zu, %s, site %u, protocol %u, port %u to %u: %s\n",
			(size_t)(p - run.capture->packets) + 1, p->forward ? "forward" : "return",
			site, c->proto, c->client_port, c->server_port, what);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Writes the outer headers of a site in front of an inner packet. Returns their length. */
static size_t put_outer(uint8_t *frame, unsigned site, bool six, size_t inner)
{
	const struct frame empty = {.proto = 17, .six = six};
	size_t len = OUTER_LEN + (key_of(site) != 0 ? KEY_LEN : 0);
	struct frame f = empty;
	uint32_t sum = 0;
	uint8_t *ip = frame + 14;

	f.outer_src = remote_of(site);
	f.outer_dst = GATEWAY;
	f.has_key = key_of(site) != 0;
	f.key = key_of(site);
	frame_build(&f, frame);
	put16(ip + 2, (uint32_t)(len - 14 + inner));
	put16(ip + 10, 0);
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)ip[i] << 8 | ip[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	put16(ip + 10, ~(sum + (sum >> 16)) & 0xffff);
	return len;
}

static struct address numbered(const struct address *first, uint32_t number)
{
	struct address a = *first;
	uint32_t last = get32(a.b + 12) + number;

	put16(a.b + 12, last >> 16);
	put16(a.b + 14, last);
	return a;
}

static struct address host_of(const struct conversation *c)
{
	return numbered(&first_host[c->six], c->host);
}

static struct address server_of(const struct conversation *c)
{
	return numbered(&first_server[c->six], c->place);
}

/* Takes the only frame that came out by @port. Returns its length, or 0 with a message. */
static size_t take_one(const struct captured *p, unsigned site, unsigned port, uint8_t *out)
{
	uint8_t other[BED_FRAME_MAX];
	size_t len;

	bed_run(run.bed);
	len = bed_take(run.bed, port, out);
	if (len == 0)
		complain(p, site, "nothing came out");
	while (bed_take(run.bed, UNDERLAY, other) > 0 || bed_take(run.bed, UPLINK, other) > 0)
		complain(p, site, "something came out that should not");
	return len;
}

static void check_bytes(const struct captured *p, unsigned site, const uint8_t *got, size_t len,
			const uint8_t *want)
{
	size_t at = 0;
	char what[80];

	if (len != p->len) {
		complain(p, site, "came out with another length");
		return;
	}
	while (at < len && got[at] == want[at])
		at++;
	if (at == len)
		return;
	snprintf(what, sizeof(what), "byte %zu is %02x, not %02x", at, got[at], want[at]);
	complain(p, site, what);
}

static void play_forward(const struct captured *p, unsigned site)
{
	const struct conversation *c = &run.capture->conversations[p->conversation];
	struct mapping *m = &run.mappings[(size_t)p->conversation * run.sites + site];
	struct address host = host_of(c), server = server_of(c);
	uint8_t frame[BED_FRAME_MAX], out[BED_FRAME_MAX], *port;
	size_t outer = put_outer(frame, site, c->six, p->len), len;

	memcpy(frame + outer, p->ip, p->len);
	packet_renew(frame + outer, &host, &server, c->client_port, c->server_port, TTL);
	bed_send(run.bed, UNDERLAY, frame, outer + p->len);
	len = take_one(p, site, UPLINK, out);
	if (len < 14u + p->len)
		return;
	port = out + 14 + packet_port_at(p->ip);
	if (m->seen && m->port != (port[0] << 8 | port[1]))
		complain(p, site, "its egress port has changed");
	m->port = (uint16_t)(port[0] << 8 | port[1]);
	if (m->port < 2048)
		complain(p, site, "left with a port that is in no slice");
	m->seen = true;
	packet_renew(frame + outer, &egress[c->six], &server, m->port, c->server_port, TTL - 1);
	check_bytes(p, site, out + 14, len - 14, frame + outer);
	run.forward++;
}

static void play_return(const struct captured *p, unsigned site)
{
	const struct conversation *c = &run.capture->conversations[p->conversation];
	const struct mapping *m = &run.mappings[(size_t)p->conversation * run.sites + site];
	bool icmp = c->proto == 1 || c->proto == 58;
	struct address host = host_of(c), server = server_of(c);
	uint8_t frame[BED_FRAME_MAX], out[BED_FRAME_MAX];
	size_t outer = OUTER_LEN + (key_of(site) != 0 ? KEY_LEN : 0), len;
	uint16_t from = icmp ? m->port : c->server_port;

	memcpy(frame, "\x02\0\0\0\0\x02\x02\0\0\0\0\xfe", 12);
	put16(frame + 12, c->six ? 0x86dd : 0x0800);
	memcpy(frame + 14, p->ip, p->len);
	packet_renew(frame + 14, &server, &egress[c->six], from, m->port, TTL);
	bed_send(run.bed, UPLINK, frame, 14u + p->len);
	len = take_one(p, site, UNDERLAY, out);
	if (len < outer)
		return;
	if (get32(out + 14 + 16) != remote_of(site) ||
	    (key_of(site) != 0 && get32(out + OUTER_LEN) != key_of(site)))
		complain(p, site, "went to another site");
	from = icmp ? c->client_port : c->server_port;
	packet_renew(frame + 14, &server, &host, from, c->client_port, TTL - 1);
	check_bytes(p, site, out + outer, len - outer, frame + 14);
	run.returns++;
}

static void play(void)
{
	for (uint32_t i = 0; i < run.capture->n_packets; i++) {
		for (unsigned site = 0; site < run.sites; site++) {
			if (run.capture->packets[i].forward)
				play_forward(&run.capture->packets[i], site);
			else
				play_return(&run.capture->packets[i], site);
		}
	}
}

static void report(void)
{
	printf("%u conversations, %u sites: %llu packets forward, %llu returns, %llu wrong\n",
	       run.capture->n_conversations, run.sites, (unsigned long long)run.forward,
	       (unsigned long long)run.returns, (unsigned long long)run.wrong);
	for (unsigned i = 0; i < SKIP_COUNT; i++) {
		if (run.capture->skipped[i] > 0)
			printf("left out: %u %s\n", run.capture->skipped[i], capture_skip_names[i]);
	}
}

static const char *read_arguments(int argc, char **argv)
{
	static const struct option options[] = {
		{"sites", required_argument, NULL, 's'},
		{"workers", required_argument, NULL, 'w'},
		{"independent", no_argument, NULL, 'i'},
		{NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "s:w:i", options, NULL)) != -1) {
		if (option == 's')
			run.sites = (unsigned)atoi(optarg);
		else if (option == 'w')
			run.workers = (unsigned)atoi(optarg);
		else if (option == 'i')
			run.independent = true;
		else
			return NULL;
	}
	if (run.sites < 1 || run.sites > SITES_MAX || run.workers < 1 || run.workers > 8)
		return NULL;
	return optind + 1 == argc ? argv[optind] : NULL;
}

int main(int argc, char **argv)
{
	const char *path = read_arguments(argc, argv);

	if (path == NULL) {
		fprintf(stderr,
			"usage: replay [--sites 1-%d] [--workers 1-8] [--independent] FILE.pcap\n",
			SITES_MAX);
		return 2;
	}
	run.capture = capture_read(path);
	make_bed();
	run.mappings = calloc((size_t)run.capture->n_conversations * run.sites + 1,
			      sizeof(struct mapping));
	if (run.mappings == NULL)
		err(1, "replay");
	play();
	report();
	bed_check(run.bed);
	bed_destroy(run.bed);
	free(run.mappings);
	capture_free(run.capture);
	return run.wrong > 0;
}
