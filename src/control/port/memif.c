/*
 * The peer of a memif port: see memif.h.
 *
 * A server listens as long as it is open, and serves one peer at a time: others are sent away. A
 * client tries to connect once a second. A peer must say all that it has to say in time.
 *
 * The rings are in memory and show nothing when the peer ends. Its socket does: the kernel closes
 * it. A ring that a worker no longer uses, because the peer broke the protocol, ends the connection
 * within a second.
 *
 * Control thread.
 */
#include "base/mono.h"
#include "control/port/memif_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 4,
	CONNECT_MS = 1000, /* between two attempts */
	/*
	 * To agree. We wait longer for a server: one that is starting listens before it answers,
	 * and DPDK's ends itself if a client has left meanwhile.
	 */
	CLIENT_TALK_MS = 5000,
	SERVER_TALK_MS = 60000,
	QUIET_MS = 2000, /* for the peer to switch interrupts off */
	MESSAGES_PER_TURN = 256,
	ACCEPTS_PER_TURN = 16,
};

struct memif {
	struct memif_settings settings;
	int listener; /* the server's; -1 */
	struct memif_talk talk;
	enum memif_state state;
	uint64_t deadline_ms; /* of the talk */
	uint64_t connected_ms; /* when it was done */
	uint64_t connect_ms; /* the client's next attempt */
	struct memif_counts before; /* of earlier peers */
	char reason[MEMIF_REASON_SIZE];
};

static const char *const faults[MEMIF_FAULTS] = {
	[MEMIF_BAD_COUNT] = "a ring has more frames than slots",
	[MEMIF_BAD_BUFFER] = "a buffer is outside of the shared memory",
	[MEMIF_BAD_CHAIN] = "a frame has no end",
};

static void listen_for(const struct memif *m, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (m->settings.epoll >= 0)
		epoll_ctl(m->settings.epoll, EPOLL_CTL_ADD, fd, &event);
}

static void set_address(struct sockaddr_un *to, const char *path)
{
	*to = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(to->sun_path, sizeof(to->sun_path), "%s", path);
}

static int new_socket(void)
{
	return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Connects to the server. A descriptor or -errno. */
static int call(const char *path)
{
	struct sockaddr_un address;
	int fd = new_socket(), ret;

	if (fd < 0)
		return -errno;
	set_address(&address, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* --- open and close --------------------------------------------------------------------------- */

/* Removes the socket that a killed process left. Another program may listen on it: -EADDRINUSE. */
static int clear_path(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = call(path);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || fd == -EAGAIN || fd == -EPROTOTYPE)
		return -EADDRINUSE;
	return unlink(path) == 0 ? 0 : -errno;
}

static int start_listening(struct memif *m)
{
	struct sockaddr_un address;
	mode_t mask;
	int ret = clear_path(m->settings.socket);

	if (ret != 0)
		return ret;
	m->listener = new_socket();
	if (m->listener < 0)
		return -errno;
	set_address(&address, m->settings.socket);
	mask = umask(0177); /* 0600 from the first moment */
	ret = bind(m->listener, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (ret != 0 || listen(m->listener, BACKLOG) != 0)
		return -errno;
	listen_for(m, m->listener);
	return 0;
}

struct memif *memif_open(const struct memif_settings *settings)
{
	struct memif *m = calloc(1, sizeof(*m));
	int ret = 0;

	if (m == NULL)
		return NULL;
	m->settings = *settings;
	m->listener = m->talk.socket = m->talk.memory.fd = -1;
	snprintf(m->reason, sizeof(m->reason), "no peer has connected to socket %s",
		 settings->socket);
	if (settings->server)
		ret = start_listening(m);
	if (ret != 0) {
		if (m->listener >= 0)
			close(m->listener);
		free(m);
		errno = -ret;
		return NULL;
	}
	memif_serve(m);
	return m;
}

void memif_close(struct memif *m)
{
	if (m == NULL)
		return;
	memif_talk_end(&m->talk, "the gateway closes this port");
	memif_memory_free(&m->talk.memory);
	if (m->listener >= 0) {
		unlink(m->settings.socket);
		close(m->listener);
	}
	free(m);
}

/* --- one peer --------------------------------------------------------------------------------- */

/* @says: the peer is told why; otherwise it has left. */
static void part(struct memif *m, const char *why, bool says)
{
	const char *peer = m->talk.peer[0] != '\0' ? m->talk.peer : "the peer";

	snprintf(m->reason, sizeof(m->reason), "%s at socket %s is not connected: %s", peer,
		 m->settings.socket, why);
	memif_talk_end(&m->talk, says ? why : NULL);
	if (m->state == MEMIF_CONNECTED)
		m->state = MEMIF_LEFT;
	else
		memif_memory_free(&m->talk.memory);
	m->connect_ms = mono_ms() + CONNECT_MS;
}

static void begin(struct memif *m, int fd)
{
	memif_talk_begin(&m->talk, &m->settings, fd);
	m->deadline_ms = mono_ms() + (m->settings.server ? CLIENT_TALK_MS : SERVER_TALK_MS);
	snprintf(m->reason, sizeof(m->reason), "the peer at socket %s has not agreed yet",
		 m->settings.socket);
	listen_for(m, fd);
}

/* We serve one peer at a time. */
static void send_away(struct memif *m, int fd)
{
	struct memif_talk other = {.socket = fd};

	(void)m;
	memif_talk_end(&other, "another peer is connected");
}

static void accept_all(struct memif *m)
{
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(m->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		if (m->talk.socket < 0)
			begin(m, fd);
		else
			send_away(m, fd);
	}
}

static void connect_to(struct memif *m)
{
	int fd;

	if (m->talk.socket >= 0 || mono_ms() < m->connect_ms)
		return;
	m->connect_ms = mono_ms() + CONNECT_MS;
	fd = call(m->settings.socket);
	if (fd >= 0)
		begin(m, fd);
	else
		snprintf(m->reason, sizeof(m->reason), "nobody listens on socket %s: %s",
			 m->settings.socket, strerror(-fd));
}

static void set_connected(struct memif *m)
{
	m->state = MEMIF_CONNECTED;
	m->connected_ms = mono_ms();
}

static void hear(struct memif *m)
{
	for (int i = 0; i < MESSAGES_PER_TURN && m->talk.socket >= 0; i++) {
		struct memif_message message;
		const char *why;
		int fd, ret = memif_message_receive(m->talk.socket, &message, &fd);

		if (ret == -EAGAIN)
			return;
		if (ret != 0) {
			part(m, ret == -EPIPE ? "it has closed the socket" : strerror(-ret),
			     ret == -EBADMSG);
			return;
		}
		why = memif_talk_hear(&m->talk, &m->settings, &message, fd);
		if (fd >= 0)
			close(fd);
		if (why != NULL)
			part(m, why, message.type != MEMIF_DISCONNECT);
		else if (m->talk.step == STEP_DONE)
			set_connected(m);
	}
}

static enum memif_fault find_fault(const struct memif *m)
{
	for (uint16_t i = 0; i < m->talk.memory.n; i++) {
		const struct memif_queue *q = &m->talk.memory.queues[i];
		enum memif_fault rx = __atomic_load_n(&q->rx.fault, __ATOMIC_RELAXED),
				 tx = __atomic_load_n(&q->tx.fault, __ATOMIC_RELAXED);

		if (rx != MEMIF_SOUND || tx != MEMIF_SOUND)
			return rx != MEMIF_SOUND ? rx : tx;
	}
	return MEMIF_SOUND;
}

static void look(struct memif *m)
{
	enum memif_fault fault;

	if (m->state == MEMIF_WAITING && m->talk.socket >= 0 && mono_ms() > m->deadline_ms)
		part(m, "it has not said all in time", true);
	if (m->state != MEMIF_CONNECTED)
		return;
	fault = find_fault(m);
	if (fault != MEMIF_SOUND)
		part(m, faults[fault], true);
}

void memif_serve(struct memif *m)
{
	hear(m);
	look(m);
	if (m->state == MEMIF_LEFT)
		return; /* the next peer waits in the backlog */
	if (m->settings.server)
		accept_all(m);
	else
		connect_to(m);
	hear(m);
}

/* --- what others ask -------------------------------------------------------------------------- */

enum memif_state memif_state(const struct memif *m)
{
	return m->state;
}

const char *memif_reason(const struct memif *m)
{
	return m->reason;
}

struct memif_queue *memif_queues(const struct memif *m, uint16_t *n)
{
	*n = m->talk.memory.n;
	return m->talk.memory.queues;
}

void memif_release(struct memif *m)
{
	memif_read_counts(m, &m->before);
	memif_memory_free(&m->talk.memory);
	m->state = MEMIF_WAITING;
}

bool memif_wants_interrupts(const struct memif *m)
{
	if (m->state != MEMIF_CONNECTED || mono_ms() - m->connected_ms < QUIET_MS)
		return false;
	for (uint16_t i = 0; i < m->talk.memory.n; i++) {
		const uint16_t *flags = &m->talk.memory.queues[i].tx.ring->flags;

		if (!(__atomic_load_n(flags, __ATOMIC_RELAXED) & MEMIF_RING_QUIET))
			return true;
	}
	return false;
}

void memif_read_counts(const struct memif *m, struct memif_counts *out)
{
	*out = m->before;
	if (m->talk.memory.queues == NULL)
		return;
	for (uint16_t i = 0; i < m->talk.memory.n; i++) {
		const struct memif_queue *q = &m->talk.memory.queues[i];

		out->received += __atomic_load_n(&q->rx.frames, __ATOMIC_RELAXED);
		out->sent += __atomic_load_n(&q->tx.frames, __ATOMIC_RELAXED);
		out->too_long += __atomic_load_n(&q->rx.too_long, __ATOMIC_RELAXED);
		out->no_buffer += __atomic_load_n(&q->rx.no_buffer, __ATOMIC_RELAXED);
	}
}
