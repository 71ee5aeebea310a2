/*
 * The table of commands.
 *
 * Help, errors and the manual page (docs/man/homeward.1, by its test) follow this table.
 */
#include "cli.h"

#include <string.h>

const struct cli_option cli_options[] = {
	{"socket", "PATH", "socket of the daemon; otherwise $HOMEWARD_SOCKET or " CLI_SOCKET},
	{"timeout", "SECONDS", "give up after SECONDS without an answer; 10 if not given"},
	{"json", NULL, "print JSON, for programs"},
	{"help", NULL, "print help; after a command: what it takes"},
	{"version", NULL, "print the version"},
	{NULL},
};

const struct command cli_commands[] = {
	{"status", .help = "state of the daemon: alarms, ports, workers, flows, packets",
	 .run = status_run},
	{"sites", .help = "sites with their tunnels, traffic and flows", .run = sites_run},
	{"tunnels", .help = "tunnels with their ends and traffic", .options = tunnels_options,
	 .run = tunnels_run},
	{"flows", .help = "live flows: who talks to whom, by which egress address and port",
	 .options = flows_options, .run = flows_run},
	{"egress", .help = "egress addresses, slices and the ports in use", .run = egress_run},
	{"drops", .help = "packets dropped, lost or answered by the gateway itself, by reason",
	 .options = drops_options, .run = drops_run},
	{"check", .operand = "FILE",
	 .help = "read a configuration file and report every error in it", .run = check_run},
	{"size", .help = "slices, flows and bytes that a number of users needs",
	 .options = size_options, .run = size_run},
	{"help", .operand = "COMMAND", .operand_optional = true,
	 .help = "print the commands, or what COMMAND takes", .run = help_run},
	{NULL},
};

const struct command *cli_find_command(const char *word)
{
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		if (strcmp(c->word, word) == 0)
			return c;
	return NULL;
}
