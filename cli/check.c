/*
 * homeward check FILE: would the daemon accept this configuration?
 *
 * Reads the file with the daemon's own reader, without the daemon and without privileges. If an
 * interface is missing on this machine, or carries less than a tunnel's mtu, that is a note and no
 * error: the file may be for another machine. A default route to a site is a note, too.
 */
#include "base/clean.h"
#include "base/err.h"
#include "cli.h"
#include "client.h"
#include "control/config/config.h"
#include "text.h"

static json_t *describe_error(const struct err *e)
{
	char file[512], text[1024];

	clean_text(e->file != NULL ? e->file : "", file, sizeof(file));
	clean_text(e->text, text, sizeof(text));
	return json_pack("{s:s, s:i, s:i, s:s}", "file", file, "line", (int)e->line, "column",
			 (int)e->column, "error", text);
}

static void print_json(const struct err_list *errs, FILE *out)
{
	json_t *list = json_array();

	for (size_t i = 0; i < errs->n; i++)
		json_array_append_new(list, describe_error(&errs->errs[i]));
	client_print_json(list, out);
	json_decref(list);
}

static void print_notes(const struct config *config, FILE *out)
{
	struct err_list notes = ERR_LIST_EMPTY;

	config_note_routes(config, &notes);
	if (notes.n > 0)
		fprintf(out, "is this meant?\n");
	err_print(&notes, out);
	err_list_fini(&notes);
	notes = ERR_LIST_EMPTY;
	config_note_interfaces(config, &notes);
	config_note_mtus(config, &notes);
	if (notes.n > 0)
		fprintf(out, "on this machine:\n");
	err_print(&notes, out);
	err_list_fini(&notes);
}

static void print_summary(const char *file, const struct config *config, FILE *out)
{
	size_t tunnels = 0, addresses = 0;

	for (size_t i = 0; i < config->network.n_sites; i++)
		tunnels += config->network.sites[i].n_tunnels;
	for (size_t i = 0; i < config->network.n_pools; i++)
		addresses += config->network.pools[i].n_addresses;
	fprintf(out, "%s is good: ports %zu, sites %zu, tunnels %zu, egress addresses %zu\n", file,
		config->n_ports, config->network.n_sites, tunnels, addresses);
}

int check_run(const struct cli *cli)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_load(cli->operand, &errs);
	int status = config != NULL ? CLI_EXIT_OK : CLI_EXIT_WRONG;

	if (cli->json)
		print_json(&errs, cli->out);
	else if (config == NULL)
		err_print(&errs, cli->err);
	else
		print_summary(cli->operand, config, cli->out);
	if (config != NULL)
		print_notes(config, cli->err);
	config_destroy(config);
	err_list_fini(&errs);
	return status;
}
