/*
 * homeward flows: source, destination and egress address of each flow.
 *
 * Prints some flows, or with --all all of them. All flows come line by line, and are printed as
 * they come: so memory holds a table of a thousand, however many there are. With --json they become
 * one list, with one flow per line, as the daemon has written it.
 */
#include "base/protocol.h"
#include "list.h"
#include "text.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	FLOWS_DEFAULT = 100,
	ROWS = 1000, /* of a table */
	PROGRESS_MS = 200,
};

const struct cli_option flows_options[] = {
	{"site", "NAME", "only flows that this site started"},
	{"tunnel", "NAME", "only flows whose replies go into this tunnel"},
	{"address", "ADDRESS",
	 "only flows with this address or prefix: source, destination or egress"},
	{"port", "PORT",
	 "only flows with this port or ICMP identifier: source, destination or egress"},
	{"protocol", "PROTOCOL", "only this protocol: " PROTOCOL_WORDS},
	LIST_LIMIT("print at most COUNT flows; 100 if not given"),
	{"all", NULL, "print all flows, as they are found"},
	{NULL},
};

static const char *const filters[] = {"site", "tunnel", "address", "port", "protocol", NULL};

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

/* What is printed of --all. */
struct dump {
	const struct cli *cli;
	uint64_t n; /* flows so far */
	json_t *rows; /* of the next table; NULL: with --json */
	bool titles; /* are printed */
	bool shows_progress;
	uint64_t shown_ms;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* On a terminal, unless the flows themselves go there. */
static void show_progress(struct dump *d)
{
	uint64_t now = now_ms();

	if (!d->shows_progress || now - d->shown_ms < PROGRESS_MS)
		return;
	d->shown_ms = now;
	fprintf(d->cli->err, "\r%s flows", text_count(d->n).buf);
	fflush(d->cli->err);
}

static void print_rows(struct dump *d)
{
	struct table *t;
	json_t *flow;
	size_t i;

	if (json_array_size(d->rows) == 0)
		return;
	t = table_create(columns);
	json_array_foreach(d->rows, i, flow) fill(t, flow);
	table_print(t, !d->titles, d->cli->out);
	table_destroy(t);
	json_array_clear(d->rows);
	d->titles = true;
}

/* The daemon writes plain ASCII; nothing else reaches a terminal. */
static void print_line(struct dump *d, char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	fputs(d->n == 0 ? "\n" : ",\n", d->cli->out);
	fwrite(line, 1, len, d->cli->out);
}

static bool take_flow(char *line, size_t len, void *arg)
{
	struct dump *d = arg;
	json_t *flow;

	if (d->rows == NULL) {
		print_line(d, line, len);
	} else {
		flow = json_loadb(line, len, 0, NULL);
		if (flow == NULL) {
			fprintf(d->cli->err, "homeward: the answer on %s is not JSON\n",
				d->cli->socket);
			return false;
		}
		json_array_append_new(d->rows, flow);
		if (json_array_size(d->rows) == ROWS)
			print_rows(d);
	}
	d->n++;
	show_progress(d);
	return !ferror(d->cli->out);
}

/* The end of a JSON list is printed only if the list is complete. */
static int run_all(const struct cli *cli)
{
	struct dump d = {
		.cli = cli,
		.rows = cli->json ? NULL : json_array(),
		.shows_progress = isatty(fileno(cli->err)) && !isatty(fileno(cli->out)),
	};
	int err;

	if (cli->json)
		fputs("{\"flows\": [", cli->out);
	err = client_get_lines(cli, "/v1/flows", filters, take_flow, &d);
	if (d.shown_ms != 0)
		fputs("\r\033[K", cli->err);
	print_rows(&d);
	if (cli->json && err == 0)
		fputs("\n], \"next_cursor\": null}\n", cli->out);
	else if (err == 0 && d.n == 0)
		fprintf(cli->out, "no flows\n");
	json_decref(d.rows);
	return err == 0 ? CLI_EXIT_OK : CLI_EXIT_FAILED;
}

int flows_run(const struct cli *cli)
{
	static const struct list list = {
		.path = "/v1/flows",
		.filters = filters,
		.field = "flows",
		.columns = columns,
		.fill = fill,
		.empty = "no flows",
		.more = "there are more; --all shows all",
		.limit = FLOWS_DEFAULT,
	};

	if (cli_value(cli, "all") == NULL)
		return list_run(cli, &list);
	if (cli_value(cli, "limit") == NULL)
		return run_all(cli);
	fprintf(cli->err, "homeward: --all and --limit exclude each other\n");
	return CLI_EXIT_WRONG;
}
