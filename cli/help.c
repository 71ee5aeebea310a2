/* homeward --help and homeward COMMAND --help, printed from the tables. */
#include "cli.h"

#include <string.h>

enum { HELP_COLUMN = 20 };

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
	fprintf(out, "usage: homeward %s%s%s%s\n\n%s\n", c->word,
		c->options != NULL ? " [OPTIONS]" : "", c->operand != NULL ? " " : "",
		c->operand != NULL ? c->operand : "", c->help);
	fprintf(out, "\noptions:\n");
	print_options(c->options, out);
	print_options(cli_options, out);
}

void cli_print_help(const struct cli *cli, FILE *out)
{
	if (cli->command != NULL) {
		print_command(cli->command, out);
		return;
	}
	fprintf(out, "usage: homeward [OPTIONS] COMMAND\n\ncommands:\n");
	for (const struct command *c = cli_commands; c->word != NULL; c++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", c->word, c->operand != NULL ? " " : "",
			 c->operand != NULL ? c->operand : "");
		fprintf(out, "  %-*s %s\n", HELP_COLUMN, left, c->help);
	}
	fprintf(out, "\noptions:\n");
	print_options(cli_options, out);
	fprintf(out,
		"\nhomeward COMMAND --help says what a command takes; homeward(1) all of it.\n");
}
