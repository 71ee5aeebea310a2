/*
 * Keepalives of our own: see keepalive.h.
 *
 * A keepalive is a packet of the tunnel whose inner packet is addressed to ourselves and carries no
 * data (answer/keepalive.c has its form). A far end that decapsulates and forwards it, as it does
 * with every packet, sends it back. So no agreement with the far end is needed, and both directions
 * are tested.
 *
 * They are sent by raw sockets of the kernel, which has the tunnels' addresses and routes. The
 * answers reach the workers like every packet of a tunnel and are counted there. The packet path
 * creates no keepalives.
 *
 * One timer serves all tunnels and checks which ones are due. After @retries missing answers in a
 * row a tunnel is silent: an alarm stands until the next answer.
 */
#include "control/keepalive.h"

#include "base/addr6.h"
#include "base/checksum.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/wire.h"
#include "control/alarm.h"
#include "tunnel/gre.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <netinet/in.h>

enum { TICK_MS = 100, PACKET_MAX = 2 * TUNNEL_HEADER_MAX, TTL = 255 };

struct tunnel_life {
	uint16_t interval_s; /* 0: none are sent */
	uint8_t retries;
	uint8_t unanswered; /* missing answers in a row */
	uint8_t state; /* enum keepalive_state */
	bool sent; /* a keepalive was sent and not yet answered */
	int error; /* errno of the last one, if it could not be sent */
	uint64_t due_ms;
	uint64_t heard; /* answers at the last check */
};

struct keepalives {
	const struct network *net;
	struct worker *const *workers;
	size_t n_workers;
	struct alarms *alarms;
	void (*tell)(void *arg, uint16_t tunnel, bool answered); /* NULL: nobody listens */
	void *tell_arg;
	struct event *tick;
	int fd4, fd6; /* -1: could not be opened, or nothing is sent */
	struct tunnel_life
		*lives; /* [SPEC_TUNNELS_MAX + 1], by tunnel: unused pages use no memory */
	uint16_t *ids; /* [n] of SPEC_TUNNELS_MAX: tunnels with keepalives */
	size_t n;
};

/* Makes the outer and the inner headers; for the inner ones the ends are swapped. */
static struct tunnel_outside keepalive_ends_of(const struct network *net, uint16_t tunnel,
					       bool back)
{
	const struct tunnel *t = &net->tunnels[tunnel];
	struct addr6 local = network_tunnel_local(net, tunnel);
	struct addr6 remote = network_tunnel_remote(net, tunnel);

	return (struct tunnel_outside){
		.local = back ? remote : local,
		.remote = back ? local : remote,
		.key = t->key,
		.has_key = t->has_key,
		.ttl = TTL,
	};
}

/* gre_make_header() leaves the length to its caller. */
static void complete_ipv4(uint8_t *ip, size_t len)
{
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)len));
	wire_put_be16(ip + IPV4_CHECKSUM, 0);
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));
}

static void complete(uint8_t *ip, size_t len, bool six)
{
	if (six)
		wire_put_be16(ip + IPV6_LENGTH, htons((uint16_t)(len - IPV6_LEN)));
	else
		complete_ipv4(ip, len);
}

size_t keepalive_make(const struct network *net, uint16_t tunnel, uint8_t out[KEEPALIVE_SIZE])
{
	bool six = net->tunnels[tunnel].outer == OUTER_IPV6;
	size_t ip_len = six ? IPV6_LEN : IPV4_LEN;
	struct tunnel_outside outer = keepalive_ends_of(net, tunnel, false),
			      back = keepalive_ends_of(net, tunnel, true);
	size_t at = gre_make_header(out, &outer), len = at + gre_make_header(out + at, &back);

	wire_put_be16(out + ip_len + GRE_TYPE_AT, htons(six ? ETHER_IPV6 : ETHER_IPV4));
	wire_put_be16(out + at + ip_len + GRE_TYPE_AT, htons(GRE_PROTOCOL_KEEPALIVE));
	complete(out + at, len - at, six);
	complete(out, len, six);
	return len;
}

static uint64_t count_heard(const struct keepalives *k, uint16_t tunnel)
{
	struct tunnel_counters c;
	uint64_t sum = 0;

	for (size_t i = 0; i < k->n_workers; i++) {
		worker_read_tunnel(k->workers[i], tunnel, &c);
		sum += c.keepalives_heard;
	}
	return sum;
}

/* 0 or -errno. A keepalive that cannot be sent counts like one lost on the path. */
static int send_one(const struct keepalives *k, uint16_t tunnel)
{
	bool six = k->net->tunnels[tunnel].outer == OUTER_IPV6;
	struct addr6 remote = network_tunnel_remote(k->net, tunnel);
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
	uint8_t packet[KEEPALIVE_SIZE];
	size_t len = keepalive_make(k->net, tunnel, packet);
	ssize_t sent;

	to4.sin_addr.s_addr = k->net->tunnels[tunnel].remote;
	memcpy(&to6.sin6_addr, &remote, sizeof(remote));
	if (six)
		sent = sendto(k->fd6, packet, len, MSG_DONTWAIT, (void *)&to6, sizeof(to6));
	else
		sent = sendto(k->fd4, packet, len, MSG_DONTWAIT, (void *)&to4, sizeof(to4));
	return sent < 0 ? -errno : 0;
}

static void tell(const struct keepalives *k, uint16_t id, bool answered)
{
	if (k->tell != NULL)
		k->tell(k->tell_arg, id, answered);
}

static void judge(struct keepalives *k, uint16_t id)
{
	const char *name = network_tunnel_name(k->net, id);
	struct tunnel_life *life = &k->lives[id];
	uint64_t heard = count_heard(k, id);

	if (heard != life->heard) {
		life->heard = heard;
		life->unanswered = 0;
		life->state = KEEPALIVE_ANSWERED;
		alarm_clear(k->alarms, ALARM_TUNNEL_SILENT, name);
		tell(k, id, true);
		return;
	}
	if (life->sent && life->unanswered < life->retries)
		life->unanswered++;
	if (life->sent || life->error != 0)
		tell(k, id, false);
}

static void say_silent(struct keepalives *k, uint16_t id)
{
	const char *name = network_tunnel_name(k->net, id);
	struct tunnel_life *life = &k->lives[id];

	if (life->error == 0 && life->unanswered < life->retries)
		return;
	life->state = KEEPALIVE_SILENT;
	if (life->error != 0)
		alarm_raise(k->alarms, ALARM_TUNNEL_SILENT, name, "cannot send keepalives: %s",
			    strerror(-life->error));
	else
		alarm_raise(k->alarms, ALARM_TUNNEL_SILENT, name,
			    "%u keepalives in a row were not answered", life->unanswered);
}

static void keepalive_tick(evutil_socket_t fd, short what, void *arg)
{
	struct keepalives *k = arg;
	uint64_t now = mono_ms();

	for (size_t i = 0; i < k->n; i++) {
		struct tunnel_life *life = &k->lives[k->ids[i]];

		if (now < life->due_ms)
			continue;
		judge(k, k->ids[i]);
		life->error = send_one(k, k->ids[i]);
		life->sent = life->error == 0;
		life->due_ms = now + life->interval_s * UINT64_C(1000);
		say_silent(k, k->ids[i]);
	}
}

/* --- which tunnels ---------------------------------------------------------------------------- */

/*
 * The state belongs to the far end. It is kept if the tunnel gets another name or other settings.
 */
static bool goes_on(const struct keepalives *k, const struct network *net, uint16_t id)
{
	return k->lives[id].interval_s != 0 && network_has_tunnel(net, id) &&
	       network_tunnel_spec(net, id)->keepalive.interval != 0 &&
	       network_same_ends(k->net, net, id);
}

/* Before @net is used: ends states that do not continue in @net, and clears their alarms. */
static void end_lives(struct keepalives *k, const struct network *net)
{
	for (size_t i = 0; i < k->n; i++) {
		uint16_t id = k->ids[i];
		const char *name = network_tunnel_name(k->net, id);
		bool lives = goes_on(k, net, id);

		if (!lives || strcmp(name, network_tunnel_name(net, id)) != 0)
			alarm_clear(k->alarms, ALARM_TUNNEL_SILENT, name);
		if (!lives)
			k->lives[id] = (struct tunnel_life){0};
	}
}

/* Spreads them over their interval, so that many tunnels do not send at the same time. */
static void begin_life(struct keepalives *k, uint16_t id, uint16_t interval_s, uint64_t now)
{
	k->lives[id] = (struct tunnel_life){
		.state = KEEPALIVE_UNKNOWN,
		.due_ms = now + k->n * 37 % (interval_s * UINT64_C(1000)),
		.heard = count_heard(k, id),
	};
}

static void take_lives(struct keepalives *k, uint64_t now)
{
	k->n = 0;
	for (uint32_t i = 0; i < k->net->n_tunnels; i++) {
		uint16_t id = k->net->tunnel_ids[i];
		const struct spec_keepalive *spec = &network_tunnel_spec(k->net, id)->keepalive;
		struct tunnel_life *life = &k->lives[id];

		if (spec->interval == 0)
			continue;
		if (life->interval_s == 0)
			begin_life(k, id, spec->interval, now);
		life->interval_s = spec->interval;
		life->retries = (uint8_t)spec->retries;
		if (life->due_ms > now + spec->interval * UINT64_C(1000))
			life->due_ms = now + spec->interval * UINT64_C(1000);
		if (life->state == KEEPALIVE_SILENT)
			say_silent(k, id);
		k->ids[k->n++] = id;
	}
}

static int open_sender(int domain)
{
	return socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);
}

static void close_senders(struct keepalives *k)
{
	if (k->fd4 >= 0)
		close(k->fd4);
	if (k->fd6 >= 0)
		close(k->fd6);
	k->fd4 = k->fd6 = -1;
}

/* Sends the keepalives that are due. 0 or -ENOMEM. */
static int run(struct keepalives *k)
{
	static const struct timeval period = {.tv_usec = TICK_MS * 1000};

	if (k->n == 0) {
		event_del(k->tick);
		close_senders(k);
		return 0;
	}
	if (k->fd4 < 0)
		k->fd4 = open_sender(AF_INET);
	if (k->fd6 < 0)
		k->fd6 = open_sender(AF_INET6);
	if (event_pending(k->tick, EV_TIMEOUT, NULL))
		return 0;
	return event_add(k->tick, &period) == 0 ? 0 : -ENOMEM;
}

void keepalives_follow(struct keepalives *k, const struct network *net)
{
	end_lives(k, net);
	k->net = net;
	take_lives(k, mono_ms());
	if (run(k) != 0)
		log_warning("not enough memory for the keepalives of tunnels");
}

/* --- create and destroy ----------------------------------------------------------------------- */

struct keepalives *keepalives_create(struct event_base *base, const struct network *net,
				     struct worker *const *workers, size_t n_workers,
				     struct alarms *alarms)
{
	struct keepalives *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	*k = (struct keepalives){
		.net = net,
		.workers = workers,
		.n_workers = n_workers,
		.alarms = alarms,
		.fd4 = -1,
		.fd6 = -1,
		.lives = calloc(SPEC_TUNNELS_MAX + 1, sizeof(k->lives[0])),
		.ids = calloc(SPEC_TUNNELS_MAX, sizeof(k->ids[0])),
		.tick = event_new(base, -1, EV_PERSIST, keepalive_tick, k),
	};
	if (k->lives != NULL && k->ids != NULL && k->tick != NULL) {
		take_lives(k, mono_ms());
		if (run(k) == 0)
			return k;
	}
	keepalives_destroy(k);
	return NULL;
}

void keepalives_destroy(struct keepalives *k)
{
	if (k == NULL)
		return;
	if (k->tick != NULL)
		event_free(k->tick);
	close_senders(k);
	free(k->lives);
	free(k->ids);
	free(k);
}

void keepalives_listen(struct keepalives *k,
		       void (*heard)(void *arg, uint16_t tunnel, bool answered), void *arg)
{
	k->tell = heard;
	k->tell_arg = arg;
}

enum keepalive_state keepalives_of(const struct keepalives *k, uint16_t tunnel)
{
	if (k == NULL || k->lives[tunnel].interval_s == 0)
		return KEEPALIVE_OFF;
	return (enum keepalive_state)k->lives[tunnel].state;
}
