/*
 * Any bytes as a frame: a frame that claim_read() accepts is complete, and its fields are those of
 * its bytes.
 */
#include "base/wire.h"
#include "control/claim.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	TYPE_AT = 12,
	ARP_IP_AT = 28,
	ARP_MAC_AT = 22,
	ARP_END = 42,
	ND_TARGET_AT = 62,
	ND_END = 78
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static void check_arp(const uint8_t *data, size_t size, const struct addr6 *addr,
		      const uint8_t *mac)
{
	be32_t four = addr6_to_ipv4(addr);

	stop_if(size < ARP_END, "an ARP packet that is cut short");
	stop_if(!addr6_is_mapped(addr) || four == 0, "no IPv4 address");
	stop_if(memcmp(&four, data + ARP_IP_AT, sizeof(four)) != 0, "another IPv4 address");
	stop_if(memcmp(mac, data + ARP_MAC_AT, ETHER_ADDR_LEN) != 0, "another sender");
}

static void check_nd(const uint8_t *data, size_t size, const struct addr6 *addr, const uint8_t *mac)
{
	stop_if(size < ND_END, "an advertisement that is cut short");
	stop_if(addr6_is_mapped(addr), "an IPv4 address in IPv6");
	stop_if(memcmp(addr, data + ND_TARGET_AT, sizeof(*addr)) != 0, "another IPv6 address");
	stop_if(memcmp(mac, data + ETHER_ADDR_LEN, ETHER_ADDR_LEN) != 0, "another sender");
}

/* A claim that is accepted must be accepted again when we send it. */
static void check_again(const struct addr6 *addr, const uint8_t *mac)
{
	uint8_t frame[CLAIM_FRAME_MAX], mac_again[ETHER_ADDR_LEN];
	struct addr6 again;
	size_t len = claim_announce(addr, mac, frame);

	stop_if(!claim_read(frame, len, &again, mac_again), "our own frame is not believed");
	stop_if(!addr6_equal(addr, &again) || memcmp(mac, mac_again, ETHER_ADDR_LEN) != 0,
		"our own frame says something else");
	len = claim_probe(addr, mac, frame);
	stop_if(claim_read(frame, len, &again, mac_again), "a probe claims an address");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t mac[ETHER_ADDR_LEN];
	struct addr6 addr;

	if (!claim_read(data, size, &addr, mac))
		return 0;
	if (data[TYPE_AT] == 0x08)
		check_arp(data, size, &addr, mac);
	else
		check_nd(data, size, &addr, mac);
	check_again(&addr, mac);
	return 0;
}
