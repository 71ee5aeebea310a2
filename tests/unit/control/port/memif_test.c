/*
 * A server and a client of memif in one process: they agree, frames pass both ways by every queue,
 * one leaves and another comes. And a client that lies: whatever it says, the server ends the
 * connection with a reason, keeps none of its descriptors, and serves the next one.
 */
#include "control/port/memif_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_mbuf.h>

enum { TURNS = 100, BURST = 32, REGION = 64 * 1024, PATH_SIZE = 100 };

static struct rte_mempool *pool;
static char folder[] = "/tmp/memif-test-XXXXXX", path[PATH_SIZE];

static struct memif_settings settings_of(bool server, uint16_t queues)
{
	return (struct memif_settings){
		.socket = path,
		.server = server,
		.id = 7,
		.slots = 64,
		.queues = queues,
		.frame = 1518,
		.pool = pool,
		.epoll = -1,
	};
}

static struct memif *open_end(bool server, uint16_t queues)
{
	struct memif_settings settings = settings_of(server, queues);
	struct memif *m = memif_open(&settings);

	assert_non_null(m);
	return m;
}

static void serve_both(struct memif *a, struct memif *b)
{
	for (int i = 0; i < TURNS; i++) {
		memif_serve(a);
		memif_serve(b);
	}
}

static void check_connected(const struct memif *m, uint16_t queues)
{
	uint16_t n;

	if (memif_state(m) != MEMIF_CONNECTED)
		fail_msg("not connected: %s", memif_reason(m));
	assert_non_null(memif_queues(m, &n));
	assert_int_equal(n, queues);
}

static void pass_frame(struct memif_queue *from, struct memif_queue *to, uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool), *got[BURST];

	memset(rte_pktmbuf_append(m, len), (int)len, len);
	assert_int_equal(memif_send(from, &m, 1), 1);
	assert_int_equal(memif_receive(to, got, BURST), 1);
	assert_int_equal(got[0]->data_len, len);
	assert_int_equal(*rte_pktmbuf_mtod_offset(got[0], uint8_t *, len - 1), (uint8_t)len);
	rte_pktmbuf_free(got[0]);
}

static void pass_frames(const struct memif *a, const struct memif *b)
{
	uint16_t n;
	struct memif_queue *ours = memif_queues(a, &n), *theirs = memif_queues(b, &n);

	for (uint16_t q = 0; q < n; q++)
		for (uint16_t i = 0; i < 200; i++) {
			pass_frame(&ours[q], &theirs[q], (uint16_t)(60 + i));
			pass_frame(&theirs[q], &ours[q], (uint16_t)(1500 - i));
		}
}

static const struct agreement {
	uint16_t server, client, queues;
} agreements[] = {{1, 1, 1}, {4, 4, 4}, {2, 4, 2}, {4, 1, 1}, {32, 32, 32}};

static void test_they_agree(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(agreements); i++) {
		struct memif *server = open_end(true, agreements[i].server),
			     *client = open_end(false, agreements[i].client);
		struct memif_counts counts;

		assert_int_equal(memif_state(server), MEMIF_WAITING);
		serve_both(server, client);
		check_connected(server, agreements[i].queues);
		check_connected(client, agreements[i].queues);
		pass_frames(server, client);
		memif_read_counts(server, &counts);
		assert_int_equal(counts.received, 200 * agreements[i].queues);
		assert_int_equal(counts.sent, 200 * agreements[i].queues);
		memif_close(client);
		memif_close(server);
		assert_int_equal(access(path, F_OK), -1);
	}
}

static void test_peers_come_and_go(void **state)
{
	struct memif *server = open_end(true, 2);
	struct memif_counts counts;

	for (int i = 0; i < 5; i++) {
		struct memif *client = open_end(false, 2);

		serve_both(server, client);
		check_connected(server, 2);
		pass_frames(server, client);
		memif_close(client);
		memif_serve(server);
		assert_int_equal(memif_state(server), MEMIF_LEFT);
		assert_non_null(strstr(memif_reason(server), "closes this port"));
		memif_release(server);
		assert_int_equal(memif_state(server), MEMIF_WAITING);
	}
	memif_read_counts(server, &counts);
	assert_int_equal(counts.received, 5 * 400);
	memif_close(server);
}

static void test_one_peer_at_a_time(void **state)
{
	struct memif *server = open_end(true, 1), *first = open_end(false, 1), *second;

	serve_both(server, first);
	check_connected(server, 1);
	second = open_end(false, 1);
	serve_both(server, second);
	assert_int_equal(memif_state(second), MEMIF_WAITING);
	assert_non_null(strstr(memif_reason(second), "another peer"));
	pass_frames(server, first);
	memif_close(first);
	memif_close(second);
	memif_close(server);
}

/* A client waits for a server that is not there, and finds it later. */
static void test_client_first(void **state)
{
	struct memif *client = open_end(false, 1), *server;

	assert_non_null(strstr(memif_reason(client), "nobody listens"));
	server = open_end(true, 1);
	usleep(1100 * 1000);
	serve_both(server, client);
	check_connected(client, 1);
	memif_close(server);
	memif_serve(client);
	assert_int_equal(memif_state(client), MEMIF_LEFT);
	memif_close(client);
}

static void test_who_listens(void **state)
{
	struct memif_settings settings = settings_of(true, 1);
	struct memif *server = open_end(true, 1);
	struct stat st;
	FILE *f;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_null(memif_open(&settings));
	assert_int_equal(errno, EADDRINUSE);
	memif_close(server);

	f = fopen(path, "we");
	assert_non_null(f);
	fclose(f);
	assert_null(memif_open(&settings));
	assert_int_equal(errno, EEXIST);
	unlink(path);
	settings.socket = "/nowhere/memif";
	assert_null(memif_open(&settings));
	assert_int_equal(errno, ENOENT);
}

/* A ring that a worker gave up ends the connection. */
static void test_a_fault_ends_it(void **state)
{
	struct memif *server = open_end(true, 1), *client = open_end(false, 1);
	struct rte_mbuf *got[BURST];
	uint16_t n;

	serve_both(server, client);
	check_connected(client, 1);
	memif_queues(client, &n)->tx.ring->head += 65;
	assert_int_equal(memif_receive(memif_queues(server, &n), got, BURST), 0);
	memif_serve(server);
	assert_int_equal(memif_state(server), MEMIF_LEFT);
	assert_non_null(strstr(memif_reason(server), "more frames than slots"));
	memif_serve(client);
	assert_int_equal(memif_state(client), MEMIF_LEFT);
	memif_close(client);
	memif_close(server);
}

static void test_interrupts(void **state)
{
	struct memif *server = open_end(true, 1), *client = open_end(false, 1);
	uint16_t n;

	serve_both(server, client);
	usleep(2100 * 1000);
	assert_false(memif_wants_interrupts(server));
	memif_queues(client, &n)->rx.ring->flags = 0;
	assert_true(memif_wants_interrupts(server));
	memif_close(client);
	memif_close(server);
}

/* --- a client that lies ----------------------------------------------------------------------- */

enum { NO_FD, GOOD_FD, UNSEALED_FD, SHORT_FD, PIPE_FD, HUGE_FD };

struct said {
	struct memif_message m;
	int fd; /* what comes beside it */
};

#define INIT_OF(v, i, m)                                                                           \
	{                                                                                          \
		{.type = MEMIF_INIT, .init = {.version = (v), .id = (i), .mode = (m)}}, NO_FD      \
	}
#define INIT INIT_OF(MEMIF_VERSION, 7, 0)
#define REGION_OF(i, bytes, what)                                                                  \
	{                                                                                          \
		{.type = MEMIF_ADD_REGION, .add_region = {.index = (i), .size = (bytes)}}, (what)  \
	}
#define RING(to_server, i, r, at, log2)                                                            \
	{                                                                                          \
		{.type = MEMIF_ADD_RING, .add_ring = {(to_server), (i), (r), (at), (log2), 0}},    \
			PIPE_FD                                                                    \
	}
#define CONNECT                                                                                    \
	{                                                                                          \
		{.type = MEMIF_CONNECT, .connect = {"x"}}, NO_FD                                   \
	}
#define MEMORY REGION_OF(0, REGION, GOOD_FD)

static const struct talk {
	const char *why, *answer; /* what the server says at last; NULL: connected */
	struct said said[8];
} talks[] = {
	{"an honest one",
	 NULL,
	 {INIT, MEMORY, RING(1, 0, 0, 0, 6), RING(0, 0, 0, 4096, 6), CONNECT}},
	{"as many as there may be",
	 NULL,
	 {INIT, MEMORY, RING(1, 1, 0, 0, 3), RING(0, 1, 0, 4096, 3), RING(1, 0, 0, 8192, 3),
	  RING(0, 0, 0, 12288, 3), CONNECT}},
	{"another version", "version", {INIT_OF(3 << 8, 7, 0)}},
	{"another id", "another id", {INIT_OF(MEMIF_VERSION, 8, 0)}},
	{"another mode", "not Ethernet", {INIT_OF(MEMIF_VERSION, 7, 1)}},
	{"no init", "init was expected", {MEMORY}},
	{"init twice", "was expected", {INIT, INIT}},
	{"an ack", "was expected", {INIT, {{.type = MEMIF_ACK}, NO_FD}}},
	{"what there is not", "was expected", {INIT, {{.type = 77}, NO_FD}}},
	{"nothing but connect", "as many rings", {INIT, CONNECT}},
	{"a region without memory", "without its descriptor", {INIT, REGION_OF(0, REGION, NO_FD)}},
	{"no memory", "sealed", {INIT, REGION_OF(0, REGION, PIPE_FD)}},
	{"memory that may shrink", "sealed", {INIT, REGION_OF(0, REGION, UNSEALED_FD)}},
	{"less than it says", "smaller", {INIT, REGION_OF(0, REGION, SHORT_FD)}},
	{"nothing", "too large", {INIT, REGION_OF(0, 0, GOOD_FD)}},
	{"more than there is", "too large", {INIT, REGION_OF(0, UINT64_MAX, GOOD_FD)}},
	{"huge pages", "huge pages", {INIT, REGION_OF(0, REGION, HUGE_FD)}},
	{"a hole in the numbers", "number of a region", {INIT, REGION_OF(1, REGION, GOOD_FD)}},
	{"the same region twice", "number of a region", {INIT, MEMORY, MEMORY}},
	{"too many regions",
	 "number of a region",
	 {INIT, MEMORY, REGION_OF(1, REGION, GOOD_FD), REGION_OF(2, REGION, GOOD_FD),
	  REGION_OF(3, REGION, GOOD_FD), REGION_OF(4, REGION, GOOD_FD)}},
	{"too many rings", "too many", {INIT, MEMORY, RING(1, 2, 0, 0, 6)}},
	{"a ring of any number", "too many", {INIT, MEMORY, RING(1, UINT16_MAX, 0, 0, 6)}},
	{"a ring twice", "twice", {INIT, MEMORY, RING(1, 0, 0, 0, 6), RING(1, 0, 0, 0, 6)}},
	{"larger than we said", "wrong size", {INIT, MEMORY, RING(1, 0, 0, 0, 7)}},
	{"of no size", "wrong size", {INIT, MEMORY, RING(1, 0, 0, 0, 0)}},
	{"of any size", "wrong size", {INIT, MEMORY, RING(1, 0, 0, 0, 255)}},
	{"only one direction", "as many rings", {INIT, MEMORY, RING(1, 0, 0, 0, 6), CONNECT}},
	{"only the second",
	 "as many rings",
	 {INIT, MEMORY, RING(1, 1, 0, 0, 6), RING(0, 1, 0, 4096, 6), CONNECT}},
	{"in no region",
	 "outside",
	 {INIT, MEMORY, RING(1, 0, 1, 0, 6), RING(0, 0, 0, 4096, 6), CONNECT}},
	{"behind the region",
	 "outside",
	 {INIT, MEMORY, RING(1, 0, 0, 0, 6), RING(0, 0, 0, REGION, 6), CONNECT}},
	{"beyond its end",
	 "outside",
	 {INIT, MEMORY, RING(1, 0, 0, 0, 6), RING(0, 0, 0, REGION - 1024, 6), CONNECT}},
	{"its end overflows",
	 "outside",
	 {INIT, MEMORY, RING(1, 0, 0, 0, 6), RING(0, 0, 0, UINT32_MAX - 63, 6), CONNECT}},
	{"not aligned",
	 "outside",
	 {INIT, MEMORY, RING(1, 0, 0, 0, 6), RING(0, 0, 0, 4100, 6), CONNECT}},
	{"no cookie",
	 "not been made",
	 {INIT, MEMORY, RING(1, 0, 0, 0, 6), RING(0, 0, 0, 2048, 6), CONNECT}},
	{"more after connect",
	 "nothing more",
	 {INIT, MEMORY, RING(1, 0, 0, 0, 6), RING(0, 0, 0, 4096, 6), CONNECT, CONNECT}},
};

static int memory_file(unsigned flags, size_t size, bool sealed)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags);
	const uint32_t cookie = MEMIF_COOKIE;

	if (fd < 0)
		return -1;
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	for (off_t at = 0; at < REGION && !(flags & MFD_HUGETLB); at += 4096)
		if (at < (off_t)size)
			assert_int_equal(pwrite(fd, &cookie, 4, at), 4);
	if (sealed)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
}

static int make_fd(int kind)
{
	int ends[2];

	switch (kind) {
	case GOOD_FD:
		return memory_file(0, REGION, true);
	case UNSEALED_FD:
		return memory_file(0, REGION, false);
	case SHORT_FD:
		return memory_file(0, REGION - 1, true);
	case HUGE_FD:
		return memory_file(MFD_HUGETLB, 2 << 20, true);
	case PIPE_FD:
		assert_int_equal(pipe(ends), 0);
		close(ends[0]);
		return ends[1];
	default:
		return -1;
	}
}

static int call_server(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The last message of the server; type 0: it has closed the socket. */
static struct memif_message last_answer(int socket)
{
	struct memif_message m, last = {.type = 0};
	int fd;

	while (memif_message_receive(socket, &m, &fd) == 0)
		last = m;
	return last;
}

static unsigned count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void check_talk(struct memif *server, const struct talk *t)
{
	int fd = call_server();
	struct memif_message last;

	memif_serve(server);
	for (size_t i = 0; i < ARRAY_SIZE(t->said) && t->said[i].m.type != 0; i++) {
		int beside = make_fd(t->said[i].fd);

		memif_message_send(fd, &t->said[i].m, beside);
		if (beside >= 0)
			close(beside);
		memif_serve(server);
	}
	last = last_answer(fd);
	close(fd);
	if (t->answer == NULL && last.type != MEMIF_CONNECTED_MESSAGE)
		fail_msg("%s: %.96s", t->why, last.disconnect.text);
	if (t->answer != NULL &&
	    (last.type != MEMIF_DISCONNECT || strstr(last.disconnect.text, t->answer) == NULL))
		fail_msg("%s: message %u, %.96s", t->why, last.type, last.disconnect.text);
	memif_serve(server);
	if (memif_state(server) == MEMIF_LEFT)
		memif_release(server);
	assert_int_equal(memif_state(server), MEMIF_WAITING);
}

static void test_lies(void **state)
{
	struct memif *server = open_end(true, 2);
	unsigned before = count_descriptors();

	for (size_t i = 0; i < ARRAY_SIZE(talks); i++) {
		check_talk(server, &talks[i]);
		if (count_descriptors() != before)
			fail_msg("%s: a descriptor is left", talks[i].why);
	}
	check_talk(server, &talks[0]);
	memif_close(server);
}

/* Several descriptors beside a message, and messages of other lengths. */
static void test_odd_messages(void **state)
{
	struct memif *server = open_end(true, 2);
	unsigned before = count_descriptors();
	static const size_t lengths[] = {1, 127, 129, 4096};

	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		union {
			struct cmsghdr header;
			char bytes[CMSG_SPACE(12 * sizeof(int))];
		} control = {.bytes = {0}};
		char bytes[4096] = {MEMIF_INIT};
		struct iovec iov = {bytes, lengths[i]};
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = &control,
				     .msg_controllen = sizeof(control)};
		int fd = call_server(), fds[12];

		for (size_t k = 0; k < ARRAY_SIZE(fds); k++)
			fds[k] = fd;
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(fds)),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
		memif_serve(server);
		assert_int_equal(sendmsg(fd, &msg, 0), lengths[i]);
		memif_serve(server);
		assert_int_equal(last_answer(fd).type, MEMIF_DISCONNECT);
		close(fd);
		memif_serve(server);
		assert_int_equal(memif_state(server), MEMIF_WAITING);
		assert_int_equal(count_descriptors(), before);
	}
	memif_close(server);
}

/* What a peer calls itself, and its farewell, are shown to people. */
static void test_texts(void **state)
{
	char to[8];

	memif_message_text(to, sizeof(to), "abc\0def", 7);
	assert_string_equal(to, "abc");
	memif_message_text(to, sizeof(to), "a\x1b[1m\xff\n-and more", 16);
	assert_string_equal(to, "a?[1m??");
	memif_message_text(to, sizeof(to), "four", 3);
	assert_string_equal(to, "fou");
}

static int start(void **state)
{
	char *argv[] = {"memif_test",	  "--no-huge", "--no-pci", "--no-shconf",
			"--no-telemetry", "-m",	       "16",	   NULL};

	if (rte_eal_init(7, argv) < 0 || mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	pool = rte_pktmbuf_pool_create("test", 1023, 0, 0, RTE_PKTMBUF_HEADROOM + 2048,
				       SOCKET_ID_ANY);
	return pool != NULL ? 0 : -1;
}

static int end(void **state)
{
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_they_agree),	   cmocka_unit_test(test_peers_come_and_go),
		cmocka_unit_test(test_one_peer_at_a_time), cmocka_unit_test(test_client_first),
		cmocka_unit_test(test_who_listens),	   cmocka_unit_test(test_a_fault_ends_it),
		cmocka_unit_test(test_interrupts),	   cmocka_unit_test(test_lies),
		cmocka_unit_test(test_odd_messages),	   cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, start, end);
}
