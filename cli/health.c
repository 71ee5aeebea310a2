/* homeward health: one line per tunnel, with its state and the probes behind it. */
#include "list.h"
#include "text.h"

#include <inttypes.h>

const struct cli_option health_options[] = {
	{"site", "NAME", "only the tunnels of this site"},
	LIST_LIMIT("print at most COUNT tunnels"),
	{NULL},
};

static const struct table_column columns[] = {
	{"TUNNEL", TABLE_LEFT}, {"SITE", TABLE_LEFT},	{"STATE", TABLE_LEFT},
	{"SINCE", TABLE_RIGHT}, {"PROBE", TABLE_LEFT},	{"TARGET", TABLE_LEFT},
	{"LOSS", TABLE_RIGHT},	{"RTT", TABLE_RIGHT},	{"PENALTY", TABLE_RIGHT},
	{"USED", TABLE_LEFT},	{"REASON", TABLE_LEFT}, {NULL},
};

static void cell_rtt(struct table *t, const json_t *tunnel)
{
	uint64_t us = client_number(tunnel, "rtt_us");

	if (us == 0)
		table_cell(t, "-");
	else
		table_cell(t, "%" PRIu64 ".%02" PRIu64 " ms", us / 1000, us % 1000 / 10);
}

static void fill(struct table *t, const json_t *tunnel)
{
	uint64_t sent = client_number(tunnel, "recent_sent");

	table_cell(t, "%s", list_text(tunnel, "tunnel"));
	table_cell(t, "%s", list_text(tunnel, "site"));
	table_cell(t, "%s", list_text(tunnel, "state"));
	table_cell(t, "%s", text_duration(client_number(tunnel, "since_s")).buf);
	table_cell(t, "%s", list_text(tunnel, "probe"));
	table_cell(t, "%s", list_text(tunnel, "target"));
	if (sent > 0)
		table_cell(t, "%s", text_share(client_number(tunnel, "recent_lost"), sent).buf);
	else
		table_cell(t, "-");
	cell_rtt(t, tunnel);
	table_cell(t, "%s", text_count(client_number(tunnel, "penalty")).buf);
	table_cell(t, "%s", list_text(tunnel, "used"));
	table_cell(t, "%s", list_text(tunnel, "reason"));
}

int health_run(const struct cli *cli)
{
	static const char *const filters[] = {"site", NULL};
	static const struct list list = {"/v1/health", filters, "health",
					 columns,      fill,	"no tunnels"};

	return list_run(cli, &list);
}
