/*
 * The command line: one table of commands, each with its options.
 *
 * A command asks the daemon (client.h) and prints a table for people (table.h), or with --json the
 * API's answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CLI_SOCKET "/run/homeward/api.sock" /* also the default of the setting api.socket */

enum {
	CLI_TIMEOUT_S = 10,
	CLI_TIMEOUT_MAX_S = 3600,
	CLI_OPTIONS_MAX = 8, /* options of one command */
	CLI_EXIT_OK = 0,
	CLI_EXIT_FAILED = 1, /* the daemon does not run, or refused */
	CLI_EXIT_WRONG = 2, /* the command line or the configuration file has an error */
};

struct cli_option {
	const char *name; /* without the dashes */
	const char *value; /* name of its value in help texts; NULL: it has no value */
	const char *help;
};

/* The parsed command line. */
struct cli {
	const char *socket;
	unsigned timeout_s; /* waiting time without a byte from the daemon */
	bool json;
	bool help;
	bool version;
	const char *group; /* a group such as "config" whose second word is missing; else NULL */
	const struct command *command;
	/* by row of the command's options; NULL: not given. "" if it has no value */
	const char *values[CLI_OPTIONS_MAX];
	const char *operand; /* argument FILE or COMMAND; NULL: not given */
	const char *second; /* argument after it; NULL: not given */
	FILE *out, *err;
};

struct command {
	const char *word; /* one word, or two in a group */
	const char *operand; /* name of its argument; NULL: none */
	bool operand_optional; /* the argument may be missing */
	const char *second; /* name of another argument, which is required; NULL: none */
	const char *help; /* one line of help */
	const struct cli_option *options; /* ends with a row without a name; NULL: none */
	int (*run)(const struct cli *cli); /* returns the exit status */
};

extern const struct command cli_commands[]; /* ends with a row without a word */
extern const struct cli_option cli_options[]; /* options of every command; ends likewise */

const struct command *cli_find_command(const char *word);

/* Is @word the first word of a command of two words? */
bool cli_is_group(const char *word);

/*
 * Reads the command line (argv[0] is the program). 0, or -EINVAL after a sentence to cli->err. Set
 * socket, timeout_s, out and err before.
 */
int cli_parse(struct cli *cli, int argc, char *const *argv);

/*
 * Prints to cli->err that there is no command @word, and lists those that exist. Returns -EINVAL.
 */
int cli_refuse_command(const struct cli *cli, const char *word);

/* The value of option @name of the command, "" if it has none; NULL: it was not given. */
const char *cli_value(const struct cli *cli, const char *name);

void cli_print_help(const struct cli *cli, FILE *out);

/* The rows of commands.c; each command is in the file of its name. */
extern const struct cli_option networks_options[], routes_options[];
int networks_run(const struct cli *cli);
int routes_run(const struct cli *cli);
int routes_lookup_run(const struct cli *cli);
extern const struct cli_option sites_options[], tunnels_options[], health_options[],
	ipsec_options[], flows_options[], egress_options[], drops_options[], size_options[],
	config_apply_options[], config_history_options[], peer_config_options[];
int status_run(const struct cli *cli);
int sites_run(const struct cli *cli);
int tunnels_run(const struct cli *cli);
int health_run(const struct cli *cli);
int ipsec_run(const struct cli *cli);
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
int peer_config_run(const struct cli *cli);
int size_run(const struct cli *cli);
int help_run(const struct cli *cli);
