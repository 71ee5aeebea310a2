/*
 * The connections to homewardd: see link.h.
 *
 * charon calls from up to 16 threads, so requests take turns under a mutex. A request waits for at
 * most two seconds, since the thread is lost to charon meanwhile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "link.h"

#include <daemon.h>
#include <processing/jobs/callback_job.h>
#include <threading/mutex.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { REPLY_S = 2, AGAIN_S = 1 };

struct link_t {
	link_listener_t listener;
	struct sockaddr_un address;
	mutex_t *mutex; /* of all below */
	int requests, events; /* sockets; -1: not connected */
	uint32_t number; /* of the last request */
	uint64_t instance; /* of homewardd; 0: none was met */
	bool waits; /* a job will try again */
	bool complained;
};

static bool send_message(int fd, enum ike_type type, uint32_t number, struct ike_message *m)
{
	m->header = (struct ike_header){
		.magic = IKE_MAGIC, .version = IKE_VERSION, .type = type, .number = number};
	return send(fd, m, ike_message_len(type), MSG_NOSIGNAL) == (ssize_t)ike_message_len(type);
}

/* A message that is as long as its type says. */
static bool receive_message(int fd, int flags, struct ike_message *m)
{
	ssize_t n;

	do
		n = recv(fd, m, sizeof(*m), flags);
	while (n < 0 && errno == EINTR);
	return n >= (ssize_t)sizeof(m->header) && m->header.magic == IKE_MAGIC &&
	       m->header.version == IKE_VERSION && n == (ssize_t)ike_message_len(m->header.type);
}

static bool exchange(int fd, enum ike_type type, uint32_t number, struct ike_message *m)
{
	bool sent = send_message(fd, type, number, m);

	memwipe(m, sizeof(*m));
	return sent && receive_message(fd, 0, m) && m->header.type == IKE_REPLY &&
	       m->header.number == number;
}

static void complain(link_t *this, const char *what, const char *why)
{
	if (!this->complained)
		DBG1(DBG_KNL, "homewardd: %s %s: %s", what, this->address.sun_path, why);
	this->complained = TRUE;
}

static int open_connection(link_t *this, enum ike_connection which, uint64_t *instance)
{
	const struct timeval wait = {.tv_sec = REPLY_S};
	struct ike_message m = {.hello = {.connection = which, .pid = (uint32_t)getpid()}};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) != 0 ||
	    connect(fd, (struct sockaddr *)&this->address, sizeof(this->address)) != 0) {
		complain(this, "no connection to", strerror(errno));
	} else if (!exchange(fd, IKE_HELLO, 0, &m)) {
		complain(this, "no answer from", strerror(errno));
	} else if (m.header.status != IKE_OK) {
		complain(this, "refused by", "this plugin has another version than homewardd");
	} else {
		*instance = m.answer.instance;
		return fd;
	}
	close(fd);
	return -1;
}

/*
 * The events' socket belongs to its callback as long as the watcher has it: to remove it from there
 * would wait for the callback, which may wait for our mutex. So it is only shut down; the callback
 * reads the end of it and closes it.
 */
static void disconnect(link_t *this)
{
	if (this->events >= 0)
		shutdown(this->events, SHUT_RDWR);
	if (this->requests >= 0)
		close(this->requests);
	this->events = this->requests = -1;
}

static bool on_event(link_t *this, int fd, watcher_event_t event);

static job_requeue_t tell_fresh(link_t *this)
{
	this->listener.fresh(this->listener.owner);
	return JOB_REQUEUE_NONE;
}

static job_requeue_t try_again(link_t *this);

static void try_later(link_t *this)
{
	if (this->waits)
		return;
	this->waits = TRUE;
	lib->scheduler->schedule_job(
		lib->scheduler,
		(job_t *)callback_job_create((callback_job_cb_t)try_again, this, NULL, NULL),
		AGAIN_S);
}

/* Another instance has none of our SAs, except the one whose request may follow. */
static void meet(link_t *this, uint64_t instance)
{
	bool is_other = this->instance != 0 && this->instance != instance;

	this->instance = instance;
	this->complained = FALSE;
	DBG1(DBG_KNL, "connected to homewardd%s", is_other ? ", which was started again" : "");
	if (is_other)
		lib->processor->queue_job(
			lib->processor, (job_t *)callback_job_create((callback_job_cb_t)tell_fresh,
								     this, NULL, NULL));
}

static bool is_connected(link_t *this)
{
	uint64_t one = 0, two = 0;

	if (this->requests >= 0 && this->events >= 0)
		return TRUE;
	disconnect(this);
	this->requests = open_connection(this, IKE_REQUESTS, &one);
	if (this->requests >= 0)
		this->events = open_connection(this, IKE_EVENTS, &two);
	if (this->events < 0 || one != two) {
		if (this->events >= 0)
			close(this->events);
		this->events = -1;
		disconnect(this);
		try_later(this);
		return FALSE;
	}
	lib->watcher->add(lib->watcher, this->events, WATCHER_READ, (watcher_cb_t)on_event, this);
	meet(this, one);
	return TRUE;
}

static job_requeue_t try_again(link_t *this)
{
	this->mutex->lock(this->mutex);
	this->waits = FALSE;
	is_connected(this);
	this->mutex->unlock(this->mutex);
	return JOB_REQUEUE_NONE;
}

/* FALSE: the watcher forgets the descriptor. */
static bool lose_events(link_t *this, int fd)
{
	this->mutex->lock(this->mutex);
	if (this->events == fd) {
		disconnect(this);
		try_later(this);
	}
	this->mutex->unlock(this->mutex);
	close(fd);
	return FALSE;
}

static bool on_event(link_t *this, int fd, watcher_event_t event)
{
	struct ike_message m;

	errno = 0;
	if (receive_message(fd, MSG_DONTWAIT, &m)) {
		this->listener.event(this->listener.owner, &m);
		return TRUE;
	}
	return errno == EAGAIN ? TRUE : lose_events(this, fd);
}

status_t link_request(link_t *this, enum ike_type type, struct ike_message *m)
{
	status_t status = FAILED;

	this->mutex->lock(this->mutex);
	if (is_connected(this)) {
		if (exchange(this->requests, type, ++this->number, m)) {
			status = SUCCESS;
		} else {
			complain(this, "no answer from", strerror(errno));
			disconnect(this);
			try_later(this);
		}
	}
	this->mutex->unlock(this->mutex);
	if (status != SUCCESS)
		memwipe(m, sizeof(*m));
	return status;
}

link_t *link_create(const char *path, const link_listener_t *listener)
{
	link_t *this;

	INIT(this, .listener = *listener, .mutex = mutex_create(MUTEX_TYPE_DEFAULT), .requests = -1,
	     .events = -1, .address = {.sun_family = AF_UNIX}, );
	if (strlen(path) >= sizeof(this->address.sun_path)) {
		DBG1(DBG_KNL, "homewardd: the path of the socket is too long: %s", path);
		link_destroy(this);
		return NULL;
	}
	strcpy(this->address.sun_path, path);
	this->mutex->lock(this->mutex);
	is_connected(this);
	this->mutex->unlock(this->mutex);
	return this;
}

void link_destroy(link_t *this)
{
	int events = this->events;

	this->events = -1;
	disconnect(this);
	if (events >= 0) {
		lib->watcher->remove(lib->watcher, events);
		close(events);
	}
	this->mutex->destroy(this->mutex);
	free(this);
}
