/*
 * Any bytes as the embedded packet of an ICMP error, of both families: a key is made only of a
 * valid start of a packet, and is the reversed key of that packet. Then the embedded packet is
 * translated: only an address, a port and the checksums change, and correct checksums stay correct.
 *
 * The first byte: bit 0 the error comes from a site, else from the Internet.
 */
#include "look.h"

#include "in/embedded.h"
#include "out/rewrite_embedded.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	ICMP6 = 58,
	SCTP = 132,
	REALM = 7,
	NEW_PORT = 0x1234,
	EMBEDDED_MAX = 2048
};

static const uint8_t new_addr[16] = {0x20, 1, 0xd, 0xb8, 9, 8, 7, 6, 5, 4, 3, 2, 1, 9, 8, 7};

static void stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static bool is_request(const uint8_t *l4, uint8_t icmp)
{
	return icmp == ICMP6 ? l4[0] == 128 : l4[0] == 8 || l4[0] == 13;
}

/* Both ports of a key. An echo's identifier is in the one that its direction determines. */
static void check_ports(const uint8_t *l4, uint8_t icmp, uint8_t proto, uint16_t sport,
			uint16_t dport)
{
	bool request = is_request(l4, icmp);

	bool has_ports = proto == TCP || proto == UDP || (icmp == ICMP6 && proto == SCTP);

	if (proto != icmp && !has_ports) {
		stop_if(icmp == ICMP6 && proto == ICMP, "a key of another protocol");
		stop_if(sport != 0 || dport != 0, "ports of a protocol that has none");
		return;
	}
	if (proto != icmp) {
		stop_if(ntohs(sport) != look_16(l4 + 2), "not the embedded destination port");
		stop_if(ntohs(dport) != look_16(l4), "not the embedded source port");
		return;
	}
	stop_if(!request && (icmp == ICMP6 ? l4[0] != 129 : l4[0] != 0 && l4[0] != 14),
		"a key of an ICMP error");
	stop_if(ntohs(request ? dport : sport) != look_16(l4 + 4), "not the embedded identifier");
	stop_if((request ? sport : dport) != 0, "an identifier twice");
}

/*
 * An error in direction @dir is about a packet in the other direction, whose key has the identifier
 * there.
 */
static bool has_flow(const uint8_t *l4, uint8_t icmp, uint8_t proto, enum flow_dir dir)
{
	bool request = is_request(l4, icmp);

	if (proto == icmp)
		return request == (dir == FLOW_RETURN);
	return proto == TCP || proto == UDP; /* other protocols have no checksum to update */
}

/* The flow of the embedded packet. Its translated side gets a new address and port. */
static struct flow flow_of(enum flow_dir dir, uint8_t proto, be16_t sport, be16_t dport)
{
	be16_t other = htons(NEW_PORT);

	return (struct flow){
		.sport = dir == FLOW_RETURN ? other : sport,
		.dport = dir == FLOW_RETURN ? sport : dport,
		.nat_port = dir == FLOW_RETURN ? dport : other,
		.proto = proto,
	};
}

/* @after must be @before except for the fields that may change. */
static void check_rewrite(const uint8_t *before, const uint8_t *after, size_t size, size_t header,
			  enum flow_dir dir)
{
	bool six = before[0] >> 4 == 6;
	uint8_t proto = before[six ? 6 : 9], icmp = six ? ICMP6 : ICMP;
	size_t at = (six ? 8 : 12) + (dir == FLOW_RETURN ? 0 : six ? 16 : 4), n = six ? 16 : 4;
	struct look was, is;
	bool sound = look_at(before, size, &was);
	uint8_t masked[EMBEDDED_MAX];

	stop_if(memcmp(after + at, new_addr, n) != 0, "the address is another");
	stop_if(sound != look_at(after, size, &is), "sound before or after only");
	if (sound && was.proto != 0)
		stop_if(was.l4 == LOOK_GOOD && is.l4 != LOOK_GOOD, "a checksum went wrong");
	if (six)
		proto = was.proto;
	memcpy(masked, after, size);
	memcpy(masked + at, before + at, n);
	if (!six)
		memcpy(masked + 10, before + 10, 2);
	/* Ports or identifier, and the offset of the checksum. */
	at = header + (proto == icmp ? 4 : dir == FLOW_RETURN ? 0 : 2);
	stop_if(look_16(after + at) != NEW_PORT, "the port is another");
	memcpy(masked + at, before + at, 2);
	at = header + (proto == TCP ? 16 : proto == UDP ? 6 : 2);
	if (at + 2 <= size)
		memcpy(masked + at, before + at, 2);
	stop_if(memcmp(masked, before, size) != 0, "something else has changed");
}

static const struct network nowhere; /* without sources that leave untranslated */

static void check_four(const uint8_t *p, size_t size, enum flow_dir dir)
{
	struct flow_key key;
	enum drop drop = embedded_key(&nowhere, p, size, REALM, &key);
	size_t header = size < 28 ? 0 : (size_t)(p[0] & 15) * 4;
	uint8_t after[EMBEDDED_MAX];
	struct flow f;

	stop_if(drop >= DROP_COUNT, "a reason without a name");
	if (drop != DROP_NONE)
		return;
	stop_if(header < 20 || size < header + 8, "a key of too little");
	stop_if(p[0] >> 4 != 4, "a key of another version");
	stop_if((look_16(p + 6) & 0x1fff) != 0, "a key of a later fragment");
	stop_if(key.proto != p[9], "a key of another protocol");
	stop_if(ntohl(key.src) != look_32(p + 16) || ntohl(key.dst) != look_32(p + 12),
		"the addresses are not the embedded ones, turned round");
	stop_if(key.realm != REALM || key.domain != 0, "another realm");
	check_ports(p + header, ICMP, key.proto, key.sport, key.dport);
	if (!has_flow(p + header, ICMP, key.proto, dir))
		return;
	f = flow_of(dir, key.proto, key.sport, key.dport);
	f.src = key.src;
	f.nat_src = key.dst;
	memcpy(dir == FLOW_RETURN ? &f.src : &f.nat_src, new_addr, 4);
	memcpy(after, p, size);
	rewrite_embedded(after, size, &f, dir);
	check_rewrite(p, after, size, header, dir);
}

static void check_six(const uint8_t *p, size_t size, enum flow_dir dir)
{
	struct flow6_key key;
	enum drop drop = embedded6_key(p, size, REALM, &key);
	uint8_t after[EMBEDDED_MAX];
	struct look l, error = {.ip = p, .len = size + 8};
	struct flow6 six;
	struct flow f;

	stop_if(drop >= DROP_COUNT, "a reason without a name");
	if (drop != DROP_NONE)
		return;
	error.ip -= 8; /* the embedded packet is behind an ICMP header */
	stop_if(!look_at_quote(&error, &l) || !l.six, "a key of too little");
	stop_if(key.proto != l.proto, "a key of another protocol");
	stop_if(memcmp(&key.src, &l.dst, 16) != 0 || memcmp(&key.dst, &l.src, 16) != 0,
		"the addresses are not the embedded ones, turned round");
	stop_if(key.realm != REALM || key.domain != 0, "another realm");
	check_ports(p + l.header, ICMP6, key.proto, key.sport, key.dport);
	if (!has_flow(p + l.header, ICMP6, key.proto, dir))
		return;
	f = flow_of(dir, key.proto, key.sport, key.dport);
	six = (struct flow6){.src = key.src, .nat_src = key.dst};
	memcpy(dir == FLOW_RETURN ? &six.src : &six.nat_src, new_addr, 16);
	memcpy(after, p, size);
	rewrite_embedded6(after, size, &f, &six, dir);
	check_rewrite(p, after, size, l.header, dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum flow_dir dir = size > 0 && data[0] & 1 ? FLOW_FORWARD : FLOW_RETURN;
	uint8_t *p;

	if (size < 2 || size > EMBEDDED_MAX)
		return 0;
	p = malloc(size - 1); /* memory of its own, so that ASan finds a read beyond it */
	stop_if(p == NULL, "no memory");
	memcpy(p, data + 1, size - 1);
	check_four(p, size - 1, dir);
	check_six(p, size - 1, dir);
	free(p);
	return 0;
}
