/* homeward networks: one line per virtual network. */
#include "list.h"
#include "text.h"

const struct cli_option networks_options[] = {
	LIST_LIMIT("print at most COUNT networks"),
	{NULL},
};

static const struct table_column columns[] = {
	{"NETWORK", TABLE_LEFT}, {"EGRESS", TABLE_LEFT},   {"SITES", TABLE_RIGHT},
	{"ROUTES", TABLE_RIGHT}, {"LEARNED", TABLE_RIGHT}, {NULL},
};

static void fill(struct table *t, const json_t *network)
{
	const char *egress = json_string_value(json_object_get(network, "egress"));

	table_cell(t, "%s", list_text(network, "name"));
	table_cell(t, "%s", egress != NULL ? egress : "none");
	table_cell(t, "%s", text_count(client_number(network, "sites")).buf);
	table_cell(t, "%s", text_count(client_number(network, "routes")).buf);
	table_cell(t, "%s", text_count(client_number(network, "learned")).buf);
}

int networks_run(const struct cli *cli)
{
	static const char *const filters[] = {NULL};
	static const struct list list = {"/v1/networks", filters, "networks",
					 columns,	 fill,	  "no networks"};

	return list_run(cli, &list);
}
