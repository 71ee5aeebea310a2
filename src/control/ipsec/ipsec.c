/*
 * IPsec: see ipsec.h.
 *
 * Tunnels are told to charon one at a time, at most a hundred a second: charon begins to negotiate
 * as soon as it knows a connection. In a storm of negotiations far ends ignore what is too much, or
 * lose it in their sockets, and repetitions are seconds apart.
 */
#include "control/ipsec/ipsec.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mono.h"
#include "base/types.h"
#include "control/alarm.h"
#include "control/ipsec/connection.h"
#include "control/ipsec/server.h"
#include "control/ipsec/told.h"
#include "control/ipsec/vici.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <event2/event.h>

enum {
	TICK_MS = 100,
	TICKS_A_SIGN = 10,
	LOAD_MS = 10,
	BEGUN_A_SIGN = 50, /* tunnels in a second */
	AGAIN_S = 10, /* after a tunnel was refused */
	FILES_A_SIGN = 100, /* tunnels whose files are looked at in a second */
	PLUGIN_WAIT_S = 10, /* from the first answer of charon until its plugin must be there */
};

/* What charon knows of a tunnel. */
struct known {
	struct spec_tunnel *loaded; /* as it was loaded; NULL: not */
	uint64_t stamp; /* of its files, when it was loaded */
	bool wanted; /* by the configuration, and not as it was loaded */
	uint8_t down_s; /* how long there have been no SAs since it was last begun */
	bool refused; /* an alarm says why; tried again when charon is there anew, or changed */
};

struct ipsec {
	struct ipsec_parts parts; /* its paths are those below */
	char plugin_socket[SPEC_PATH_SIZE], vici_socket[SPEC_PATH_SIZE];
	struct event_base *base;
	struct event *tick, *load;
	const struct network *net;
	struct ike_server *server; /* NULL: no IPsec tunnel */
	struct vici *vici; /* the same */
	struct ipsec_sas *sas;
	struct told *told;
	struct known *known; /* [SPEC_TUNNELS_MAX + 1] */
	uint16_t next; /* where the search for a tunnel to load goes on */
	uint32_t first; /* and of the search for tunnels to begin again */
	uint32_t begun; /* in this second */
	uint32_t looked; /* the same for files that may be new */
	uint32_t loading;
	uint64_t plugin_due_ns; /* 0: it is there, or charon is not */
	uint32_t ticks;
	bool asking; /* a request of load_next() is on its way */
};

static const struct spec_tunnel *spec_of(const struct ipsec *x, uint16_t tunnel)
{
	const struct spec_tunnel *spec = network_tunnel_spec(x->net, tunnel);

	return spec != NULL && spec->type == TUNNEL_IPSEC ? spec : NULL;
}

static bool has_tunnel(void *arg, uint32_t tunnel)
{
	return tunnel <= SPEC_TUNNELS_MAX && spec_of(arg, (uint16_t)tunnel) != NULL;
}

/* --- charon's plugin -------------------------------------------------------------------------- */

static enum ike_status handle_request(void *arg, const struct ike_message *request,
				      struct ike_answer *answer)
{
	struct ipsec *x = arg;

	return ipsec_sas_request(x->sas, request, answer, mono_ns());
}

static void plugin_connected(void *arg, uint32_t pid)
{
	struct ipsec *x = arg;

	log_info("charon's plugin kernel-homeward is connected (process %" PRIu32 ")", pid);
	ipsec_sas_met(x->sas, pid);
	x->plugin_due_ns = 0;
	alarm_clear(x->parts.alarms, ALARM_IPSEC_PLUGIN, "charon");
}

static void plugin_disconnected(void *arg)
{
	struct ipsec *x = arg;

	log_warning("charon's plugin kernel-homeward has gone; IPsec tunnels go on with the keys "
		    "that they have");
	if (x->vici != NULL && vici_is_connected(x->vici))
		x->plugin_due_ns = mono_ns() + PLUGIN_WAIT_S * UINT64_C(1000000000);
}

static bool send_event(void *arg, enum ike_type type, struct ike_message *m)
{
	struct ipsec *x = arg;

	return x->server != NULL && ike_server_send(x->server, type, m);
}

/* Without the plugin charon would give its keys to the kernel. */
static void look_for_plugin(struct ipsec *x, uint64_t now_ns)
{
	if (x->plugin_due_ns == 0 || now_ns < x->plugin_due_ns)
		return;
	x->plugin_due_ns = 0;
	alarm_raise(x->parts.alarms, ALARM_IPSEC_PLUGIN, "charon",
		    "charon answers at %s, but its plugin has not connected to %s",
		    x->parts.vici_socket, x->parts.plugin_socket);
}

/* --- connections ------------------------------------------------------------------------------ */

static void load_soon(struct ipsec *x)
{
	const struct timeval soon = {.tv_usec = LOAD_MS * 1000};

	if (!event_pending(x->load, EV_TIMEOUT, NULL))
		event_add(x->load, &soon);
}

static void refuse(struct ipsec *x, uint16_t tunnel, const char *why)
{
	const struct spec_tunnel *spec = spec_of(x, tunnel);

	x->known[tunnel].refused = true;
	if (spec != NULL)
		alarm_raise(x->parts.alarms, ALARM_IPSEC_REFUSED, spec->name, "%s", why);
}

/* The answer to load-conn. */
static void tunnel_loaded(void *arg, void *request, const uint8_t *data, size_t len)
{
	uint16_t tunnel = (uint16_t)(uintptr_t)request;
	const struct spec_tunnel *spec;
	struct ipsec *x = arg;
	char text[256] = "";

	x->asking = false;
	spec = spec_of(x, tunnel);
	if (data == NULL || spec == NULL) {
		load_soon(x);
		return;
	}
	if (vici_find(data, len, "success", text, sizeof(text)) && strcmp(text, "yes") == 0) {
		alarm_clear(x->parts.alarms, ALARM_IPSEC_REFUSED, spec->name);
	} else {
		vici_find(data, len, "errmsg", text, sizeof(text));
		refuse(x, tunnel, text);
	}
	load_soon(x);
}

static void send_tunnel(struct ipsec *x, uint16_t tunnel, const struct spec_tunnel *spec,
			const struct credentials *c)
{
	struct vici_writer secret = {0}, key = {0}, connection = {0};

	if (c->psk != NULL) {
		connection_write_secret(&secret, spec, tunnel, c);
		vici_request(x->vici, "load-shared", &secret, NULL, NULL);
	}
	if (c->key != NULL) {
		connection_write_key(&key, c);
		vici_request(x->vici, "load-key", &key, NULL, NULL);
	}
	connection_write(&connection, spec, tunnel, c);
	x->asking = true;
	vici_request(x->vici, "load-conn", &connection, tunnel_loaded, (void *)(uintptr_t)tunnel);
}

static void load_tunnel(struct ipsec *x, uint16_t tunnel, const struct spec_tunnel *spec)
{
	struct known *known = &x->known[tunnel];
	char why[CREDENTIALS_WHY_SIZE];
	struct credentials c;

	known->wanted = false;
	x->loading--;
	if (known->loaded == NULL)
		known->loaded = malloc(sizeof(*known->loaded));
	if (known->loaded == NULL)
		return;
	*known->loaded = *spec;
	known->stamp = credentials_stamp(&spec->ipsec);
	told_forget_why(x->told, tunnel);
	if (credentials_read(&spec->ipsec, &c, why) != 0) {
		refuse(x, tunnel, why);
		load_soon(x);
		return;
	}
	send_tunnel(x, tunnel, spec, &c);
	credentials_fini(&c);
}

static void clear_alarms(struct ipsec *x, const char *name)
{
	alarm_clear(x->parts.alarms, ALARM_IPSEC_REFUSED, name);
	alarm_clear(x->parts.alarms, ALARM_IPSEC_FAILED, name);
}

static void unload_tunnel(struct ipsec *x, uint16_t tunnel)
{
	static const struct {
		const char *command, *key;
	} steps[] = {{"unload-conn", "name"}, {"terminate", "ike"}, {"unload-shared", "id"}};

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		struct vici_writer w = {0};

		connection_write_name(&w, steps[i].key, tunnel);
		if (i == 1)
			vici_put(&w, "timeout", "-1"); /* do not wait for the end */
		vici_request(x->vici, steps[i].command, &w, NULL, NULL);
	}
}

static void forget(struct ipsec *x, uint16_t tunnel)
{
	struct known *known = &x->known[tunnel];

	if (known->loaded != NULL)
		clear_alarms(x, known->loaded->name);
	if (x->told != NULL)
		told_forget(x->told, tunnel);
	free(known->loaded);
	x->loading -= known->wanted;
	*known = (struct known){0};
}

static void load_next(evutil_socket_t fd, short what, void *arg)
{
	struct ipsec *x = arg;

	if (x->asking || !vici_is_connected(x->vici))
		return;
	for (unsigned i = 0; i <= SPEC_TUNNELS_MAX && x->loading > 0; i++) {
		uint16_t tunnel = x->next;
		const struct spec_tunnel *spec = spec_of(x, tunnel);

		x->next = tunnel == SPEC_TUNNELS_MAX ? 0 : (uint16_t)(tunnel + 1);
		if (x->known[tunnel].wanted && spec != NULL) {
			load_tunnel(x, tunnel, spec);
			return;
		}
	}
}

/* Does charon have to know it anew? Its name, health and the like are our own. */
static bool is_same(const struct spec_tunnel *a, const struct spec_tunnel *b)
{
	return addr6_equal(&a->local, &b->local) && addr6_equal(&a->remote, &b->remote) &&
	       a->outer_df == b->outer_df && memcmp(&a->ipsec, &b->ipsec, sizeof(a->ipsec)) == 0;
}

static void want(struct ipsec *x, uint16_t tunnel)
{
	x->loading += !x->known[tunnel].wanted;
	x->known[tunnel].wanted = true;
	x->known[tunnel].refused = false;
}

/* --- charon ----------------------------------------------------------------------------------- */

/* Connections of ours that charon has and the configuration has not: of a former run. */
static void got_names(void *arg, void *request, const uint8_t *data, size_t len)
{
	struct ipsec *x = arg;
	struct vici_reader r = vici_read(data, data == NULL ? 0 : len);
	enum vici_element e;

	while ((e = vici_next(&r)) != VICI_DONE && e != VICI_BROKEN) {
		uint16_t tunnel;

		if (e != VICI_ITEM)
			continue;
		tunnel = connection_tunnel(r.value, r.value_len);
		if (tunnel != TUNNEL_NONE && spec_of(x, tunnel) == NULL)
			unload_tunnel(x, tunnel);
	}
}

static void charon_connected(void *arg)
{
	struct vici_writer w = {0};
	struct ipsec *x = arg;

	log_info("connected to charon at %s", x->parts.vici_socket);
	if (!ike_server_is_connected(x->server))
		x->plugin_due_ns = mono_ns() + PLUGIN_WAIT_S * UINT64_C(1000000000);
	alarm_clear(x->parts.alarms, ALARM_IPSEC_CHARON, "charon");
	vici_request(x->vici, "get-conns", NULL, got_names, NULL);
	vici_put(&w, "noblock", "yes");
	vici_request(x->vici, "list-sas", &w, NULL, NULL);
	for (uint32_t i = 0; i < x->net->n_tunnels; i++)
		if (spec_of(x, x->net->tunnel_ids[i]) != NULL)
			want(x, x->net->tunnel_ids[i]);
	load_soon(x);
}

static void charon_disconnected(void *arg)
{
	struct ipsec *x = arg;

	x->asking = false;
	x->plugin_due_ns = 0;
	told_forget_ikes(x->told);
	alarm_raise(x->parts.alarms, ALARM_IPSEC_CHARON, "charon", "no connection to charon at %s",
		    x->parts.vici_socket);
}

static void charon_tells(void *arg, const char *name, const uint8_t *data, size_t len)
{
	struct ipsec *x = arg;

	told_event(x->told, x->net, name, data, len);
}

/* --- all together ----------------------------------------------------------------------------- */

static void tell_far_end(void *arg, uint16_t tunnel, const struct addr6 *remote)
{
	struct ipsec *x = arg;

	x->parts.far_end(x->parts.arg, tunnel, remote);
}

static void wait_for_workers(void *arg)
{
	struct ipsec *x = arg;

	x->parts.synchronize(x->parts.arg);
}

/*
 * charon begins a connection when it is loaded, and again when it is closed or times out. But when
 * the far end refuses it, for another secret or other proposals, it gives up: so we begin again.
 */
static void begin_again(struct ipsec *x, uint16_t tunnel, bool up)
{
	struct known *known = &x->known[tunnel];
	char name[CONNECTION_NAME_SIZE];
	struct vici_writer w = {0};

	if (up || known->loaded == NULL || known->wanted || known->refused ||
	    known->loaded->ipsec.initiate != INITIATE_YES || !vici_is_connected(x->vici)) {
		known->down_s = 0;
		return;
	}
	if (known->down_s < AGAIN_S)
		known->down_s++;
	if (known->down_s < AGAIN_S || x->begun == BEGUN_A_SIGN)
		return;
	known->down_s = 0;
	x->begun++;
	vici_put(&w, "child", connection_name(tunnel, name));
	vici_put(&w, "ike", name);
	vici_put(&w, "timeout", "-1"); /* do not wait for the end */
	vici_put(&w, "init-limits", "yes"); /* not if charon is busy */
	vici_request(x->vici, "initiate", &w, NULL, NULL);
}

/* What charon said about a tunnel that is up, of an attempt that failed, is no news any more. */
static void tell_why(struct ipsec *x, uint16_t tunnel, bool up)
{
	const char *name = spec_of(x, tunnel)->name, *why;

	if (up)
		told_forget_why(x->told, tunnel);
	why = told_why(x->told, tunnel);
	if (why != NULL)
		alarm_raise(x->parts.alarms, ALARM_IPSEC_FAILED, name, "%s", why);
	else
		alarm_clear(x->parts.alarms, ALARM_IPSEC_FAILED, name);
}

/* Secrets and certificates are renewed under the same names. */
static void look_at_files(struct ipsec *x)
{
	for (unsigned i = 0; i < FILES_A_SIGN && i < x->net->n_tunnels; i++) {
		uint16_t tunnel = x->net->tunnel_ids[x->looked++ % x->net->n_tunnels];
		const struct spec_tunnel *spec = spec_of(x, tunnel);

		if (spec == NULL || x->known[tunnel].loaded == NULL ||
		    x->known[tunnel].stamp == credentials_stamp(&spec->ipsec))
			continue;
		log_info("tunnel %s: its secret or certificate has changed", spec->name);
		want(x, tunnel);
		load_soon(x);
	}
}

/* A tunnel without SAs carries nothing, whatever its probes said before. */
static void tell_signs(struct ipsec *x)
{
	uint32_t next = 0;

	if (++x->ticks % TICKS_A_SIGN != 0)
		return;
	look_at_files(x);
	x->begun = 0;
	for (uint32_t i = 0; i < x->net->n_tunnels; i++) {
		uint32_t at = (x->first + i) % x->net->n_tunnels;
		uint16_t tunnel = x->net->tunnel_ids[at];
		bool up;

		if (spec_of(x, tunnel) == NULL)
			continue;
		up = ipsec_sas_is_up(x->sas, tunnel);
		x->parts.sign(x->parts.arg, tunnel, up);
		tell_why(x, tunnel, up);
		begin_again(x, tunnel, up);
		if (x->begun == BEGUN_A_SIGN && next == 0)
			next = at + 1; /* the others come first then */
	}
	x->first = next;
}

static void tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now_ns = mono_ns();
	struct ipsec *x = arg;

	ipsec_sas_tick(x->sas, now_ns);
	look_for_plugin(x, now_ns);
	tell_signs(x);
}

static bool needs_charon(const struct network *net)
{
	for (uint32_t i = 0; i < net->n_tunnels; i++)
		if (net->tunnel_specs[net->tunnel_ids[i]]->type == TUNNEL_IPSEC)
			return true;
	return false;
}

/* Opens both sockets, at the first IPsec tunnel. */
static int start(struct ipsec *x, struct err_list *errs)
{
	const struct ike_server_parts plugin = {handle_request, plugin_connected,
						plugin_disconnected, x};
	const struct vici_parts charon = {charon_connected, charon_disconnected, charon_tells, x};
	const struct timeval often = {.tv_usec = TICK_MS * 1000};
	uint64_t instance = mono_ns();

	if (getrandom(&instance, sizeof(instance), GRND_NONBLOCK) != sizeof(instance))
		instance = mono_ns();
	if (x->server == NULL)
		x->server = ike_server_create(x->base, x->parts.plugin_socket, instance | 1,
					      &plugin, errs);
	if (x->server != NULL && x->vici == NULL)
		x->vici = vici_create(x->base, x->parts.vici_socket, told_events, &charon);
	return x->vici != NULL && event_add(x->tick, &often) == 0 ? 0 : -1;
}

struct ipsec *ipsec_create(struct event_base *base, const struct ipsec_parts *parts,
			   const struct network *net, struct err_list *errs)
{
	struct ipsec *x = calloc(1, sizeof(*x));
	const struct ipsec_sas_parts sas = {.table = parts->table,
					    .has_tunnel = has_tunnel,
					    .synchronize = wait_for_workers,
					    .send = send_event,
					    .far_end = tell_far_end,
					    .arg = x};

	if (x != NULL) {
		*x = (struct ipsec){.parts = *parts, .base = base, .net = net};
		snprintf(x->plugin_socket, sizeof(x->plugin_socket), "%s", parts->plugin_socket);
		snprintf(x->vici_socket, sizeof(x->vici_socket), "%s", parts->vici_socket);
		x->parts.plugin_socket = x->plugin_socket;
		x->parts.vici_socket = x->vici_socket;
		x->known = calloc(SPEC_TUNNELS_MAX + 1, sizeof(x->known[0]));
		x->sas = ipsec_sas_create(&sas);
		x->told = told_create();
		x->tick = event_new(base, -1, EV_PERSIST, tick, x);
		x->load = evtimer_new(base, load_next, x);
	}
	if (x == NULL || x->known == NULL || x->sas == NULL || x->told == NULL || x->tick == NULL ||
	    x->load == NULL) {
		err_add(errs, NULL, 0, 0, "not enough memory for IPsec");
	} else if (!needs_charon(net) || start(x, errs) == 0) {
		return x;
	}
	ipsec_destroy(x);
	return NULL;
}

void ipsec_destroy(struct ipsec *x)
{
	if (x == NULL)
		return;
	ike_server_destroy(x->server);
	vici_destroy(x->vici);
	for (unsigned tunnel = 0; x->known != NULL && tunnel <= SPEC_TUNNELS_MAX; tunnel++)
		forget(x, (uint16_t)tunnel);
	if (x->tick != NULL)
		event_free(x->tick);
	if (x->load != NULL)
		event_free(x->load);
	ipsec_sas_destroy(x->sas);
	told_destroy(x->told);
	free(x->known);
	free(x);
}

static void follow_tunnel(struct ipsec *x, uint16_t tunnel)
{
	const struct spec_tunnel *spec = spec_of(x, tunnel);
	struct known *known = &x->known[tunnel];

	if (spec == NULL) {
		if (known->loaded != NULL)
			unload_tunnel(x, tunnel);
		forget(x, tunnel);
		return;
	}
	if (known->loaded != NULL && strcmp(known->loaded->name, spec->name) != 0) {
		clear_alarms(x, known->loaded->name);
		snprintf(known->loaded->name, sizeof(known->loaded->name), "%s", spec->name);
	}
	if (known->loaded == NULL || known->refused || !is_same(known->loaded, spec))
		want(x, tunnel);
}

void ipsec_follow(struct ipsec *x, const struct network *net)
{
	struct err_list errs = ERR_LIST_EMPTY;

	x->net = net;
	if (x->vici == NULL && needs_charon(net) && start(x, &errs) != 0)
		alarm_raise(x->parts.alarms, ALARM_IPSEC_CHARON, "charon",
			    "cannot listen on %s for charon's plugin", x->parts.plugin_socket);
	err_log(&errs);
	err_list_fini(&errs);
	if (x->vici == NULL)
		return;
	for (unsigned tunnel = 0; tunnel <= SPEC_TUNNELS_MAX; tunnel++)
		follow_tunnel(x, (uint16_t)tunnel);
	ipsec_sas_follow(x->sas);
	load_soon(x);
}

struct ipsec_state ipsec_state(const struct ipsec *x)
{
	return (struct ipsec_state){
		.used = x->vici != NULL,
		.charon = x->vici != NULL && vici_is_connected(x->vici),
		.plugin = x->server != NULL && ike_server_is_connected(x->server),
		.n_sas = ipsec_sas_count(x->sas),
		.loading = x->loading,
	};
}

const struct ike_view *ipsec_ike(const struct ipsec *x, uint16_t tunnel)
{
	return told_ike(x->told, tunnel);
}

const char *ipsec_why(const struct ipsec *x, uint16_t tunnel)
{
	return told_why(x->told, tunnel);
}

const struct ipsec_sas *ipsec_sas(const struct ipsec *x)
{
	return x->sas;
}
