/* GET /v1/status: a summary of the daemon's state, and whether law 3 holds. */
#include "base/clock.h"
#include "base/mono.h"
#include "control/alarm.h"
#include "control/api/handlers.h"
#include "control/loop.h"

#include <unistd.h>

const struct route_field status_fields[] = {
	{"version", FIELD_STRING, "of the daemon"},
	{"pid", FIELD_INTEGER, "process id of the daemon"},
	{"uptime_s", FIELD_INTEGER, "seconds since it started"},
	{"config", FIELD_STRING, "the configuration file"},
	{"ports[].name", FIELD_STRING, "name in the configuration"},
	{"ports[].driver", FIELD_STRING, "af_xdp, af_packet, tap, pcap, memory, memif or pci"},
	{"ports[].interface", FIELD_STRING_OR_NULL, "kernel interface behind it"},
	{"ports[].state", FIELD_STRING, "up, missing, closed, down, bypassed or degraded"},
	{"ports[].reason", FIELD_STRING_OR_NULL, "why it is not up, one sentence"},
	{"ports[].mtu", FIELD_INTEGER, "largest IP packet that it carries now, bytes"},
	{"ports[].rx_packets", FIELD_INTEGER, "received"},
	{"ports[].rx_bytes", FIELD_INTEGER, "received"},
	{"ports[].tx_packets", FIELD_INTEGER, "sent"},
	{"ports[].tx_bytes", FIELD_INTEGER, "sent"},
	{"ports[].partial_checksums", FIELD_INTEGER,
	 "received with a partial checksum, which was completed here"},
	{"ports[].cut", FIELD_INTEGER, "received shorter than their IP header says, and dropped"},
	{"ports[].kernel.tunnel", FIELD_INTEGER, "tunnel packets that were taken from the kernel"},
	{"ports[].kernel.egress", FIELD_INTEGER, "the same, to egress addresses and prefixes"},
	{"ports[].kernel.arp", FIELD_INTEGER, "the same, ARP and neighbour solicitations"},
	{"ports[].kernel.passed", FIELD_INTEGER, "packets left to the kernel"},
	{"ports[].took", FIELD_INTEGER, "packets that the kernel had for us"},
	{"ports[].waiting", FIELD_INTEGER, "of them: in rings, or on the way to a worker"},
	{"ports[].lost_packets", FIELD_INTEGER, "lost outside of the workers, all reasons"},
	{"ports[].lost[].reason", FIELD_STRING, "name of the reason"},
	{"ports[].lost[].help", FIELD_STRING, "what it means"},
	{"ports[].lost[].packets", FIELD_INTEGER, "lost for it"},
	{"ports[].rings.rx_invalid", FIELD_INTEGER, "receive buffers that the kernel refused"},
	{"ports[].rings.fill_ring_empty", FIELD_INTEGER, "how often it found no buffer"},
	{"ports[].rings.tx_ring_empty", FIELD_INTEGER, "how often it found nothing to send"},
	{"ports[].rings.no_buffer", FIELD_INTEGER,
	 "how often received packets had to wait for one"},
	{"ports[].queues[].queue", FIELD_INTEGER, "number at the interface, from 0"},
	{"ports[].queues[].worker", FIELD_INTEGER, "the worker that polls it"},
	{"ports[].queues[].transmits", FIELD_BOOLEAN, "this worker transmits by it"},
	{"ports[].queues[].mode", FIELD_STRING_OR_NULL,
	 "af_xdp: copy, the kernel copies each frame; or zero_copy"},
	{"ports[].queues[].lost", FIELD_INTEGER,
	 "af_xdp: frames lost at its socket since the port was opened"},
	{"ports[].hint", FIELD_STRING_OR_NULL,
	 "what is lost as there are fewer queues than workers, one sentence"},
	{"ports[].announced", FIELD_INTEGER,
	 "ARP and neighbour discovery frames by which the port's addresses were announced"},
	{"ports[].conflicts", FIELD_INTEGER,
	 "such frames of other stations that claim an address of ours"},
	{"workers[].index", FIELD_INTEGER, "from 0"},
	{"workers[].busy", FIELD_NUMBER, "share of turns with work in the last second, 0 to 1"},
	{"workers[].flows", FIELD_INTEGER, "live flows it owns"},
	{"workers[].rx", FIELD_INTEGER, "packets received"},
	{"workers[].tx", FIELD_INTEGER, "packets sent"},
	{"workers[].held", FIELD_INTEGER, "packets waiting inside"},
	{"workers[].injected", FIELD_INTEGER, "packets of the control thread: probes, requests"},
	{"workers[].handed_in", FIELD_INTEGER, "packets taken over from other workers"},
	{"workers[].handed_out", FIELD_INTEGER, "packets handed to other workers"},
	{"workers[].asked", FIELD_INTEGER,
	 "packets without a flow here, for which the other workers' tables were read"},
	{"workers[].spilled", FIELD_INTEGER,
	 "first packets handed to another worker, as this one had no room for the flow"},
	{"workers[].fragments_made", FIELD_INTEGER,
	 "fragments that packets were sent in, minus one of each packet"},
	{"workers[].fragments_joined", FIELD_INTEGER,
	 "fragments that packets were reassembled from, minus one of each packet"},
	{"workers[].hairpinned", FIELD_INTEGER, "packets to one of our egress ports, hairpinned"},
	{"workers[].drops", FIELD_INTEGER, "packets dropped, all reasons"},
	{"workers[].clock_steps", FIELD_INTEGER,
	 "times its processor's counter stepped or ran at a wrong speed; the system's clock was "
	 "used"},
	{"control.longest_turn_us", FIELD_INTEGER,
	 "CPU time, in microseconds, of the longest turn of the control thread since the start"},
	{"control.recent_turn_us", FIELD_INTEGER, "the same in the last minute or two"},
	{"learned.tables[].owner", FIELD_STRING, "the site or network that learns from the table"},
	{"learned.tables[].network", FIELD_BOOLEAN, "it is a network"},
	{"learned.tables[].table", FIELD_INTEGER, "number of the kernel's routing table"},
	{"learned.tables[].routes", FIELD_INTEGER, "prefixes that are mirrored"},
	{"learned.tables[].limit", FIELD_INTEGER, "as many may be"},
	{"learned.tables[].over_limit", FIELD_INTEGER,
	 "how often a route was refused for the limit since the table was last read"},
	{"learned.tables[].routes_drifted", FIELD_INTEGER,
	 "routes that a new reading had to add or remove, since the start"},
	{"learned.tables[].unknown_gateway", FIELD_INTEGER,
	 "prefixes refused: the gateway is no peer of a tunnel there"},
	{"learned.tables[].too_short", FIELD_INTEGER,
	 "prefixes refused: they would take public destinations from egress"},
	{"learned.tables[].own_far_end", FIELD_INTEGER,
	 "prefixes refused: the far end of a tunnel through this tunnel"},
	{"learned.events", FIELD_INTEGER, "changes that the kernel reported, since the start"},
	{"learned.events_lost", FIELD_INTEGER,
	 "how often some were lost, so that all tables were read again"},
	{"learned.dumps", FIELD_INTEGER, "how often a table was read"},
	{"learned.bursts", FIELD_INTEGER, "how often changes were taken over"},
	{"learned.sessions_in", FIELD_INTEGER, "packets of BGP and BFD from tunnels"},
	{"learned.sessions_out", FIELD_INTEGER, "the same into tunnels"},
	{"learned.sessions_strange", FIELD_INTEGER,
	 "packets at homeward0 that are not between the two ends of a tunnel"},
	{"learned.sessions_lost", FIELD_INTEGER, "packets for which a ring or homeward0 was full"},
	{"flows.now", FIELD_INTEGER, "live flows"},
	{"flows.capacity", FIELD_INTEGER, "flows that fit"},
	{"flows.created", FIELD_INTEGER, "since the start"},
	{"flows.kept", FIELD_INTEGER, "of an earlier process, adopted at the start"},
	{"flows.ended", FIELD_INTEGER, "since the start"},
	{"flows.ended_by[].reason", FIELD_STRING, "name of a reason why a change ends flows"},
	{"flows.ended_by[].help", FIELD_STRING, "what it means"},
	{"flows.ended_by[].flows", FIELD_INTEGER, "ended for it"},
	{"flows.moved", FIELD_INTEGER,
	 "moved to another tunnel of their site, since a change removed theirs"},
	{"flows.rests_cut", FIELD_INTEGER,
	 "egress ports that another site got, towards the same server, before they had rested"},
	{"packets.rx", FIELD_INTEGER, "received"},
	{"packets.tx", FIELD_INTEGER, "sent"},
	{"packets.held", FIELD_INTEGER, "waiting inside"},
	{"packets.drops", FIELD_INTEGER, "dropped, all reasons"},
	{"alarms[].alarm", FIELD_STRING, "name of the condition that holds"},
	{"alarms[].severity", FIELD_STRING, "warning, or error: packets are lost"},
	{"alarms[].subject", FIELD_STRING, "the port, tunnel or address that it is about"},
	{"alarms[].text", FIELD_STRING, "what was seen"},
	{"alarms[].help", FIELD_STRING, "what to do about it"},
	{"alarms[].since_s", FIELD_INTEGER, "seconds since it began"},
	{"alarms_missed", FIELD_INTEGER, "alarms that the list had no room for, since the start"},
	{"accounted", FIELD_BOOLEAN,
	 "rx + injected + handed_in + fragments_made = tx + held + fragments_joined + handed_out + "
	 "drops, "
	 "for each worker; took = rx_packets + lost on receive + waiting, for each port"},
	{NULL},
};

static uint64_t sum_drops(const struct worker_counters *c)
{
	uint64_t sum = 0;

	for (size_t d = DROP_NONE + 1; d < DROP_COUNT; d++)
		sum += c->drops[d];
	return sum;
}

static json_t *describe_losses(const struct port_stats *stats)
{
	json_t *list = json_array();

	for (size_t i = 0; i < PORT_LOSSES; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "reason",
						      port_loss_infos[i].name, "help",
						      port_loss_infos[i].help, "packets",
						      (json_int_t)stats->lost[i]));
	return list;
}

/* What was lost before or after the workers. */
static json_t *describe_outside(const struct port *port, bool *accounted)
{
	struct port_steer_counts kernel;
	struct port_stats stats;

	port_read_steer_counts(port, &kernel);
	port_read_stats(port, &stats);
	*accounted = *accounted && stats.accounted;
	return json_pack("{s:{s:I, s:I, s:I, s:I}, s:I, s:I, s:I, s:o, s:{s:I, s:I, s:I, s:I}}",
			 "kernel", "tunnel", (json_int_t)kernel.tunnel, "egress",
			 (json_int_t)kernel.egress, "arp", (json_int_t)kernel.arp, "passed",
			 (json_int_t)kernel.passed, "took", (json_int_t)stats.took, "waiting",
			 (json_int_t)stats.waiting, "lost_packets",
			 (json_int_t)port_sum_lost(&stats), "lost", describe_losses(&stats),
			 "rings", "rx_invalid", (json_int_t)stats.rx_invalid, "fill_ring_empty",
			 (json_int_t)stats.fill_ring_empty, "tx_ring_empty",
			 (json_int_t)stats.tx_ring_empty, "no_buffer", (json_int_t)stats.no_buffer);
}

static json_t *describe_queue(const struct api_context *ctx, const struct port *port, unsigned q)
{
	const struct worker_port *w = &port->worker;
	static const char *const modes[] = {[PORT_COPY_EACH] = "copy",
					    [PORT_COPY_NONE] = "zero_copy",
					    [PORT_COPY_UNKNOWN] = NULL};
	unsigned n_tx = w->n_tx == 0 ? w->n_queues : w->n_tx;

	return json_pack("{s:i, s:i, s:b, s:s?, s:I}", "queue",
			 w->queues != NULL ? w->queues[q].of_nic : (int)q, "worker",
			 (int)(q % ctx->n_workers), "transmits",
			 (int)(q < n_tx && q < ctx->n_workers), "mode",
			 modes[port_queue_copy(port, q)], "lost",
			 (json_int_t)port_queue_lost(port, q));
}

static void describe_queues(const struct api_context *ctx, const struct port *port, json_t *obj)
{
	unsigned n = port->state == PORT_MISSING || port->state == PORT_CLOSED
			     ? 0
			     : port->worker.n_queues;
	json_t *list = json_array();
	char hint[PORT_HINT_SIZE];

	for (unsigned q = 0; q < n; q++)
		json_array_append_new(list, describe_queue(ctx, port, q));
	port_queue_hint(port, (unsigned)ctx->n_workers, hint);
	json_object_set_new(obj, "queues", list);
	json_object_set_new(obj, "hint", hint[0] != '\0' ? json_string(hint) : json_null());
}

static json_t *describe_port(const struct api_context *ctx, size_t i, bool *accounted)
{
	const struct port *port = &ctx->ports->ports[i];
	const char *interface = port->config->interface;
	struct port_counters c;
	json_t *outside = describe_outside(port, accounted), *obj;

	sum_port(ctx, i, &c);
	obj = json_pack("{s:s, s:s, s:s?, s:s, s:s?, s:i, s:I, s:I, s:I, s:I, s:I, s:I}", "name",
			port->config->name, "driver", config_driver_name(port->config->driver),
			"interface", interface[0] != '\0' ? interface : NULL, "state",
			port_state_name(port->state), "reason",
			port->reason[0] != '\0' ? port->reason : NULL, "mtu",
			(int)(port->mtu != 0 ? port->mtu : port->worker.mtu), "rx_packets",
			(json_int_t)c.rx_packets, "rx_bytes", (json_int_t)c.rx_bytes, "tx_packets",
			(json_int_t)c.tx_packets, "tx_bytes", (json_int_t)c.tx_bytes,
			"partial_checksums", (json_int_t)c.partial, "cut", (json_int_t)c.cut);
	json_object_update(obj, outside);
	json_decref(outside);
	describe_queues(ctx, port, obj);
	json_object_set_new(obj, "announced", json_integer((json_int_t)port->announcements.sent));
	json_object_set_new(obj, "conflicts",
			    json_integer((json_int_t)port->announcements.conflicts));
	return obj;
}

static json_t *describe_worker(const struct api_request *rq, size_t i, bool *accounted)
{
	struct worker_counters c;
	uint64_t drops, in, out;

	worker_read_counters(rq->ctx->workers[i], &c);
	drops = sum_drops(&c);
	in = c.rx + c.injected + c.handed_in + c.fragments_made;
	out = c.tx + c.held + c.fragments_joined + c.handed_out + drops;
	*accounted = *accounted && in == out;
	return json_pack(
		"{s:i, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I}",
		"index", (int)i, "busy", rq->busy[i], "flows", (json_int_t)c.flows, "rx",
		(json_int_t)c.rx, "tx", (json_int_t)c.tx, "held", (json_int_t)c.held, "drops",
		(json_int_t)drops, "injected", (json_int_t)c.injected, "handed_in",
		(json_int_t)c.handed_in, "handed_out", (json_int_t)c.handed_out, "fragments_made",
		(json_int_t)c.fragments_made, "fragments_joined", (json_int_t)c.fragments_joined,
		"hairpinned", (json_int_t)c.hairpinned, "clock_steps", (json_int_t)c.clock_steps,
		"asked", (json_int_t)c.asked, "spilled", (json_int_t)c.spilled);
}

static json_t *describe_alarm(const struct alarm *alarm)
{
	const struct alarm_info *info = &alarm_infos[alarm->kind];

	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "alarm", info->name, "severity",
			 alarm_severity_name(info->severity), "subject", alarm->subject, "text",
			 alarm->text, "help", info->help, "since_s",
			 (json_int_t)((mono_ms() - alarm->since_ms) / 1000));
}

static json_t *describe_ended(const struct worker_counters *sum)
{
	json_t *list = json_array();

	for (size_t i = ENDED_NOT + 1; i < ENDED_COUNT; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:I}", "reason", ended_infos[i].name,
						"help", ended_infos[i].help, "flows",
						(json_int_t)sum->flows_ended_by[i]));
	return list;
}

void status_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct api_context *ctx = rq->ctx;
	json_t *ports = json_array(), *workers = json_array(), *alarms = json_array();
	struct worker_counters sum;
	bool accounted = true;

	for (size_t i = 0; i < ctx->ports->n; i++)
		if (port_is_there(&ctx->ports->ports[i]))
			json_array_append_new(ports, describe_port(ctx, i, &accounted));
	for (size_t i = 0; i < ctx->n_workers; i++)
		json_array_append_new(workers, describe_worker(rq, i, &accounted));
	for (size_t i = 0; i < alarms_count(ctx->alarms); i++)
		json_array_append_new(alarms, describe_alarm(alarms_at(ctx->alarms, i)));
	sum_counters(ctx, &sum);
	reply->body = json_pack(
		"{s:s, s:i, s:I, s:s, s:o, s:o, s:{s:I, s:I, s:I, s:I, s:I, s:o, s:I, s:I}, "
		"s:{s:I, s:I, s:I, s:I}, s:o, s:I, s:b}",
		"version", HOMEWARD_VERSION, "pid", (int)getpid(), "uptime_s",
		(json_int_t)((mono_ns() - ctx->started_ns) / NS_PER_S), "config", ctx->config->file,
		"ports", ports, "workers", workers, "flows", "now", (json_int_t)sum.flows,
		"capacity", (json_int_t)ctx->config->flows_capacity, "created",
		(json_int_t)sum.flows_created, "kept", (json_int_t)sum.flows_kept, "ended",
		(json_int_t)sum.flows_ended, "ended_by", describe_ended(&sum), "moved",
		(json_int_t)sum.flows_moved, "rests_cut", (json_int_t)sum.rests_cut, "packets",
		"rx", (json_int_t)sum.rx, "tx", (json_int_t)sum.tx, "held", (json_int_t)sum.held,
		"drops", (json_int_t)sum_drops(&sum), "alarms", alarms, "alarms_missed",
		(json_int_t)alarms_missed(ctx->alarms), "accounted", (int)accounted);
	json_object_set_new(reply->body, "learned", learned_describe(ctx->bgp));
	json_object_set_new(reply->body, "control",
			    json_pack("{s:I, s:I}", "longest_turn_us",
				      (json_int_t)(ctx->loop->longest_ns / 1000), "recent_turn_us",
				      (json_int_t)(loop_recent_ns(ctx->loop) / 1000)));
}
