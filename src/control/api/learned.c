/* What is learned from kernel tables, for the status of the gateway. */
#include "control/api/handlers.h"

#include "control/bgp/bgp.h"

static json_t *describe_table(const struct bgp *bgp, size_t i)
{
	static const char *const names[] = {[LEARNED_GATEWAY] = "unknown_gateway",
					    [LEARNED_DEFAULT] = "too_short",
					    [LEARNED_ITSELF] = "own_far_end"};
	struct bgp_table t = bgp_table(bgp, i);
	json_t *obj = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I}", "owner", t.owner, "network",
				(int)t.of_network, "table", (json_int_t)t.table->number, "routes",
				(json_int_t)table_n(t.table), "limit", (json_int_t)t.table->limit,
				"over_limit", (json_int_t)t.table->n_refused, "routes_drifted",
				(json_int_t)t.table->n_drifted);

	for (enum learned_refusal why = 0; why < LEARNED_REFUSALS; why++) {
		const struct prefix6 *example;

		json_object_set_new(obj, names[why],
				    json_integer((json_int_t)learned_refused(
					    bgp_learned(bgp), t.source, why, &example)));
	}
	return obj;
}

json_t *learned_describe(const struct bgp *bgp)
{
	static const struct relay_counts no_relay;
	static const struct tables_counts no_tables;
	const struct tables_counts *c = bgp == NULL ? &no_tables : bgp_counts(bgp);
	const struct relay_counts *relay = bgp == NULL ? NULL : bgp_relay_counts(bgp);
	json_t *tables = json_array();

	for (size_t i = 0; bgp != NULL && i < bgp_n_tables(bgp); i++)
		json_array_append_new(tables, describe_table(bgp, i));
	if (relay == NULL)
		relay = &no_relay;
	return json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "tables", tables,
			 "events", (json_int_t)c->events, "events_lost", (json_int_t)c->lost,
			 "dumps", (json_int_t)c->dumps, "bursts", (json_int_t)c->bursts,
			 "sessions_in", (json_int_t)relay->to_kernel, "sessions_out",
			 (json_int_t)relay->to_tunnels, "sessions_strange",
			 (json_int_t)relay->no_tunnel, "sessions_lost", (json_int_t)relay->lost);
}
