/*
 * homeward flows: source, destination and egress address of each flow.
 *
 * Prints one page, or with --all one page after the other as they arrive: so memory holds one page,
 * however many flows there are. With --json --all the pages become one list, with one flow per
 * line.
 */
#include "base/protocol.h"
#include "client.h"
#include "table.h"
#include "text.h"

#include <string.h>

enum { PAGE_OF_ALL = 1000, CURSOR_SIZE = 128 };

const struct cli_option flows_options[] = {
	{"site", "NAME", "only flows that this site started"},
	{"tunnel", "NAME", "only flows whose replies go into this tunnel"},
	{"address", "ADDRESS",
	 "only flows with this address or prefix: source, destination or egress"},
	{"port", "PORT",
	 "only flows with this port or ICMP identifier: source, destination or egress"},
	{"protocol", "PROTOCOL", "only this protocol: " PROTOCOL_WORDS},
	{"limit", "COUNT", "flows a page, 1 to 1000; 100 if not given"},
	{"all", NULL, "all flows, page after page"},
	{NULL},
};

static const char *const filters[] = {"site",	  "tunnel", "address", "port",
				      "protocol", "limit",  NULL};

static const struct table_column columns[] = {
	{"SITE", TABLE_LEFT, 8},
	{"TUNNEL", TABLE_LEFT, 8},
	{"PROTO", TABLE_LEFT},
	{"SOURCE", TABLE_RIGHT, 15},
	{"", TABLE_LEFT},
	{"DESTINATION", TABLE_LEFT, 18},
	{"EGRESS", TABLE_LEFT, 18},
	{"STATE", TABLE_LEFT, 11},
	{"PACKETS OUT/IN", TABLE_RIGHT},
	{"BYTES OUT/IN", TABLE_RIGHT, 17},
	{"IDLE", TABLE_RIGHT, 6},
	{NULL},
};

static bool has_ports(const char *protocol)
{
	return strcmp(protocol, "tcp") == 0 || strcmp(protocol, "udp") == 0;
}

/* ICMP destinations have no port; neither have flows that are known by their addresses only. */
static void cell_end(struct table *t, const json_t *flow, const char *address, const char *port)
{
	unsigned number = client_number(flow, port);

	if (number == 0 && !has_ports(client_text(flow, "protocol")))
		table_cell(t, "%s", client_text(flow, address));
	else
		table_cell(t, "%s:%u", client_text(flow, address), number);
}

static void fill(struct table *t, const json_t *flow)
{
	table_cell(t, "%s", client_text(flow, "site"));
	table_cell(t, "%s", client_text(flow, "tunnel"));
	table_cell(t, "%s", client_text(flow, "protocol"));
	cell_end(t, flow, "source", "source_port");
	table_cell(t, "->");
	cell_end(t, flow, "destination", "destination_port");
	cell_end(t, flow, "egress", "egress_port");
	table_cell(t, "%s", client_text(flow, "state"));
	table_cell(t, "%s / %s", text_count(client_number(flow, "packets_out")).buf,
		   text_count(client_number(flow, "packets_in")).buf);
	table_cell(t, "%s / %s", text_bytes(client_number(flow, "bytes_out")).buf,
		   text_bytes(client_number(flow, "bytes_in")).buf);
	table_cell(t, "%s", text_duration(client_number(flow, "idle_s")).buf);
}

static void print_table(const json_t *flows, bool titles, FILE *out)
{
	struct table *t = table_create(columns);
	json_t *flow;
	size_t i;

	json_array_foreach(flows, i, flow) fill(t, flow);
	table_print(t, titles, out);
	table_destroy(t);
}

static void print_lines(const json_t *flows, bool first, FILE *out)
{
	json_t *flow;
	size_t i;

	json_array_foreach(flows, i, flow)
	{
		fputs(first && i == 0 ? "\n" : ",\n", out);
		client_print_json_line(flow, out);
	}
}

static int run_page(const struct cli *cli)
{
	json_t *page = client_get_filtered(cli, "/v1/flows", filters, NULL);
	const json_t *flows = json_object_get(page, "flows");

	if (page == NULL)
		return CLI_EXIT_FAILED;
	if (cli->json)
		client_print_json(page, cli->out);
	else if (json_array_size(flows) == 0)
		fprintf(cli->out, "no flows\n");
	else
		print_table(flows, true, cli->out);
	if (!cli->json && json_is_string(json_object_get(page, "next_cursor")))
		fprintf(cli->out, "there are more; --all shows all\n");
	json_decref(page);
	return CLI_EXIT_OK;
}

/* Prints one page. @more becomes the query of the next page; "" after the last one. */
static int print_page(const struct cli *cli, char more[CURSOR_SIZE], uint64_t *n)
{
	json_t *page = client_get_filtered(cli, "/v1/flows", filters, more);
	const json_t *flows = json_object_get(page, "flows");
	const char *next = client_text(page, "next_cursor");
	size_t len = snprintf(more, CURSOR_SIZE, "%s%s", next[0] != '\0' ? "cursor=" : "", next);

	if (page == NULL)
		return CLI_EXIT_FAILED;
	if (cli->json)
		print_lines(flows, *n == 0, cli->out);
	else if (json_array_size(flows) > 0)
		print_table(flows, *n == 0, cli->out);
	*n += json_array_size(flows);
	json_decref(page);
	if (len < CURSOR_SIZE && strspn(more, "cursor=.0123456789") == len)
		return CLI_EXIT_OK;
	fprintf(cli->err, "homeward: the daemon sent an invalid cursor\n");
	return CLI_EXIT_FAILED;
}

static int run_all(const struct cli *cli)
{
	char limit[32], more[CURSOR_SIZE] = "";
	struct cli pages = *cli;
	uint64_t n = 0;
	int status;

	if (cli_value(cli, "limit") == NULL) {
		snprintf(limit, sizeof(limit), "%d", PAGE_OF_ALL);
		for (size_t i = 0; flows_options[i].name != NULL; i++)
			if (strcmp(flows_options[i].name, "limit") == 0)
				pages.values[i] = limit;
	}
	if (cli->json)
		fputs("{\"flows\": [", cli->out);
	do
		status = print_page(&pages, more, &n);
	while (status == CLI_EXIT_OK && more[0] != '\0' && !ferror(cli->out));
	if (cli->json)
		fputs("\n], \"next_cursor\": null}\n", cli->out);
	else if (status == CLI_EXIT_OK && n == 0)
		fprintf(cli->out, "no flows\n");
	return status;
}

int flows_run(const struct cli *cli)
{
	return cli_value(cli, "all") != NULL ? run_all(cli) : run_page(cli);
}
