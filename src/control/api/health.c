/* GET /v1/health: the state of each tunnel, its probes, and which tunnel is used. */
#include "control/health/health.h"

#include "base/mono.h"
#include "control/api/handlers.h"
#include "control/api/list.h"

const struct route_arg health_args[] = {
	{"site", ARG_NAME, 0, 0, "only the tunnels of this site"},
	PAGE_ARGS("all"),
	{NULL},
};

const struct route_field health_fields[] = {
	{"health[].tunnel", FIELD_STRING, "its name"},
	{"health[].site", FIELD_STRING, "site it leads to"},
	{"health[].state", FIELD_STRING, "healthy, degraded or down; healthy also if not probed"},
	{"health[].reason", FIELD_STRING_OR_NULL, "one sentence"},
	{"health[].since_s", FIELD_INTEGER, "seconds since the state began"},
	{"health[].probe", FIELD_STRING, "low, mid or high: the rate; keepalive; or off"},
	{"health[].target", FIELD_STRING_OR_NULL, "address that is probed"},
	{"health[].recent_sent", FIELD_INTEGER, "probes of the last five minutes"},
	{"health[].recent_lost", FIELD_INTEGER, "of them without an answer"},
	{"health[].rtt_us", FIELD_INTEGER_OR_NULL,
	 "round-trip time of the last answer, microseconds"},
	{"health[].sent", FIELD_INTEGER, "probes since the start"},
	{"health[].answered", FIELD_INTEGER, "of them answered"},
	{"health[].lost", FIELD_INTEGER, "of them not answered in time"},
	{"health[].downs", FIELD_INTEGER, "how often it went down"},
	{"health[].penalty", FIELD_INTEGER, "added to the priority of its routes"},
	{"health[].used", FIELD_STRING, "tunnel that carries its packets: itself or another one"},
	PAGE_FIELDS,
	{NULL},
};

static void write_probes(const struct health_view *v, struct writer *w)
{
	const struct health_rate *rate = v->plan->rate;

	writer_text(w, "probe", rate != NULL ? rate->name : v->kept ? "keepalive" : "off");
	if (rate != NULL)
		writer_address(w, "target", &v->plan->ends.target);
	else
		writer_text(w, "target", NULL);
	writer_number(w, "recent_sent", v->loss.sent);
	writer_number(w, "recent_lost", v->loss.lost);
	if (v->rtt_ns > 0)
		writer_number(w, "rtt_us", v->rtt_ns / 1000);
	else
		writer_text(w, "rtt_us", NULL);
	writer_number(w, "sent", v->sent);
	writer_number(w, "answered", v->answered);
	writer_number(w, "lost", v->lost);
	writer_number(w, "downs", v->downs);
}

static bool write_health(const struct api_context *ctx, uint16_t id, uint32_t part,
			 struct writer *w)
{
	struct health_view v = health_of(ctx->health, id);

	writer_open(w, NULL, '{');
	writer_text(w, "tunnel", network_tunnel_name(ctx->net, id));
	writer_text(w, "site", network_site_name(ctx->net, ctx->net->tunnels[id].site));
	writer_text(w, "state", health_state_names[v.state]);
	writer_text(w, "reason", v.reason[0] != '\0' ? v.reason : NULL);
	writer_number(w, "since_s", v.since_ms == 0 ? 0 : (mono_ms() - v.since_ms) / 1000);
	write_probes(&v, w);
	writer_number(w, "penalty", v.penalty);
	writer_text(w, "used", network_tunnel_name(ctx->net, v.used));
	writer_close(w, '}');
	return true;
}

void health_answer(const struct api_request *rq, struct api_reply *reply)
{
	static const struct list_kind kind = {"health", list_max_tunnel, network_has_tunnel,
					      write_health};

	reply_tunnels(rq, reply, &kind);
}
