/* One list of the API as one table: see list.h. */
#include "list.h"

#include "text.h"

int list_run(const struct cli *cli, const struct list *list)
{
	json_t *answer = client_get_filtered(cli, list->path, list->filters, NULL), *item;
	const json_t *items = json_object_get(answer, list->field);
	struct table *t;
	size_t i;

	if (answer == NULL)
		return CLI_EXIT_FAILED;
	if (cli->json) {
		client_print_json(answer, cli->out);
	} else if (json_array_size(items) == 0) {
		fprintf(cli->out, "%s\n", list->empty);
	} else {
		t = table_create(list->columns);
		json_array_foreach(items, i, item) list->fill(t, item);
		table_print(t, true, cli->out);
		table_destroy(t);
	}
	json_decref(answer);
	return CLI_EXIT_OK;
}

const char *list_text(const json_t *item, const char *name)
{
	const char *text = client_text(item, name);

	return text[0] != '\0' ? text : "-";
}

void list_cells_traffic(struct table *t, const json_t *item)
{
	table_cell(t, "%s", text_count(client_number(item, "rx_packets")).buf);
	table_cell(t, "%s", text_bytes(client_number(item, "rx_bytes")).buf);
	table_cell(t, "%s", text_count(client_number(item, "tx_packets")).buf);
	table_cell(t, "%s", text_bytes(client_number(item, "tx_bytes")).buf);
}
