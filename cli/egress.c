/* homeward egress: one line per slice. */
#include "list.h"
#include "text.h"

#include <inttypes.h>

const struct cli_option egress_options[] = {
	LIST_LIMIT("print the slices of at most COUNT addresses"),
	{NULL},
};

static const struct table_column columns[] = {
	{"POOL", TABLE_LEFT},	 {"UPLINK", TABLE_LEFT},
	{"ADDRESS", TABLE_LEFT}, {"PORTS", TABLE_RIGHT},
	{"IN USE", TABLE_RIGHT}, {"SHARE", TABLE_RIGHT},
	{"FLOWS", TABLE_RIGHT},	 {NULL},
};

static void fill_slice(struct table *t, const json_t *pool, const json_t *address,
		       const json_t *slice)
{
	uint64_t first = client_number(slice, "first_port");
	uint64_t last = client_number(slice, "last_port");
	uint64_t used = client_number(slice, "ports_in_use");

	table_cell(t, "%s", list_text(pool, "name"));
	table_cell(t, "%s", list_text(pool, "port"));
	table_cell(t, "%s", list_text(address, "address"));
	table_cell(t, "%" PRIu64 "-%" PRIu64, first, last);
	table_cell(t, "%s", text_count(used).buf);
	table_cell(t, "%s%s", text_share(used, last - first + 1).buf,
		   used + client_number(slice, "ports_kept") > last - first ? " full" : "");
	table_cell(t, "%s", text_count(client_number(slice, "flows")).buf);
}

static void fill(struct table *t, const json_t *pool)
{
	json_t *address, *slice;
	size_t i, j;

	json_array_foreach(json_object_get(pool, "addresses"), i, address)
		json_array_foreach(json_object_get(address, "slices"), j, slice)
			fill_slice(t, pool, address, slice);
}

int egress_run(const struct cli *cli)
{
	static const char *const filters[] = {NULL};
	static const struct list list = {
		.path = "/v1/egress",
		.filters = filters,
		.field = "pools",
		.inner = "addresses",
		.columns = columns,
		.fill = fill,
		.empty = "no egress pools",
	};

	return list_run(cli, &list);
}
