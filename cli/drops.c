/* homeward drops: why packets were not delivered, the most frequent reason first. */
#include "client.h"
#include "table.h"
#include "text.h"

#include <stdlib.h>

const struct cli_option drops_options[] = {
	{"all", NULL, "reasons without a packet, too"},
	{NULL},
};

static const struct table_column drop_columns[] = {
	{"DROPPED", TABLE_LEFT, 18},
	{"PACKETS", TABLE_RIGHT, 10},
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

/* How many rows were printed. */
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

int drops_run(const struct cli *cli)
{
	bool all = cli_value(cli, "all") != NULL;
	json_t *answer = client_get(cli, "/v1/drops");
	size_t shown;

	if (answer == NULL)
		return CLI_EXIT_FAILED;
	if (cli->json) {
		client_print_json(answer, cli->out);
		json_decref(answer);
		return CLI_EXIT_OK;
	}
	shown = print_list(json_object_get(answer, "drops"), "reason", all, drop_columns, cli->out);
	if (shown == 0)
		fprintf(cli->out, "nothing was dropped\n");
	if (shown > 0 || json_array_size(json_object_get(answer, "answers")) > 0)
		fputc('\n', cli->out);
	if (print_list(json_object_get(answer, "answers"), "name", all, answer_columns, cli->out) ==
	    0)
		fprintf(cli->out, "nothing was answered by the gateway itself\n");
	json_decref(answer);
	return CLI_EXIT_OK;
}
