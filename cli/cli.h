/*
 * The command line: one table of commands, each with its options.
 *
 * A command asks the daemon (client.h) and prints: a table for people (table.h), or with --json
 * what the API said.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CLI_SOCKET "/run/homeward/api.sock" /* the default of the setting api.socket, too */

enum {
	CLI_TIMEOUT_S = 10,
	CLI_TIMEOUT_MAX_S = 3600,
	CLI_OPTIONS_MAX = 8, /* of one command */
	CLI_EXIT_OK = 0,
	CLI_EXIT_FAILED = 1, /* the daemon is not there or refused */
	CLI_EXIT_WRONG = 2, /* command line or configuration file not understood */
};

struct cli_option {
	const char *name; /* without the dashes */
	const char *value; /* what to write behind it; NULL: nothing */
	const char *help;
};

/* What was on the command line. */
struct cli {
	const char *socket;
	unsigned timeout_s; /* without a byte from the daemon */
	bool json;
	bool help;
	bool version;
	const char *group; /* "config", while its second word is missing; else NULL */
	const struct command *command;
	const char *values[CLI_OPTIONS_MAX]; /* by row of the command's options; NULL: not given */
	const char *operand; /* FILE, COMMAND; NULL: not given */
	FILE *out, *err;
};

struct command {
	const char *word; /* or two, of a group */
	const char *operand; /* what follows; NULL: nothing */
	bool operand_optional; /* it need not follow */
	const char *help; /* one line */
	const struct cli_option *options; /* ends with a row without a name; NULL: none */
	int (*run)(const struct cli *cli); /* exit status */
};

extern const struct command cli_commands[]; /* ends with a row without a word */
extern const struct cli_option cli_options[]; /* for every command; ends likewise */

const struct command *cli_find_command(const char *word);

/* Do commands of two words begin with @word? */
bool cli_is_group(const char *word);

/*
 * Reads the command line (argv[0] is the program). 0, or -EINVAL after a sentence to cli->err.
 * Fill socket, timeout_s, out and err before.
 */
int cli_parse(struct cli *cli, int argc, char *const *argv);

/* Says on cli->err that there is no command @word, and which ones there are. -EINVAL. */
int cli_refuse_command(const struct cli *cli, const char *word);

/* Was option @name of the command given? Its value, "" for one without; NULL: no. */
const char *cli_value(const struct cli *cli, const char *name);

void cli_print_help(const struct cli *cli, FILE *out);

/* The rows of commands.c; each is in the file of its name. */
extern const struct cli_option tunnels_options[], flows_options[], drops_options[], size_options[],
	config_apply_options[];
int status_run(const struct cli *cli);
int sites_run(const struct cli *cli);
int tunnels_run(const struct cli *cli);
int flows_run(const struct cli *cli);
int egress_run(const struct cli *cli);
int drops_run(const struct cli *cli);
int check_run(const struct cli *cli);
int config_show_run(const struct cli *cli);
int config_check_run(const struct cli *cli);
int config_diff_run(const struct cli *cli);
int config_apply_run(const struct cli *cli);
int config_history_run(const struct cli *cli);
int config_rollback_run(const struct cli *cli);
int config_confirm_run(const struct cli *cli);
int size_run(const struct cli *cli);
int help_run(const struct cli *cli);
