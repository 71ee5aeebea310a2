/* The network of the hairpin tests: see hairpin_bed.h. */
#include "hairpin_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

struct bed *bed;
struct taken taken;

void start_pool(const char *mapping, const char *filtering, unsigned workers)
{
	char yaml[2048];

	snprintf(yaml, sizeof(yaml),
		 "workers: %u\n"
		 "flows: {capacity: 16384}\n"
		 "ports:\n"
		 "  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		 "  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		 "sites:\n"
		 "  - name: berlin\n"
		 "    prefixes: [10.0.1.0/24]\n"
		 "    tunnels: [{name: b1, local: 198.51.100.1, remote: 198.51.100.10,\n"
		 "               port: underlay, address: 10.255.0.1}]\n"
		 "  - name: madrid\n"
		 "    prefixes: [10.0.1.0/24]\n"
		 "    tunnels: [{name: m1, local: 198.51.100.1, remote: 198.51.100.20,\n"
		 "               port: underlay, address: 10.255.0.1, mtu: 800}]\n"
		 "egress:\n"
		 "  - name: internet\n"
		 "    port: uplink\n"
		 "    mapping: %s\n"
		 "    filtering: %s\n"
		 "    addresses: [{address: 203.0.113.1, slices: [1]},\n"
		 "                {address: 203.0.113.2, slices: [1]}]\n",
		 workers, mapping, filtering);
	bed = bed_create(yaml, 1);
}

void start(const char *filtering, unsigned workers)
{
	start_pool(INDEPENDENT, filtering, workers);
}

void stop(void)
{
	bed_check(bed);
	bed_destroy(bed);
}

void send_frame(unsigned port, const struct frame *f)
{
	uint8_t bytes[BED_FRAME_MAX];

	bed_send(bed, port, bytes, frame_build(f, bytes));
	bed_run(bed);
}

bool take(unsigned port, struct frame *out)
{
	const char *why;

	taken.len = bed_take(bed, port, taken.raw);
	if (taken.len == 0)
		return false;
	if (!frame_parse(taken.raw, taken.len, out, &why))
		fail_msg("came out with a wrong %s", why);
	return true;
}

uint64_t drops(enum drop reason)
{
	return bed_counters(bed).drops[reason];
}

struct frame packet(const struct end *from, uint8_t proto, const struct outside *to)
{
	return (struct frame){
		.outer_src = from->site,
		.outer_dst = GATEWAY,
		.src = from->addr,
		.dst = to->addr,
		.sport = from->port,
		.dport = to->port,
		.proto = proto,
		.tcp_flags = proto == TCP ? SYN : 0,
		.token = from->port,
	};
}

struct outside map(const struct end *end, uint8_t proto)
{
	struct frame f = packet(end, proto, &(struct outside){SERVER, 53}), out;

	send_frame(UNDERLAY, &f);
	assert_true(take(UPLINK, &out));
	return (struct outside){out.src, out.sport};
}
