/* BGP between tunnels and the kernel: see relay.h. */
#include "control/bgp/relay.h"

#include "base/types.h"
#include "path/deliver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

enum {
	BUSY_US = 5000,
	QUIET_US = 50000,
	BUSY_TURNS = 200, /* a second after the last packet */
	PER_TURN = 256, /* packets of a worker, or of the device */
	SRC4 = 12,
	DST4 = 16,
	LEN4 = 20,
	SRC6 = 8,
	DST6 = 24,
	LEN6 = 40,
};

struct relay {
	int fd;
	struct relay_workers workers;
	struct relay_link *links; /* by peer */
	size_t n_links;
	struct event *on_packet, *on_turn;
	unsigned busy; /* turns until it is quiet */
	struct relay_counts counts;
	uint8_t bytes[DELIVER_MAX];
};

static int compare_links(const void *a, const void *b)
{
	const struct relay_link *x = a, *y = b;

	return memcmp(&x->peer, &y->peer, sizeof(x->peer));
}

int relay_set_links(struct relay *r, const struct relay_link *links, size_t n)
{
	struct relay_link *copy = calloc(n + 1, sizeof(*copy));

	if (copy == NULL)
		return -ENOMEM;
	if (n > 0)
		memcpy(copy, links, n * sizeof(*copy));
	qsort(copy, n, sizeof(*copy), compare_links);
	free(r->links);
	r->links = copy;
	r->n_links = n;
	return 0;
}

const struct relay_counts *relay_counts(const struct relay *r)
{
	return &r->counts;
}

/* False: too short, or of another family. */
static bool read_addresses(const uint8_t *bytes, size_t len, struct addr6 *src, struct addr6 *dst)
{
	be32_t four[2];

	if (len >= LEN4 && bytes[0] >> 4 == 4) {
		memcpy(&four[0], bytes + SRC4, sizeof(four[0]));
		memcpy(&four[1], bytes + DST4, sizeof(four[1]));
		*src = addr6_from_ipv4(four[0]);
		*dst = addr6_from_ipv4(four[1]);
		return true;
	}
	if (len < LEN6 || bytes[0] >> 4 != 6)
		return false;
	*src = addr6_read(bytes + SRC6);
	*dst = addr6_read(bytes + DST6);
	return true;
}

/* NULL: no tunnel has these two ends. */
static const struct relay_link *find_link(const struct relay *r, size_t len)
{
	struct relay_link key = {{{0}}};
	const struct relay_link *found;

	if (!read_addresses(r->bytes, len, &key.ours, &key.peer))
		return NULL;
	found = bsearch(&key, r->links, r->n_links, sizeof(key), compare_links);
	return found != NULL && addr6_equal(&found->ours, &key.ours) ? found : NULL;
}

static void keep_busy(struct relay *r)
{
	struct timeval now = {.tv_usec = BUSY_US};

	if (r->busy == 0)
		event_add(r->on_turn, &now);
	r->busy = BUSY_TURNS;
}

static void to_tunnel(struct relay *r, size_t len)
{
	const struct relay_link *link = find_link(r, len);

	if (link == NULL)
		r->counts.no_tunnel++;
	else if (!r->workers.send(r->workers.at[0], link->tunnel, r->bytes, len))
		r->counts.lost++;
	else
		r->counts.to_tunnels++;
}

static void on_packet(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;

	for (int i = 0; i < PER_TURN; i++) {
		ssize_t len = read(fd, r->bytes, sizeof(r->bytes));

		if (len < 0 && errno != EAGAIN && errno != EINTR) {
			event_del(r->on_packet); /* the device was deleted: bgp.c notices */
			return;
		}
		if (len <= 0)
			break;
		to_tunnel(r, (size_t)len);
	}
	keep_busy(r);
}

static void take_delivered(struct relay *r, struct worker *w)
{
	for (int i = 0; i < PER_TURN; i++) {
		size_t len = r->workers.take(w, r->bytes);

		if (len == 0)
			return;
		r->busy = BUSY_TURNS;
		if (write(r->fd, r->bytes, len) == (ssize_t)len)
			r->counts.to_kernel++;
		else
			r->counts.lost++;
	}
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct relay *r = arg;
	struct timeval wait;

	r->busy -= r->busy > 0;
	for (size_t i = 0; i < r->workers.n; i++)
		take_delivered(r, r->workers.at[i]);
	wait = (struct timeval){.tv_usec = r->busy > 0 ? BUSY_US : QUIET_US};
	event_add(r->on_turn, &wait);
}

struct relay *relay_create(struct event_base *base, int fd, const struct relay_workers *workers)
{
	const struct timeval wait = {.tv_usec = QUIET_US};
	struct relay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->fd = fd;
	r->workers = *workers;
	r->on_packet = event_new(base, fd, EV_READ | EV_PERSIST, on_packet, r);
	r->on_turn = event_new(base, -1, 0, on_turn, r);
	if (r->on_packet != NULL && r->on_turn != NULL && event_add(r->on_packet, NULL) == 0 &&
	    event_add(r->on_turn, &wait) == 0)
		return r;
	relay_destroy(r);
	return NULL;
}

void relay_destroy(struct relay *r)
{
	if (r == NULL)
		return;
	if (r->on_packet != NULL)
		event_free(r->on_packet);
	if (r->on_turn != NULL)
		event_free(r->on_turn);
	free(r->links);
	free(r);
}
