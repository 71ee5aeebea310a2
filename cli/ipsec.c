/* homeward ipsec: one line for each SA of each IPsec tunnel; one for a tunnel without any. */
#include "list.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

const struct cli_option ipsec_options[] = {
	{"site", "NAME", "only the tunnels of this site"},
	LIST_LIMIT("print at most COUNT tunnels"),
	{NULL},
};

static const struct table_column columns[] = {
	{"TUNNEL", TABLE_LEFT},	   {"STATE", TABLE_LEFT},
	{"REMOTE", TABLE_LEFT},	   {"NAT", TABLE_LEFT},
	{"IKE", TABLE_RIGHT},	   {"SPI", TABLE_LEFT},
	{"", TABLE_LEFT},	   {"ALGORITHMS", TABLE_LEFT},
	{"AGE", TABLE_RIGHT},	   {"REKEY", TABLE_RIGHT},
	{"PACKETS", TABLE_RIGHT},  {"BYTES", TABLE_RIGHT},
	{"REPLAYED", TABLE_RIGHT}, {"FORGED", TABLE_RIGHT},
	{"WHY", TABLE_LEFT},	   {NULL},
};

enum { TUNNEL_CELLS = 5, SA_CELLS = 9 };

static void empty_cells(struct table *t, unsigned n)
{
	while (n-- > 0)
		table_cell(t, "-");
}

static void cell_age(struct table *t, uint64_t seconds)
{
	if (seconds == 0)
		table_cell(t, "-");
	else
		table_cell(t, "%s", text_duration(seconds).buf);
}

static void fill_tunnel(struct table *t, const json_t *tunnel)
{
	const char *port = list_text(tunnel, "remote_port");

	table_cell(t, "%s", list_text(tunnel, "tunnel"));
	table_cell(t, "%s", list_text(tunnel, "state"));
	if (strcmp(port, "-") == 0 || strcmp(port, "500") == 0)
		table_cell(t, "%s", list_text(tunnel, "remote"));
	else
		table_cell(t, "%s:%s", list_text(tunnel, "remote"), port);
	table_cell(t, "%s", list_text(tunnel, "nat"));
	cell_age(t, client_number(tunnel, "ike_s"));
}

static void fill_sa(struct table *t, const json_t *sa)
{
	const char *direction = list_text(sa, "direction");
	bool spare = strcmp(direction, "out") == 0 && !json_is_true(json_object_get(sa, "used"));

	table_cell(t, "%s", list_text(sa, "spi"));
	table_cell(t, "%s%s", direction, spare ? ", spare" : "");
	table_cell(t, "%s, %s", list_text(sa, "algorithms"), list_text(sa, "form"));
	table_cell(t, "%s", text_duration(client_number(sa, "age_s")).buf);
	cell_age(t, client_number(sa, "rekey_s"));
	table_cell(t, "%s", text_count(client_number(sa, "packets")).buf);
	table_cell(t, "%s", text_count(client_number(sa, "bytes")).buf);
	table_cell(t, "%s", text_count(client_number(sa, "replayed")).buf);
	table_cell(t, "%s", text_count(client_number(sa, "forged")).buf);
}

static void fill(struct table *t, const json_t *tunnel)
{
	const json_t *sas = json_object_get(tunnel, "sas"), *sa;
	size_t i;

	if (json_array_size(sas) == 0) {
		fill_tunnel(t, tunnel);
		empty_cells(t, SA_CELLS);
		table_cell(t, "%s", list_text(tunnel, "why"));
	}
	json_array_foreach(sas, i, sa)
	{
		if (i == 0)
			fill_tunnel(t, tunnel);
		else
			empty_cells(t, TUNNEL_CELLS);
		fill_sa(t, sa);
		empty_cells(t, 1);
	}
}

int ipsec_run(const struct cli *cli)
{
	static const char *const filters[] = {"site", NULL};
	static const struct list list = {"/v1/ipsec", filters, "ipsec",
					 columns,     fill,    "no IPsec tunnels"};

	return list_run(cli, &list);
}
