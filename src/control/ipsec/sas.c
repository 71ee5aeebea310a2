/*
 * The SAs that charon gives us: see sas.h.
 *
 * SAs of a tunnel are a chain: there are two to six of them, and every request names the tunnel. A
 * reserved SPI has no tunnel yet and is in the chain of tunnel 0.
 */
#include "control/ipsec/sas.h"

#include "base/log.h"
#include "network/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/queue.h>

#define SECOND_NS UINT64_C(1000000000)

enum {
	EVENTS_A_TICK = 512,
	ORPHANS_STAY_S = 10, /* for packets on the way, when the tunnel has a new SA */
	HARD_MARGIN_S = 5, /* charon deletes what is over by itself, if it can */
	SECONDS_MAX = 1 << 30,
	OF_TUNNEL_MAX = 32, /* so that one far end cannot take the rows of all */
};

struct sa {
	TAILQ_ENTRY(sa) all; /* in the order in which they were added */
	struct sa *next; /* of its tunnel */
	struct ipsec_sa_view view; /* without counters */
	uint32_t handle;
	uint32_t sequence; /* of esp_use(): the newest is preferred */
	uint64_t delete_ns; /* 0: never */
	bool reserved; /* nothing but an SPI */
};

struct ipsec_sas {
	struct ipsec_sas_parts parts;
	TAILQ_HEAD(, sa) all;
	size_t n;
	struct sa *chains[SPEC_TUNNELS_MAX + 1];
	uint32_t pid; /* of charon; 0: none was met */
	uint32_t sequence;
};

struct ipsec_sas *ipsec_sas_create(const struct ipsec_sas_parts *parts)
{
	struct ipsec_sas *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->parts = *parts;
	TAILQ_INIT(&s->all);
	return s;
}

/* --- the list --------------------------------------------------------------------------------- */

static struct sa *insert(struct ipsec_sas *s, uint16_t tunnel)
{
	struct sa *sa = calloc(1, sizeof(*sa));

	if (sa == NULL)
		return NULL;
	sa->view.tunnel = tunnel;
	sa->next = s->chains[tunnel];
	s->chains[tunnel] = sa;
	TAILQ_INSERT_TAIL(&s->all, sa, all);
	s->n++;
	return sa;
}

static void unlink_sa(struct ipsec_sas *s, struct sa *sa)
{
	struct sa **at = &s->chains[sa->view.tunnel];

	while (*at != sa)
		at = &(*at)->next;
	*at = sa->next;
	TAILQ_REMOVE(&s->all, sa, all);
	s->n--;
	free(sa);
}

void ipsec_sas_destroy(struct ipsec_sas *s)
{
	struct sa *sa;

	if (s == NULL)
		return;
	while ((sa = TAILQ_FIRST(&s->all)) != NULL)
		unlink_sa(s, sa);
	free(s);
}

static struct addr6 address_of(const struct ike_end *end)
{
	return addr6_read(end->address);
}

/* By our SPI; or, of an outbound one, by the SPI and address of the peer. */
static struct sa *find(struct ipsec_sas *s, const struct ike_sa *name)
{
	struct addr6 destination = address_of(&name->destination);

	if (name->tunnel > SPEC_TUNNELS_MAX)
		return NULL;
	for (struct sa *sa = s->chains[name->tunnel]; sa != NULL; sa = sa->next) {
		const struct esp_ends *ends = &sa->view.ends;

		if (!sa->reserved && sa->view.spi == ntohl(name->spi) &&
		    addr6_equal(&destination, sa->view.outbound ? &ends->remote : &ends->local))
			return sa;
	}
	return NULL;
}

static struct sa *find_reserved(struct ipsec_sas *s, uint32_t spi)
{
	for (struct sa *sa = s->chains[0]; sa != NULL; sa = sa->next)
		if (sa->view.spi == spi)
			return sa;
	return NULL;
}

static bool is_full(const struct ipsec_sas *s, uint32_t tunnel)
{
	unsigned n = 0;

	for (const struct sa *sa = s->chains[tunnel]; sa != NULL; sa = sa->next)
		n++;
	return n >= OF_TUNNEL_MAX;
}

static struct sa *find_handle(struct ipsec_sas *s, uint16_t tunnel, uint32_t handle)
{
	for (struct sa *sa = tunnel <= SPEC_TUNNELS_MAX ? s->chains[tunnel] : NULL; sa != NULL;
	     sa = sa->next)
		if (sa->handle == handle)
			return sa;
	return NULL;
}

/* --- deleting --------------------------------------------------------------------------------- */

static void reclaim(struct ipsec_sas *s)
{
	if (!esp_must_reclaim(s->parts.table))
		return;
	s->parts.synchronize(s->parts.arg);
	esp_reclaim(s->parts.table);
}

static void use(struct ipsec_sas *s, struct sa *sa)
{
	for (struct sa *other = s->chains[sa->view.tunnel]; other != NULL; other = other->next)
		other->view.used = other == sa;
	sa->sequence = ++s->sequence;
	s->parts.far_end(s->parts.arg, sa->view.tunnel, &sa->view.ends.remote);
	esp_use(s->parts.table, sa->handle);
}

/* The tunnel's packets leave by the newest of its other SAs, if it has one. */
static void use_another(struct ipsec_sas *s, uint16_t tunnel)
{
	struct sa *best = NULL;

	for (struct sa *sa = s->chains[tunnel]; sa != NULL; sa = sa->next)
		if (sa->view.outbound && (best == NULL || sa->sequence > best->sequence))
			best = sa;
	if (best != NULL)
		use(s, best);
	else
		esp_use_none(s->parts.table, tunnel);
}

static void delete (struct ipsec_sas *s, struct sa *sa)
{
	uint16_t tunnel = sa->view.tunnel;
	bool used = sa->view.used;

	esp_remove(s->parts.table, sa->handle);
	unlink_sa(s, sa);
	if (used)
		use_another(s, tunnel);
}

static void delete_all(struct ipsec_sas *s)
{
	struct sa *sa;

	while ((sa = TAILQ_FIRST(&s->all)) != NULL)
		delete (s, sa);
	reclaim(s);
}

/* --- requests --------------------------------------------------------------------------------- */

static enum ike_status reserve(struct ipsec_sas *s, struct ike_answer *answer, uint64_t now_ns)
{
	struct sa *sa = insert(s, 0);
	uint32_t spi;

	if (sa == NULL)
		return IKE_FULL;
	reclaim(s);
	if (esp_reserve(s->parts.table, &spi) != 0) {
		unlink_sa(s, sa);
		return IKE_FULL;
	}
	sa->reserved = true;
	sa->handle = sa->view.spi = spi;
	sa->view.added_ns = now_ns;
	answer->spi = htonl(spi);
	return IKE_OK;
}

static void read_selectors(const struct ike_selector *from, unsigned n, struct esp_selectors *to)
{
	to->n = n;
	for (unsigned i = 0; i < n; i++)
		to->at[i] = (struct esp_selector){
			.first = addr6_read(from[i].from),
			.last = addr6_read(from[i].to),
			.protocol = from[i].protocol,
			.first_port = from[i].from_port,
			.last_port = from[i].to_port,
		};
}

static struct esp_ends read_ends(const struct ike_end *source, const struct ike_end *destination,
				 bool outbound, bool udp)
{
	const struct ike_end *local = outbound ? source : destination;
	const struct ike_end *remote = outbound ? destination : source;

	return (struct esp_ends){.local = address_of(local),
				 .remote = address_of(remote),
				 .local_port = local->port,
				 .remote_port = remote->port,
				 .udp = udp};
}

static uint16_t window_of(const struct ike_add_sa *m)
{
	if (m->replay_window < ESP_WINDOW_MIN)
		return ESP_WINDOW_MIN;
	return m->replay_window > ESP_WINDOW_MAX ? ESP_WINDOW_MAX : (uint16_t)m->replay_window;
}

static bool is_supported(const struct ike_add_sa *m)
{
	return m->esp && m->tunnel_mode && m->n_source <= IKE_SELECTORS_MAX &&
	       m->n_destination <= IKE_SELECTORS_MAX && m->encryption_len <= IKE_KEY_MAX &&
	       m->integrity_len <= IKE_KEY_MAX && m->soft_s <= SECONDS_MAX &&
	       m->direction <= IKE_OUT;
}

/* charon has its own number for "none". */
enum { CHARON_UNDEFINED = 1024 };

static void read_spec(const struct ike_add_sa *m, struct esp_spec *spec)
{
	bool outbound = m->direction == IKE_OUT;

	*spec = (struct esp_spec){
		.outbound = outbound,
		.esn = m->esn,
		.clear_df = !m->copy_df,
		.no_dscp = m->dscp != IKE_DSCP_OUT && m->dscp != IKE_DSCP_BOTH,
		.spi = ntohl(m->sa.spi),
		.tunnel = (uint16_t)m->sa.tunnel,
		.window = window_of(m),
		.encryption = m->encryption,
		.integrity = m->integrity == CHARON_UNDEFINED ? ESP_AEAD : m->integrity,
		.key = m->encryption_key,
		.auth_key = m->integrity_key,
		.key_len = m->encryption_len,
		.auth_key_len = m->integrity_len,
		.ends = read_ends(&m->sa.source, &m->sa.destination, outbound, m->udp),
		.limits = {m->soft_bytes, m->hard_bytes, m->soft_packets, m->hard_packets},
	};
	read_selectors(m->source, m->n_source, outbound ? &spec->local : &spec->remote);
	read_selectors(m->destination, m->n_destination, outbound ? &spec->remote : &spec->local);
}

static uint16_t key_bits(const struct esp_spec *spec)
{
	size_t salt = spec->encryption == ESP_AES_CBC ? 0 : 4;

	return spec->key_len < salt ? 0 : (uint16_t)((spec->key_len - salt) * 8);
}

static void describe(struct sa *sa, const struct ike_add_sa *m, const struct esp_spec *spec,
		     uint64_t now_ns)
{
	sa->view.spi = spec->spi;
	sa->view.outbound = spec->outbound;
	sa->view.udp = spec->ends.udp;
	sa->view.esn = spec->esn;
	sa->view.encryption = spec->encryption;
	sa->view.integrity = spec->integrity;
	sa->view.key_bits = key_bits(spec);
	sa->view.ends = spec->ends;
	sa->view.added_ns = now_ns;
	sa->view.soft_s = m->soft_s;
	sa->view.hard_s = m->hard_s > SECONDS_MAX ? 0 : m->hard_s;
	if (sa->view.hard_s != 0)
		sa->delete_ns = now_ns + (sa->view.hard_s + HARD_MARGIN_S) * SECOND_NS;
}

static enum ike_status add_spec(struct ipsec_sas *s, const struct esp_spec *spec, struct sa *sa)
{
	const char *why = "";
	int err = esp_add(s->parts.table, spec, &sa->handle, &why);

	if (err == 0)
		return IKE_OK;
	if (err == -EINVAL)
		log_warning("an SA of charon was refused: %s", why);
	return err == -EINVAL ? IKE_UNSUPPORTED : err == -ENOENT ? IKE_NOT_FOUND : IKE_FULL;
}

static enum ike_status add(struct ipsec_sas *s, const struct ike_add_sa *m, uint64_t now_ns)
{
	struct sa *sa, *reserved = NULL;
	enum ike_status status;
	struct esp_spec spec;

	if (m->sa.tunnel == 0 || m->sa.tunnel > SPEC_TUNNELS_MAX ||
	    !s->parts.has_tunnel(s->parts.arg, m->sa.tunnel))
		return IKE_UNKNOWN_TUNNEL;
	if (!is_supported(m))
		return IKE_UNSUPPORTED;
	if (find(s, &m->sa) != NULL)
		return IKE_EXISTS;
	if (is_full(s, m->sa.tunnel))
		return IKE_FULL;
	read_spec(m, &spec);
	if (!spec.outbound && (reserved = find_reserved(s, spec.spi)) == NULL)
		return IKE_NOT_FOUND;
	sa = insert(s, spec.tunnel);
	if (sa == NULL)
		return IKE_FULL;
	reclaim(s);
	status = add_spec(s, &spec, sa);
	if (status == IKE_OK) {
		describe(sa, m, &spec, now_ns);
		if (reserved != NULL)
			unlink_sa(s, reserved);
	} else {
		unlink_sa(s, sa);
	}
	return status;
}

static enum ike_status update(struct ipsec_sas *s, const struct ike_update_sa *m)
{
	struct sa *sa = find(s, &m->sa);
	struct esp_ends ends;
	int err;

	if (sa == NULL)
		return IKE_NOT_FOUND;
	ends = read_ends(&m->new_source, &m->new_destination, sa->view.outbound, m->new_udp);
	reclaim(s);
	err = esp_update(s->parts.table, sa->handle, &ends);
	if (err != 0)
		return err == -EINVAL ? IKE_UNSUPPORTED : IKE_NOT_FOUND;
	sa->view.ends = ends;
	sa->view.udp = ends.udp;
	if (sa->view.used)
		s->parts.far_end(s->parts.arg, sa->view.tunnel, &ends.remote);
	return IKE_OK;
}

static enum ike_status query(struct ipsec_sas *s, const struct ike_sa *name,
			     struct ike_answer *answer, uint64_t now_ns)
{
	const struct sa *sa = find(s, name);
	struct esp_counters c;

	if (sa == NULL || esp_read(s->parts.table, sa->handle, &c) != 0)
		return IKE_NOT_FOUND;
	answer->bytes = c.bytes;
	answer->packets = c.packets;
	answer->idle_s = UINT32_MAX;
	if (c.used_ns != 0)
		answer->idle_s =
			now_ns <= c.used_ns ? 0 : (uint32_t)((now_ns - c.used_ns) / SECOND_NS);
	return IKE_OK;
}

static enum ike_status delete_named(struct ipsec_sas *s, const struct ike_sa *name)
{
	struct sa *sa = find(s, name);

	if (sa == NULL)
		sa = find_reserved(s, ntohl(name->spi));
	if (sa == NULL)
		return IKE_NOT_FOUND;
	delete (s, sa);
	reclaim(s);
	return IKE_OK;
}

/* What a former charon has left of the tunnel is no longer needed. */
static void release_orphans(struct ipsec_sas *s, uint16_t tunnel, uint64_t now_ns)
{
	for (struct sa *sa = s->chains[tunnel]; sa != NULL; sa = sa->next)
		if (sa->view.orphaned)
			sa->delete_ns = now_ns + ORPHANS_STAY_S * SECOND_NS;
}

static enum ike_status use_named(struct ipsec_sas *s, const struct ike_sa *name, uint64_t now_ns)
{
	struct sa *sa = find(s, name);

	if (sa == NULL || !sa->view.outbound)
		return IKE_NOT_FOUND;
	use(s, sa);
	release_orphans(s, sa->view.tunnel, now_ns);
	return IKE_OK;
}

enum ike_status ipsec_sas_request(struct ipsec_sas *s, const struct ike_message *request,
				  struct ike_answer *answer, uint64_t now_ns)
{
	switch (request->header.type) {
	case IKE_GET_SPI:
		return reserve(s, answer, now_ns);
	case IKE_ADD_SA:
		return add(s, &request->add_sa, now_ns);
	case IKE_UPDATE_SA:
		return update(s, &request->update_sa);
	case IKE_QUERY_SA:
		return query(s, &request->sa, answer, now_ns);
	case IKE_USE_SA:
		return use_named(s, &request->sa, now_ns);
	case IKE_DELETE_SA:
		return delete_named(s, &request->sa);
	case IKE_FLUSH_SAS:
		delete_all(s);
		return IKE_OK;
	default:
		return IKE_BAD_MESSAGE;
	}
}

/* --- as time goes by -------------------------------------------------------------------------- */

void ipsec_sas_met(struct ipsec_sas *s, uint32_t pid)
{
	struct sa *sa, *next;

	if (s->pid == pid)
		return;
	s->pid = pid;
	for (sa = TAILQ_FIRST(&s->all); sa != NULL; sa = next) {
		next = TAILQ_NEXT(sa, all);
		if (sa->reserved)
			delete (s, sa);
		else
			sa->view.orphaned = true;
	}
	reclaim(s);
}

void ipsec_sas_follow(struct ipsec_sas *s)
{
	struct sa *sa, *next;

	for (sa = TAILQ_FIRST(&s->all); sa != NULL; sa = next) {
		next = TAILQ_NEXT(sa, all);
		if (!sa->reserved && !s->parts.has_tunnel(s->parts.arg, sa->view.tunnel))
			delete (s, sa);
	}
	reclaim(s);
}

static void write_end(struct ike_end *to, const struct addr6 *address, uint16_t port)
{
	memcpy(to->address, address, sizeof(to->address));
	to->port = port;
}

static void write_name(const struct sa *sa, struct ike_sa *to)
{
	const struct esp_ends *e = &sa->view.ends;
	bool out = sa->view.outbound;

	to->spi = htonl(sa->view.spi);
	to->tunnel = sa->view.tunnel;
	write_end(out ? &to->source : &to->destination, &e->local, e->local_port);
	write_end(out ? &to->destination : &to->source, &e->remote, e->remote_port);
}

static void tell(struct ipsec_sas *s, const struct esp_event *e)
{
	struct ike_message m = {0};
	const struct sa *sa;

	if (e->type == ESP_EVENT_ACQUIRE) {
		m.acquire.tunnel = e->tunnel;
		s->parts.send(s->parts.arg, IKE_ACQUIRE, &m);
		return;
	}
	sa = e->type == ESP_EVENT_UNKNOWN_SPI ? NULL : find_handle(s, e->tunnel, e->handle);
	if (sa == NULL)
		return;
	if (e->type == ESP_EVENT_MAPPING) {
		write_name(sa, &m.mapping.sa);
		write_end(&m.mapping.new_source, &e->ends.remote, e->ends.remote_port);
		s->parts.send(s->parts.arg, IKE_MAPPING, &m);
	} else {
		write_name(sa, &m.expire.sa);
		m.expire.hard = e->type == ESP_EVENT_HARD;
		s->parts.send(s->parts.arg, IKE_EXPIRE, &m);
	}
}

void ipsec_sas_tick(struct ipsec_sas *s, uint64_t now_ns)
{
	struct esp_event e;
	struct sa *sa, *next;

	for (unsigned i = 0; i < EVENTS_A_TICK && esp_take_event(s->parts.table, &e); i++)
		tell(s, &e);
	for (sa = TAILQ_FIRST(&s->all); sa != NULL; sa = next) {
		next = TAILQ_NEXT(sa, all);
		if (sa->delete_ns != 0 && now_ns >= sa->delete_ns)
			delete (s, sa);
	}
	reclaim(s);
}

/* --- for people ------------------------------------------------------------------------------- */

void ipsec_sas_list(const struct ipsec_sas *s, uint16_t tunnel,
		    void (*each)(void *arg, const struct ipsec_sa_view *sa), void *arg)
{
	for (const struct sa *sa = s->chains[tunnel]; sa != NULL; sa = sa->next) {
		struct ipsec_sa_view view = sa->view;

		if (sa->reserved || esp_read(s->parts.table, sa->handle, &view.counters) != 0)
			continue;
		each(arg, &view);
	}
}

bool ipsec_sas_is_up(const struct ipsec_sas *s, uint16_t tunnel)
{
	for (const struct sa *sa = s->chains[tunnel]; sa != NULL; sa = sa->next)
		if (sa->view.used)
			return true;
	return false;
}

size_t ipsec_sas_count(const struct ipsec_sas *s)
{
	return s->n;
}
