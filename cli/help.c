/* homeward --help, COMMAND --help and help COMMAND, printed from the tables. */
#include "cli.h"
#include "client.h"

#include <string.h>

enum { HELP_COLUMN = 20, COMMAND_COLUMN = 30 };

struct usage {
	char text[64];
};

/*
 * The command and its argument: "check FILE", "help [COMMAND]"; @between comes after the command.
 */
static struct usage usage_of(const struct command *c, const char *between)
{
	bool open = c->operand_optional;
	struct usage usage;

	snprintf(usage.text, sizeof(usage.text), "%s%s", c->word, between);
	if (c->operand != NULL)
		snprintf(usage.text, sizeof(usage.text), "%s%s %s%s%s%s%s", c->word, between,
			 open ? "[" : "", c->operand, open ? "]" : "", c->second != NULL ? " " : "",
			 c->second != NULL ? c->second : "");
	return usage;
}

static void print_options(const struct cli_option *rows, FILE *out)
{
	for (size_t i = 0; rows != NULL && rows[i].name != NULL; i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name,
			 rows[i].value != NULL ? " " : "",
			 rows[i].value != NULL ? rows[i].value : "");
		fprintf(out, "  %-*s %s\n", HELP_COLUMN, left, rows[i].help);
	}
}

static void print_command(const struct command *c, FILE *out)
{
	fprintf(out, "usage: homeward %s\n\n%s\n", usage_of(c, " [OPTIONS]").text, c->help);
	if (c->options != NULL)
		fprintf(out, "\noptions:\n");
	print_options(c->options, out);
	fprintf(out, "\noptions of every command:\n");
	print_options(cli_options, out);
}

/* Does the command belong to @group? NULL: every command does. */
static bool is_in_group(const struct command *c, const char *group)
{
	size_t len = group != NULL ? strlen(group) : 0;

	return len == 0 || (strncmp(c->word, group, len) == 0 && c->word[len] == ' ');
}

static void print_commands(const char *group, FILE *out)
{
	fprintf(out, "usage: homeward [OPTIONS] %s%sCOMMAND\n\ncommands:\n",
		group != NULL ? group : "", group != NULL ? " " : "");
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		if (is_in_group(c, group))
			fprintf(out, "  %-*s %s\n", COMMAND_COLUMN, usage_of(c, "").text, c->help);
	fprintf(out, "\noptions:\n");
	print_options(cli_options, out);
	fprintf(out, "\nhomeward help COMMAND says what a command takes; homeward(1) says all.\n");
}

static json_t *describe_options(const struct cli_option *rows)
{
	json_t *list = json_array();

	for (; rows != NULL && rows->name != NULL; rows++)
		json_array_append_new(list, json_pack("{s:s, s:s?, s:s}", "name", rows->name,
						      "value", rows->value, "help", rows->help));
	return list;
}

static json_t *describe_command(const struct command *c)
{
	return json_pack("{s:s, s:s?, s:b, s:s?, s:s, s:o}", "name", c->word, "operand", c->operand,
			 "operand_optional", (int)c->operand_optional, "second", c->second, "help",
			 c->help, "options", describe_options(c->options));
}

/*
 * Prints one command, or all of them with the options of every command, for completion in shells.
 */
static json_t *describe(const struct command *command, const char *group)
{
	json_t *list;

	if (command != NULL)
		return describe_command(command);
	list = json_array();
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		if (is_in_group(c, group))
			json_array_append_new(list, describe_command(c));
	return json_pack("{s:o, s:o}", "commands", list, "options", describe_options(cli_options));
}

void cli_print_help(const struct cli *cli, FILE *out)
{
	if (cli->json) {
		json_t *json = describe(cli->command, cli->group);

		client_print_json(json, out);
		json_decref(json);
	} else if (cli->command != NULL) {
		print_command(cli->command, out);
	} else {
		print_commands(cli->group, out);
	}
}

int help_run(const struct cli *cli)
{
	struct cli about = *cli;

	about.command = cli->operand != NULL ? cli_find_command(cli->operand) : NULL;
	if (cli->operand != NULL && about.command == NULL && cli_is_group(cli->operand))
		about.group = cli->operand;
	if (cli->operand != NULL && about.command == NULL && about.group == NULL) {
		cli_refuse_command(cli, cli->operand);
		return CLI_EXIT_WRONG;
	}
	cli_print_help(&about, cli->out);
	return CLI_EXIT_OK;
}
