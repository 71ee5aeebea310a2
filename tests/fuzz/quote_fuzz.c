/*
 * Any bytes as what an ICMP error quotes: a key is only made of a sound beginning of a packet, and is
 * that packet's, turned round.
 */
#include "in/stages.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ICMP = 1, TCP = 6, UDP = 17, REALM = 7 };

static void stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static uint32_t read16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t read32(const uint8_t *p)
{
	return read16(p) << 16 | read16(p + 2);
}

/* The ports, or an echo's identifier in the place that its direction says. */
static void check_ports(const uint8_t *l4, const struct flow_key *key)
{
	if (key->proto != ICMP) {
		stop_if(ntohs(key->sport) != read16(l4 + 2), "not the quoted destination port");
		stop_if(ntohs(key->dport) != read16(l4), "not the quoted source port");
		return;
	}
	stop_if(l4[0] != 0 && l4[0] != 8, "a key of an ICMP error");
	stop_if(ntohs(l4[0] == 8 ? key->dport : key->sport) != read16(l4 + 4),
		"not the quoted identifier");
	stop_if((l4[0] == 8 ? key->sport : key->dport) != 0, "an identifier twice");
}

static void check_key(const uint8_t *p, size_t size, const struct flow_key *key)
{
	size_t header = size < 28 ? 0 : (size_t)(p[0] & 15) * 4;

	stop_if(header < 20 || size < header + 8, "a key of too little");
	stop_if(p[0] >> 4 != 4, "a key of another version");
	stop_if((read16(p + 6) & 0x1fff) != 0, "a key of a later fragment");
	stop_if(key->proto != p[9] || (p[9] != ICMP && p[9] != TCP && p[9] != UDP),
		"a key of another protocol");
	stop_if(ntohl(key->src) != read32(p + 16) || ntohl(key->dst) != read32(p + 12),
		"the addresses are not the quoted ones, turned round");
	stop_if(key->realm != REALM || key->zero != 0, "another realm");
	check_ports(p + header, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow_key key;
	enum drop drop = quote_key(data, size, REALM, &key);

	stop_if(drop >= DROP_COUNT, "a reason without a name");
	if (drop == DROP_NONE)
		check_key(data, size, &key);
	return 0;
}
