/*
 * Packets between the device and tunnels. A socket pair takes the device's place, and the workers
 * are rows here.
 */
#include "control/bgp/relay.h"

#include "base/types.h"
#include "path/deliver.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

enum { WORKERS = 2, LEN = 60, TUNNEL = 7, TUNNEL6 = 9 };

#define FOUR(a) addr6_from_ipv4(htonl(a))

/* What a worker has for the kernel, and what it got for a tunnel. */
struct worker {
	uint8_t to_kernel[LEN];
	unsigned waiting;
	uint8_t got[DELIVER_MAX];
	size_t got_len;
	uint16_t got_tunnel;
	unsigned n_got;
	bool full;
};

static struct worker workers[WORKERS];

static size_t take(struct worker *w, void *bytes)
{
	if (w->waiting == 0)
		return 0;
	w->waiting--;
	memcpy(bytes, w->to_kernel, LEN);
	return LEN;
}

static bool send_packet(struct worker *w, uint16_t tunnel, const void *bytes, size_t len)
{
	if (w->full)
		return false;
	memcpy(w->got, bytes, len);
	w->got_len = len;
	w->got_tunnel = tunnel;
	w->n_got++;
	return true;
}

struct bed {
	struct event_base *base;
	struct relay *relay;
	int kernel; /* the other end of the device */
	int device;
};

static const struct addr6 ours6 = {{0xfd, 0}}, peer6 = {{0xfd, 1}};

static struct bed make_bed(void)
{
	static struct worker *const at[WORKERS] = {&workers[0], &workers[1]};
	const struct relay_workers parts = {at, WORKERS, take, send_packet};
	const struct relay_link links[] = {
		{FOUR(0xa9fef003), FOUR(0xa9fef002), 8},
		{FOUR(0xa9fef001), FOUR(0xa9fef000), TUNNEL},
		{peer6, ours6, TUNNEL6},
	};
	struct bed b = {.base = event_base_new()};
	int fds[2];

	memset(workers, 0, sizeof(workers));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	b.device = fds[0];
	b.kernel = fds[1];
	b.relay = relay_create(b.base, b.device, &parts);
	assert_non_null(b.relay);
	assert_int_equal(relay_set_links(b.relay, links, ARRAY_SIZE(links)), 0);
	return b;
}

static void end_bed(struct bed *b)
{
	relay_destroy(b->relay);
	close(b->device);
	if (b->kernel >= 0)
		close(b->kernel);
	event_base_free(b->base);
}

/* The loop for @ms. */
static void run(struct bed *b, unsigned ms)
{
	const struct timeval wait = {.tv_usec = 1000 * (suseconds_t)ms};

	event_base_loopexit(b->base, &wait);
	event_base_dispatch(b->base);
}

static size_t packet4(uint8_t *bytes, uint32_t src, uint32_t dst)
{
	be32_t ends[2] = {htonl(src), htonl(dst)};

	memset(bytes, 0, LEN);
	bytes[0] = 0x45;
	memcpy(bytes + 12, ends, sizeof(ends));
	return LEN;
}

static size_t packet6(uint8_t *bytes, const struct addr6 *src, const struct addr6 *dst)
{
	memset(bytes, 0, LEN);
	bytes[0] = 0x60;
	memcpy(bytes + 8, src, sizeof(*src));
	memcpy(bytes + 24, dst, sizeof(*dst));
	return LEN;
}

/* Only between both ends of one tunnel, into this tunnel. */
static void test_to_tunnels(void **state)
{
	static const struct {
		const char *why;
		uint32_t src, dst;
		size_t len;
		uint16_t tunnel; /* 0: none */
	} rows[] = {
		{"a session's", 0xa9fef000, 0xa9fef001, LEN, TUNNEL},
		{"another one's", 0xa9fef002, 0xa9fef003, LEN, 8},
		{"from another session's end", 0xa9fef002, 0xa9fef001, LEN, 0},
		{"to nobody", 0xa9fef000, 0xa9fef009, LEN, 0},
		{"the way back", 0xa9fef001, 0xa9fef000, LEN, 0},
		{"a header and no more", 0xa9fef000, 0xa9fef001, 20, TUNNEL},
		{"less than a header", 0xa9fef000, 0xa9fef001, 19, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bed b = make_bed();
		uint8_t bytes[LEN];

		packet4(bytes, rows[i].src, rows[i].dst);
		assert_int_equal(send(b.kernel, bytes, rows[i].len, 0), rows[i].len);
		run(&b, 20);
		if (workers[0].n_got != (rows[i].tunnel != 0) ||
		    workers[0].got_tunnel != rows[i].tunnel)
			fail_msg("%s: tunnel %u", rows[i].why, workers[0].got_tunnel);
		if (rows[i].tunnel != 0)
			assert_memory_equal(workers[0].got, bytes, rows[i].len);
		assert_int_equal(relay_counts(b.relay)->to_tunnels, rows[i].tunnel != 0);
		assert_int_equal(relay_counts(b.relay)->no_tunnel, rows[i].tunnel == 0);
		end_bed(&b);
	}
}

static void test_six(void **state)
{
	struct bed b = make_bed();
	uint8_t bytes[LEN];

	packet6(bytes, &ours6, &peer6);
	send(b.kernel, bytes, LEN, 0);
	send(b.kernel, bytes, 39, 0); /* less than a header */
	packet6(bytes, &peer6, &ours6);
	send(b.kernel, bytes, LEN, 0);
	bytes[0] = 0x50;
	send(b.kernel, bytes, LEN, 0);
	run(&b, 20);
	assert_int_equal(workers[0].got_tunnel, TUNNEL6);
	assert_int_equal(relay_counts(b.relay)->to_tunnels, 1);
	assert_int_equal(relay_counts(b.relay)->no_tunnel, 3);
	end_bed(&b);
}

/* Of all workers; a device that takes no more loses packets, which are counted. */
static void test_to_kernel(void **state)
{
	struct bed b = make_bed();
	uint8_t got[DELIVER_MAX];
	unsigned n = 0;

	packet4(workers[0].to_kernel, 1, 2);
	packet4(workers[1].to_kernel, 3, 4);
	workers[0].waiting = workers[1].waiting = 3;
	run(&b, 120);
	while (recv(b.kernel, got, sizeof(got), 0) == LEN) {
		assert_memory_equal(got, workers[n / 3].to_kernel, LEN);
		n++;
	}
	assert_int_equal(n, 6);
	assert_int_equal(relay_counts(b.relay)->to_kernel, 6);

	workers[0].waiting = 5000;
	run(&b, 300);
	assert_int_equal(workers[0].waiting, 0);
	assert_true(relay_counts(b.relay)->lost > 0);
	assert_int_equal(relay_counts(b.relay)->to_kernel + relay_counts(b.relay)->lost, 5006);
	end_bed(&b);
}

static void test_full(void **state)
{
	struct bed b = make_bed();
	uint8_t bytes[LEN];

	workers[0].full = true;
	packet4(bytes, 0xa9fef000, 0xa9fef001);
	send(b.kernel, bytes, LEN, 0);
	run(&b, 20);
	assert_int_equal(relay_counts(b.relay)->lost, 1);
	assert_int_equal(relay_set_links(b.relay, NULL, 0), 0);
	workers[0].full = false;
	send(b.kernel, bytes, LEN, 0);
	run(&b, 20);
	assert_int_equal(relay_counts(b.relay)->no_tunnel, 1);
	end_bed(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_tunnels),
		cmocka_unit_test(test_six),
		cmocka_unit_test(test_to_kernel),
		cmocka_unit_test(test_full),

	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
