/*
 * The table of commands.
 *
 * Help, errors and the manual page (docs/man/homeward.1, by its test) follow this table.
 */
#include "cli.h"

#include <string.h>

const struct cli_option cli_options[] = {
	{"socket", "PATH", "socket of the daemon; otherwise $HOMEWARD_SOCKET or " CLI_SOCKET},
	{"timeout", "SECONDS", "give up after so long without an answer; 10 if not given"},
	{"json", NULL, "print what the API says, for programs"},
	{"help", NULL, "say what there is; after a command: what it takes"},
	{"version", NULL, "print the version"},
	{NULL},
};

const struct command cli_commands[] = {
	{"status", NULL, "how the daemon is: alarms, ports, workers, flows, packets", NULL,
	 status_run},
	{"sites", NULL, "sites with their tunnels, traffic and flows", NULL, sites_run},
	{"tunnels", NULL, "tunnels with their ends and traffic", tunnels_options, tunnels_run},
	{"flows", NULL, "live flows: who talks to whom, and leaves from where", flows_options,
	 flows_run},
	{"egress", NULL, "egress addresses, slices and the ports in use", NULL, egress_run},
	{"drops", NULL, "packets dropped and lost, by reason, and answered by ICMP", drops_options,
	 drops_run},
	{"check", "FILE", "read a configuration file and report every error in it", NULL,
	 check_run},
	{"size", NULL, "how many slices, flows and bytes a number of users needs", size_options,
	 size_run},
	{NULL},
};

const struct command *cli_find_command(const char *word)
{
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		if (strcmp(c->word, word) == 0)
			return c;
	return NULL;
}
