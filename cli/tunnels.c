/* homeward tunnels: one line per tunnel, with its two ends and its traffic. */
#include "list.h"
#include "text.h"
#include "unknown.h"

#include <inttypes.h>

const struct cli_option tunnels_options[] = {
	{"site", "NAME", "only the tunnels of this site"},
	LIST_LIMIT("print at most COUNT tunnels"),
	{"unknown", NULL, "list senders whose packets no tunnel takes, as configuration to paste"},
	{NULL},
};

static const struct table_column columns[] = {
	{"TUNNEL", TABLE_LEFT},
	{"SITE", TABLE_LEFT},
	{"TYPE", TABLE_LEFT},
	{"PORT", TABLE_LEFT},
	{"LOCAL", TABLE_LEFT},
	{"REMOTE", TABLE_LEFT},
	{"KEY", TABLE_RIGHT},
	{"MTU", TABLE_RIGHT},
	{"PATH", TABLE_RIGHT},
	{"BOUND", TABLE_LEFT},
	{"PACKETS IN", TABLE_RIGHT},
	{"BYTES IN", TABLE_RIGHT},
	{"PACKETS OUT", TABLE_RIGHT},
	{"BYTES OUT", TABLE_RIGHT},
	{"HEALTH", TABLE_LEFT},
	{"KEEPALIVE", TABLE_LEFT},
	{"PEER", TABLE_LEFT},
	{"DROPPED", TABLE_RIGHT},
	{NULL},
};

/* An interconnect has no outer addresses: those of its link stand there, and its VLAN as key. */
static void fill_ends(struct table *t, const json_t *tunnel)
{
	bool link = !json_is_string(json_object_get(tunnel, "local"));
	bool four = json_is_string(json_object_get(tunnel, "peer"));
	const char *key = link ? "vlan" : "key";

	table_cell(t, "%s", list_text(tunnel, !link ? "local" : four ? "address" : "address6"));
	table_cell(t, "%s", list_text(tunnel, !link ? "remote" : four ? "peer" : "peer6"));
	if (json_is_integer(json_object_get(tunnel, key)))
		table_cell(t, "%s%" PRIu64, link ? "vlan " : "", client_number(tunnel, key));
	else
		table_cell(t, "-");
}

static void fill(struct table *t, const json_t *tunnel)
{
	table_cell(t, "%s", list_text(tunnel, "name"));
	table_cell(t, "%s", list_text(tunnel, "site"));
	table_cell(t, "%s", list_text(tunnel, "type"));
	table_cell(t, "%s", list_text(tunnel, "port"));
	fill_ends(t, tunnel);
	table_cell(t, "%" PRIu64, client_number(tunnel, "mtu"));
	table_cell(t, "%" PRIu64, client_number(tunnel, "path_mtu"));
	table_cell(t, "%s", list_text(tunnel, "mtu_bound"));
	list_cells_traffic(t, tunnel);
	table_cell(t, "%s", list_text(tunnel, "health"));
	table_cell(t, "%s", list_text(tunnel, "keepalive"));
	table_cell(t, "%s", list_text(tunnel, "peer_state"));
	table_cell(t, "%s", text_count(client_number(tunnel, "drops")).buf);
}

int tunnels_run(const struct cli *cli)
{
	static const char *const filters[] = {"site", NULL};
	static const struct list list = {"/v1/tunnels", filters, "tunnels",
					 columns,	fill,	 "no tunnels"};

	if (cli_value(cli, "unknown") != NULL)
		return unknown_run(cli);
	return list_run(cli, &list);
}
