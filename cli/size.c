/*
 * homeward size: how many slices, flows and bytes does a number of users need, and what does one
 * slice carry? The arithmetic is in control/config/sizing.c; docs/sizing.md explains it.
 *
 * Needs no daemon. Timeouts, workers and slice size come from --config, or are the defaults.
 */
#include "base/err.h"
#include "cli.h"
#include "client.h"
#include "control/config/sizing.h"
#include "table.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct cli_option size_options[] = {
	{"sites", "COUNT", "sites; if not given those of --config, or 10"},
	{"users", "COUNT", "users of each site; 50 if not given"},
	{"flows", "COUNT", "flows of a user at once, without DNS; 100 if not given"},
	{"new-flows", "COUNT", "new flows of a user a second, without DNS; 0.5 if not given"},
	{"dns", "COUNT", "DNS queries of a user a second; 0.2 if not given"},
	{"resolvers", "COUNT", "resolvers that get the DNS queries in equal parts; 2 if not given"},
	{"peak", "PERCENT", "share of the flows towards one destination; 10 if not given"},
	{"config", "FILE", "take timeouts, workers, ports and slice size from this file"},
	{NULL},
};

/* The least that a file must contain; all else has a default. */
static const char smallest[] =
	"ports: [{name: underlay, interface: eth0}, {name: uplink, interface: eth1}]\n"
	"sites:\n"
	"- {name: a, tunnels: [{name: a, port: underlay, local: 192.0.2.1, remote: 192.0.2.2}]}\n"
	"egress: [{name: e, port: uplink, addresses: [{address: 198.51.100.1}]}]\n";

/*
 * Reads option @name, with up to three decimals if @unit is SIZING_MILLI. -EINVAL after a sentence.
 */
static int read_number(const struct cli *cli, const char *name, uint64_t min, uint64_t max,
		       unsigned unit, uint64_t *value)
{
	const char *text = cli_value(cli, name), *at = text;
	uint64_t n = 0, scale = unit;
	bool has_digit = false, is_behind = false;

	if (text == NULL)
		return 0;
	for (; *at != '\0' && n <= max * unit; at++) {
		if (*at == '.' && !is_behind && unit > 1) {
			is_behind = true;
			continue;
		}
		if (*at < '0' || *at > '9' || (is_behind && scale == 1))
			break;
		has_digit = true;
		if (is_behind) {
			scale /= 10;
			n += (uint64_t)(*at - '0') * scale;
		} else {
			n = n * 10 + (uint64_t)(*at - '0') * unit;
		}
	}
	if (*at != '\0' || !has_digit || n < min * unit || n > max * unit) {
		fprintf(cli->err,
			"homeward: --%s must be a number from %" PRIu64 " to %" PRIu64 "%s\n", name,
			min, max, unit > 1 ? ", with three decimals at most" : "");
		return -EINVAL;
	}
	*value = n;
	return 0;
}

static int read_demand(const struct cli *cli, struct sizing_demand *d)
{
	if (read_number(cli, "sites", 1, SPEC_SITES_MAX, 1, &d->sites) < 0 ||
	    read_number(cli, "users", 1, SIZING_USERS_MAX, 1, &d->users) < 0 ||
	    read_number(cli, "flows", 0, SIZING_FLOWS_MAX, 1, &d->flows) < 0 ||
	    read_number(cli, "new-flows", 0, SIZING_RATE_MAX, SIZING_MILLI, &d->new_milli) < 0 ||
	    read_number(cli, "dns", 0, SIZING_RATE_MAX, SIZING_MILLI, &d->dns_milli) < 0 ||
	    read_number(cli, "resolvers", 1, SIZING_USERS_MAX, 1, &d->resolvers) < 0 ||
	    read_number(cli, "peak", 0, 100, 1, &d->peak_percent) < 0)
		return -EINVAL;
	if (d->sites * d->users > SIZING_USERS_MAX) {
		fprintf(cli->err, "homeward: %" PRIu64 " users are too many: at most %d in all\n",
			d->sites * d->users, SIZING_USERS_MAX);
		return -EINVAL;
	}
	return 0;
}

static struct config *read_config(const struct cli *cli)
{
	const char *file = cli_value(cli, "config");
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config =
		file != NULL ? config_load(file, &errs)
			     : config_parse("defaults", smallest, sizeof(smallest) - 1, &errs);

	err_print(&errs, cli->err);
	err_list_fini(&errs);
	return config;
}

/* Prints 0.5, 12, 15.4: three digits at most; from 100 on without decimals. */
static struct text rate_text(uint64_t milli)
{
	struct text t;

	if (milli % SIZING_MILLI == 0 || milli >= 100 * SIZING_MILLI)
		return text_count(milli / SIZING_MILLI);
	snprintf(t.buf, sizeof(t.buf), "%.3g", (double)milli / SIZING_MILLI);
	return t;
}

static struct text rate_counted(uint64_t milli, const char *one, const char *many)
{
	struct text t, rate = rate_text(milli);

	snprintf(t.buf, sizeof(t.buf), "%.32s %s", rate.buf, milli == SIZING_MILLI ? one : many);
	return t;
}

static void print_demand(const struct config *config, const struct sizing_demand *d,
			 const struct sizing *s, FILE *out)
{
	const struct sizing_dns dns = sizing_dns(config);

	fprintf(out, "%s in %s; %s at once, ",
		text_counted(d->sites * d->users, "user", "users").buf,
		text_counted(d->sites, "site", "sites").buf,
		text_counted(s->flows, "flow", "flows").buf);
	fprintf(out, "%s a second,\n%" PRIu64 " %% of them to one destination; ",
		rate_counted(s->new_milli, "new one", "new ones").buf, d->peak_percent);
	fprintf(out, "%s a second to %s;\nworkers %u, ",
		rate_counted(s->dns_milli, "DNS query", "DNS queries").buf,
		text_counted(d->resolvers, "resolver", "resolvers").buf, config->workers);
	fprintf(out, "dns-answered %u s, dns %u s, port-rest %u s\n", dns.answered_s, dns.waiting_s,
		config->port_rest);
}

static void row(struct table *t, const char *what, struct text rested, struct text least)
{
	table_cell(t, "%s", what);
	table_cell(t, "%s", rested.buf);
	table_cell(t, "%s", least.buf);
}

static void count_row(struct table *t, const char *what, uint64_t rested, uint64_t least)
{
	row(t, what, text_count(rested), text_count(least));
}

static struct text bytes_or_none(uint64_t bytes)
{
	struct text none = {"-"};

	return bytes > 0 ? text_bytes(bytes) : none;
}

static void print_need(const struct sizing *s, FILE *out)
{
	static const struct table_column columns[] = {
		{"NEEDED", TABLE_LEFT},
		{"PORTS REST", TABLE_RIGHT},
		{"AT LEAST", TABLE_RIGHT},
		{NULL},
	};
	const struct sizing_need *r = &s->needs[SIZING_RESTED], *l = &s->needs[SIZING_LEAST];
	struct table *t = table_create(columns);
	char slices[2 * TEXT_SIZE];

	snprintf(slices, sizeof(slices), "slices of %s ports", text_count(s->slice_size).buf);
	count_row(t, slices, r->slices, l->slices);
	count_row(t, "  towards one destination", r->peak_slices, l->peak_slices);
	count_row(t, "  towards each resolver", r->dns_slices, l->dns_slices);
	count_row(t, "  if endpoint-independent", r->own_slices, l->own_slices);
	count_row(t, "egress addresses", r->addresses, l->addresses);
	count_row(t, "flows.capacity", r->capacity, l->capacity);
	row(t, "memory of flows", bytes_or_none(r->flow_bytes), bytes_or_none(l->flow_bytes));
	row(t, "memory of packet buffers", text_bytes(s->buffer_bytes),
	    text_bytes(s->buffer_bytes));
	table_print(t, 1, out);
	table_destroy(t);
	if (r->flow_bytes == 0)
		fprintf(out, "One gateway has %s flows at most: use several.\n",
			text_count(SIZING_CAPACITY_MAX).buf);
}

static void print_slice(const struct sizing *s, FILE *out)
{
	static const struct table_column columns[] = {
		{"ONE SLICE, TOWARDS ONE RESOLVER", TABLE_LEFT},
		{"PORTS REST", TABLE_RIGHT},
		{"AT MOST", TABLE_RIGHT},
		{NULL},
	};
	const struct sizing_need *r = &s->needs[SIZING_RESTED], *l = &s->needs[SIZING_LEAST];
	struct table *t = table_create(columns);

	count_row(t, "ports", r->ports, l->ports);
	count_row(t, "ports of each worker", r->worker_ports, l->worker_ports);
	row(t, "DNS queries a second", rate_text(r->dns_milli), rate_text(l->dns_milli));
	row(t, "  while no answer comes", rate_text(r->unanswered_milli),
	    rate_text(l->unanswered_milli));
	table_print(t, 1, out);
	table_destroy(t);
}

static json_t *describe_need(const struct sizing_need *n)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:f, s:f}}",
			 "slices", (json_int_t)n->slices, "slices_one_destination",
			 (json_int_t)n->peak_slices, "slices_resolver", (json_int_t)n->dns_slices,
			 "slices_endpoint_independent", (json_int_t)n->own_slices, "addresses",
			 (json_int_t)n->addresses, "flows", (json_int_t)n->flows, "capacity",
			 (json_int_t)n->capacity, "flow_bytes", (json_int_t)n->flow_bytes,
			 "one_slice", "ports", (json_int_t)n->ports, "ports_of_worker",
			 (json_int_t)n->worker_ports, "dns_queries_per_second",
			 (double)n->dns_milli / SIZING_MILLI, "unanswered_per_second",
			 (double)n->unanswered_milli / SIZING_MILLI);
}

static void print_json(const struct sizing_demand *d, const struct sizing *s, FILE *out)
{
	json_t *json = json_pack(
		"{s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:I, s:I, s:o, s:o}", "sites",
		(json_int_t)d->sites, "users", (json_int_t)(d->sites * d->users), "flows",
		(json_int_t)s->flows, "new_flows_per_second", (double)s->new_milli / SIZING_MILLI,
		"dns_queries_per_second", (double)s->dns_milli / SIZING_MILLI, "slice_size",
		(json_int_t)s->slice_size, "slices_of_address", (json_int_t)s->slices_of_address,
		"buffers", (json_int_t)s->buffers, "buffer_bytes", (json_int_t)s->buffer_bytes,
		"ports_rest", describe_need(&s->needs[SIZING_RESTED]), "at_least",
		describe_need(&s->needs[SIZING_LEAST]));

	client_print_json(json, out);
	json_decref(json);
}

int size_run(const struct cli *cli)
{
	struct sizing_demand demand = {.sites = 10,
				       .users = 50,
				       .flows = 100,
				       .new_milli = 500,
				       .dns_milli = 200,
				       .resolvers = 2,
				       .peak_percent = 10};
	struct config *config = read_config(cli);
	struct sizing sizing;
	int status = CLI_EXIT_WRONG;

	if (config != NULL && cli_value(cli, "config") != NULL)
		demand.sites = config->network.n_sites;
	if (config != NULL && read_demand(cli, &demand) == 0) {
		status = CLI_EXIT_OK;
		sizing_compute(config, &demand, &sizing);
		if (cli->json) {
			print_json(&demand, &sizing, cli->out);
		} else {
			print_demand(config, &demand, &sizing, cli->out);
			fputc('\n', cli->out);
			print_need(&sizing, cli->out);
			fputc('\n', cli->out);
			print_slice(&sizing, cli->out);
		}
	}
	config_destroy(config);
	return status;
}
