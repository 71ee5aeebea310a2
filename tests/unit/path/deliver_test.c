/*
 * Which packets go to the routing daemon: BGP and BFD from the far end of the very tunnel. All
 * others to our address go on as before.
 */
#include "path/deliver.h"

#include "path/context.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { PEERED = 1, PLAIN, PEERED6, TUNNELS };
enum { OURS = 0x0a630000, PEER = 0x0a630001, STRANGER = 0x0a630007 };

static struct spec_tunnel specs[TUNNELS];
static const struct spec_tunnel *by_id[TUNNELS] = {NULL, &specs[PEERED], &specs[PLAIN],
						   &specs[PEERED6]};
static struct network net = {.tunnel_specs = by_id, .max_tunnel = TUNNELS - 1};
static struct context ctx = {.net = &net};
static struct burst burst;

static int setup(void **state)
{
	specs[PEERED] = (struct spec_tunnel){.bgp = true, .peer = addr6_from_ipv4(htonl(PEER))};
	specs[PLAIN] = (struct spec_tunnel){.peer = addr6_from_ipv4(htonl(PEER))};
	specs[PEERED6] = (struct spec_tunnel){.bgp = true, .peer6 = {{7, 9}}};
	ctx.deliver = deliver_create();
	assert_non_null(ctx.deliver);
	memset(burst.n, 0, sizeof(burst.n));
	return 0;
}

static int teardown(void **state)
{
	deliver_destroy(ctx.deliver);
	return 0;
}

static struct packet *packet(uint16_t tunnel, uint8_t proto, uint16_t sport, uint16_t dport,
			     uint32_t src)
{
	static uint8_t bytes[DELIVER_MAX + 100];
	struct packet *p = &burst.packets[0];

	memset(bytes, 0x5a, sizeof(bytes));
	memset(burst.n, 0, sizeof(burst.n));
	*p = (struct packet){.data = bytes,
			     .len = 60,
			     .onramp = tunnel,
			     .probe.key = {.src = htonl(src),
					   .dst = htonl(OURS),
					   .sport = htons(sport),
					   .dport = htons(dport),
					   .proto = proto}};
	return p;
}

static void test_which(void **state)
{
	/* clang-format off */
	static const struct {
		uint16_t tunnel, sport, dport;
		uint8_t proto;
		uint32_t src;
		enum drop drop; /* NONE: it is not for the daemon */
		const char *why;
	} rows[] = {
		{ PEERED, 40000, 179, PROTO_TCP, PEER, DROP_BGP_DELIVERED, "the far end calls" },
		{ PEERED, 179, 40000, PROTO_TCP, PEER, DROP_BGP_DELIVERED, "the far end was called" },
		{ PEERED, 49152, 3784, PROTO_UDP, PEER, DROP_BGP_DELIVERED, "BFD" },
		{ PEERED, 40000, 179, PROTO_TCP, STRANGER, DROP_BGP_SOURCE, "another host of the site" },
		{ PEERED, 49152, 3784, PROTO_UDP, STRANGER, DROP_BGP_SOURCE, "BFD of another host" },
		{ PEERED, 40000, 180, PROTO_TCP, PEER, DROP_NONE, "another port" },
		{ PEERED, 3784, 53, PROTO_UDP, PEER, DROP_NONE, "BFD's port as source" },
		{ PEERED, 40000, 179, PROTO_UDP, PEER, DROP_NONE, "BGP is TCP" },
		{ PLAIN, 40000, 179, PROTO_TCP, PEER, DROP_NONE, "no routes are learned from it" },
		{ PEERED6, 40000, 179, PROTO_TCP, PEER, DROP_NONE, "no peer of this family" },
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet *p = packet(rows[i].tunnel, rows[i].proto, rows[i].sport,
					  rows[i].dport, rows[i].src);
		bool taken = deliver_packet(&ctx, &burst, p, NULL);
		uint8_t out[DELIVER_MAX];
		size_t len = deliver_take(ctx.deliver, out);

		if (taken != (rows[i].drop != DROP_NONE) || burst.n[STAGE_DROP] != taken ||
		    (taken && p->drop != rows[i].drop) ||
		    len != (rows[i].drop == DROP_BGP_DELIVERED ? p->len : 0) ||
		    (len > 0 && memcmp(out, p->data, len) != 0))
			fail_msg("row %zu: %s", i, rows[i].why);
	}
}

static void test_six(void **state)
{
	struct flow6_key key = {.src = specs[PEERED6].peer6};
	uint8_t out[DELIVER_MAX];

	assert_true(deliver_packet(&ctx, &burst, packet(PEERED6, PROTO_TCP, 9, 179, 0), &key));
	assert_int_equal(deliver_take(ctx.deliver, out), 60);
	key.src.half[1] = 10;
	assert_true(deliver_packet(&ctx, &burst, packet(PEERED6, PROTO_TCP, 9, 179, 0), &key));
	assert_int_equal(burst.packets[0].drop, DROP_BGP_SOURCE);
	assert_int_equal(deliver_take(ctx.deliver, out), 0);
}

/* The ring is bounded, keeps the order, and goes round. */
static void test_ring(void **state)
{
	uint8_t out[DELIVER_MAX];
	struct packet *p;

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i <= DELIVER_ROOM; i++) {
			p = packet(PEERED, PROTO_TCP, 9, 179, PEER);
			p->data[0] = (uint8_t)i;
			assert_true(deliver_packet(&ctx, &burst, p, NULL));
			assert_int_equal(p->drop,
					 i < DELIVER_ROOM ? DROP_BGP_DELIVERED : DROP_BGP_BUSY);
		}
		for (unsigned i = 0; i < DELIVER_ROOM; i++) {
			assert_int_equal(deliver_take(ctx.deliver, out), 60);
			assert_int_equal(out[0], (uint8_t)i);
		}
		assert_int_equal(deliver_take(ctx.deliver, out), 0);
	}
	p = packet(PEERED, PROTO_TCP, 9, 179, PEER);
	p->len = DELIVER_MAX + 1;
	assert_true(deliver_packet(&ctx, &burst, p, NULL));
	assert_int_equal(p->drop, DROP_BGP_BUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_which, setup, teardown),
		cmocka_unit_test_setup_teardown(test_six, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ring, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
