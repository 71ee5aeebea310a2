/* homeward sites: one line per site, with its traffic in both directions and its flows. */
#include "list.h"
#include "text.h"

#include <string.h>

const struct cli_option sites_options[] = {
	LIST_LIMIT("print at most COUNT sites"),
	{NULL},
};

static const struct table_column columns[] = {
	{"SITE", TABLE_LEFT},	       {"TUNNELS", TABLE_LEFT},	     {"SOURCES", TABLE_LEFT},
	{"PACKETS FROM", TABLE_RIGHT}, {"BYTES FROM", TABLE_RIGHT},  {"PACKETS TO", TABLE_RIGHT},
	{"BYTES TO", TABLE_RIGHT},     {"DROPPED", TABLE_RIGHT},     {"FLOWS", TABLE_RIGHT},
	{"HALF OPEN", TABLE_RIGHT},    {"NEW/S LIMIT", TABLE_RIGHT}, {"HOST REFUSED", TABLE_RIGHT},
	{"NO PORT", TABLE_RIGHT},      {"REFUSED", TABLE_RIGHT},     {NULL},
};

enum { SHOWN = 3, JOINED_SIZE = 256 };

/* The first few items of a list, and the number of the others. */
static void join(const json_t *list, const char *none, char out[JOINED_SIZE])
{
	size_t n = json_array_size(list), len = 0;

	snprintf(out, JOINED_SIZE, "%s", none);
	for (size_t i = 0; i < n && i < SHOWN; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		len += snprintf(out + len, JOINED_SIZE - len, "%s%.64s", i > 0 ? " " : "",
				text != NULL ? text : "-");
	}
	if (n > SHOWN)
		snprintf(out + len, JOINED_SIZE - len, " and %zu more", n - SHOWN);
}

/* Lists the prefixes, and then those that leave untranslated. */
static void cell_sources(struct table *t, const json_t *site)
{
	const json_t *global = json_object_get(site, "global_prefixes");
	char any[JOINED_SIZE], untranslated[JOINED_SIZE];

	join(json_object_get(site, "prefixes"), "any", any);
	join(global, "", untranslated);
	if (json_array_size(global) > 0)
		table_cell(t, "%s, untranslated %s", any, untranslated);
	else
		table_cell(t, "%s", any);
}

static void fill(struct table *t, const json_t *site)
{
	const json_t *limits;
	uint64_t no_room;
	char joined[JOINED_SIZE];

	table_cell(t, "%s", list_text(site, "name"));
	join(json_object_get(site, "tunnels"), "-", joined);
	table_cell(t, "%s", joined);
	cell_sources(t, site);
	list_cells_traffic(t, site);
	table_cell(t, "%s", text_count(client_number(site, "drops")).buf);
	table_cell(t, "%s", text_count(client_number(site, "flows")).buf);
	table_cell(t, "%s", text_count(client_number(site, "half_open")).buf);
	limits = json_object_get(site, "limits");
	table_cell(t, "%s", text_count(client_number(limits, "new_flows_per_second")).buf);
	table_cell(t, "%s", text_count(client_number(site, "refused_source")).buf);
	no_room = client_number(site, "refused_no_room");
	table_cell(t, "%s", text_count(no_room).buf);
	table_cell(t, "%s", text_count(client_number(site, "refused") + no_room).buf);
}

int sites_run(const struct cli *cli)
{
	static const char *const filters[] = {NULL};
	static const struct list list = {"/v1/sites", filters, "sites", columns, fill, "no sites"};

	return list_run(cli, &list);
}
