/*
 * homeward routes: one line per target of a route. homeward routes lookup: where an address leads,
 * step by step.
 */
#include "list.h"
#include "text.h"

#include <inttypes.h>

enum { LOOKUP_URL_SIZE = 512 };

const struct cli_option routes_options[] = {
	{"network", "NAME", "only the routes of this network"},
	LIST_LIMIT("print at most COUNT routes"),
	{NULL},
};

static const struct table_column columns[] = {
	{"NETWORK", TABLE_LEFT}, {"PREFIX", TABLE_LEFT},    {"TO", TABLE_LEFT},
	{"SOURCE", TABLE_LEFT},	 {"PRIORITY", TABLE_RIGHT}, {"PENALTY", TABLE_RIGHT},
	{"WEIGHT", TABLE_RIGHT}, {"USED", TABLE_LEFT},	    {NULL},
};

static void cell_target(struct table *t, const json_t *target)
{
	const char *name = json_string_value(json_object_get(target, "name"));
	bool plain = !json_is_true(json_object_get(target, "untranslated"));

	if (name != NULL)
		table_cell(t, "%s %s%s", list_text(target, "kind"), name,
			   plain ? "" : ", untranslated");
	else
		table_cell(t, "%s", list_text(target, "kind"));
	table_cell(t, "%s", json_is_true(json_object_get(target, "learned")) ? "learned" : "file");
	table_cell(t, "%" PRIu64, client_number(target, "priority"));
	table_cell(t, "%s", text_count(client_number(target, "penalty")).buf);
	table_cell(t, "%" PRIu64, client_number(target, "weight"));
	table_cell(t, "%s", json_is_true(json_object_get(target, "used")) ? "yes" : "no");
}

static void fill(struct table *t, const json_t *route)
{
	json_t *target;
	size_t i;

	json_array_foreach(json_object_get(route, "targets"), i, target)
	{
		table_cell(t, "%s", list_text(route, "network"));
		table_cell(t, "%s", list_text(route, "prefix"));
		cell_target(t, target);
	}
}

int routes_run(const struct cli *cli)
{
	static const char *const filters[] = {"network", NULL};
	static const struct list list = {"/v1/routes", filters, "routes",
					 columns,      fill,	"no routes"};

	return list_run(cli, &list);
}

/* --- lookup ----------------------------------------------------------------------------------- */

static const struct table_column step_columns[] = {
	{"NETWORK", TABLE_LEFT},   {"PREFIX", TABLE_LEFT},
	{"TO", TABLE_LEFT},	   {"SOURCE", TABLE_LEFT},
	{"PRIORITY", TABLE_RIGHT}, {"PENALTY", TABLE_RIGHT},
	{"WEIGHT", TABLE_RIGHT},   {"USED", TABLE_LEFT},
	{"WHY NOT", TABLE_LEFT},   {NULL},
};

static void fill_step(struct table *t, const json_t *step)
{
	const char *why;
	json_t *target;
	size_t i;

	json_array_foreach(json_object_get(step, "targets"), i, target)
	{
		why = json_string_value(json_object_get(target, "why_not"));
		table_cell(t, "%s", list_text(step, "network"));
		table_cell(t, "%s", list_text(step, "prefix"));
		cell_target(t, target);
		table_cell(t, "%s", why != NULL ? why : "");
	}
}

static bool has_targets(const json_t *steps)
{
	return json_array_size(json_object_get(json_array_get(steps, 0), "targets")) > 0;
}

static void print_lookup(const json_t *answer, FILE *out)
{
	const json_t *steps = json_object_get(answer, "steps");
	struct table *t = table_create(step_columns);
	json_t *step;
	size_t i;

	json_array_foreach(steps, i, step) fill_step(t, step);
	if (has_targets(steps))
		table_print(t, true, out);
	table_destroy(t);
	fprintf(out, "%s%s\n", has_targets(steps) ? "\n" : "", client_text(answer, "answer"));
}

int routes_lookup_run(const struct cli *cli)
{
	char url[LOOKUP_URL_SIZE] = "/v1/routes/lookup";
	json_t *answer;

	if (client_add_query(cli, url, sizeof(url), "network", cli->operand) < 0 ||
	    client_add_query(cli, url, sizeof(url), "address", cli->second) < 0)
		return CLI_EXIT_WRONG;
	answer = client_get(cli, url);
	if (answer == NULL)
		return CLI_EXIT_FAILED;
	if (cli->json)
		client_print_json(answer, cli->out);
	else
		print_lookup(answer, cli->out);
	json_decref(answer);
	return CLI_EXIT_OK;
}
