/*
 * homeward drops: why packets were not delivered, the most frequent reason first.
 *
 * Workers count what they dropped. Ports count what was lost before or after the workers. People
 * see both in one table, so that no loss is hidden.
 */
#include "client.h"
#include "table.h"
#include "text.h"

#include <stdlib.h>

const struct cli_option drops_options[] = {
	{"all", NULL, "reasons without packets, too"},
	{NULL},
};

static const struct table_column drop_columns[] = {
	{"DROPPED", TABLE_LEFT, 18},
	{"PACKETS", TABLE_RIGHT, 10},
	{"WHAT IT MEANS", TABLE_LEFT},
	{NULL},
};

static const struct table_column lost_columns[] = {
	{"LOST", TABLE_LEFT, 18},
	{"PACKETS", TABLE_RIGHT, 10},
	{"PORT", TABLE_LEFT},
	{"WHAT IT MEANS", TABLE_LEFT},
	{NULL},
};

static const struct table_column answer_columns[] = {
	{"ANSWERED", TABLE_LEFT, 18},
	{"PACKETS", TABLE_RIGHT, 10},
	{"WHAT IT MEANS", TABLE_LEFT},
	{NULL},
};

static int more_first(const void *a, const void *b)
{
	uint64_t x = client_number(*(json_t *const *)a, "packets");
	uint64_t y = client_number(*(json_t *const *)b, "packets");

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Prints the drops; returns the number of rows. */
static size_t print_list(const json_t *list, const char *name_field, bool all,
			 const struct table_column *columns, FILE *out)
{
	size_t n = json_array_size(list), shown = 0;
	json_t **rows = calloc(n + 1, sizeof(json_t *));
	struct table *t = table_create(columns);

	for (size_t i = 0; rows != NULL && i < n; i++)
		if (all || client_number(json_array_get(list, i), "packets") > 0)
			rows[shown++] = json_array_get(list, i);
	if (!all && rows != NULL)
		qsort(rows, shown, sizeof(rows[0]), more_first);
	for (size_t i = 0; i < shown; i++) {
		table_cell(t, "%s", client_text(rows[i], name_field));
		table_cell(t, "%s", text_count(client_number(rows[i], "packets")).buf);
		table_cell(t, "%s", client_text(rows[i], "help"));
	}
	if (shown > 0)
		table_print(t, true, out);
	table_destroy(t);
	free(rows);
	return shown;
}

/* Prints what was lost outside of the workers; returns the number of rows. */
static size_t print_lost(const json_t *ports, bool all, FILE *out)
{
	struct table *t = table_create(lost_columns);
	json_t *port, *loss;
	size_t shown = 0, i, k;

	json_array_foreach(ports, i, port)
	{
		json_array_foreach(json_object_get(port, "lost"), k, loss)
		{
			if (!all && client_number(loss, "packets") == 0)
				continue;
			table_cell(t, "%s", client_text(loss, "reason"));
			table_cell(t, "%s", text_count(client_number(loss, "packets")).buf);
			table_cell(t, "%s", client_text(port, "name"));
			table_cell(t, "%s", client_text(loss, "help"));
			shown++;
		}
	}
	if (shown > 0) {
		fputc('\n', out);
		table_print(t, true, out);
	}
	table_destroy(t);
	return shown;
}

static void print_all(const struct cli *cli, const json_t *answer, const json_t *status, bool all)
{
	FILE *out = cli->out;

	if (print_list(json_object_get(answer, "drops"), "reason", all, drop_columns, out) == 0)
		fprintf(out, "no worker dropped a packet\n");
	if (print_lost(json_object_get(status, "ports"), all, out) == 0)
		fprintf(out, "\nno port lost a packet\n");
	fputc('\n', out);
	if (print_list(json_object_get(answer, "answers"), "name", all, answer_columns, out) == 0)
		fprintf(out, "nothing was answered by the gateway itself\n");
	if (json_array_size(json_object_get(status, "alarms")) > 0)
		fprintf(out, "\nthere are alarms: homeward status\n");
}

int drops_run(const struct cli *cli)
{
	bool all = cli_value(cli, "all") != NULL;
	json_t *answer = client_get(cli, "/v1/drops"), *status = NULL;
	int result = CLI_EXIT_FAILED;

	if (answer != NULL && cli->json) {
		client_print_json(answer, cli->out);
		result = CLI_EXIT_OK;
	} else if (answer != NULL) {
		status = client_get(cli, "/v1/status");
		if (status != NULL)
			print_all(cli, answer, status, all);
		result = status != NULL ? CLI_EXIT_OK : CLI_EXIT_FAILED;
	}
	json_decref(status);
	json_decref(answer);
	return result;
}
