/*
 * The table of commands.
 *
 * A row of two words, "config show", is a command of a group. Help, errors and the manual page
 * (docs/man/homeward.1, by its test) follow this table.
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
	{"sites", .help = "sites with their tunnels, traffic and flows", .options = sites_options,
	 .run = sites_run},
	{"tunnels", .help = "tunnels with their ends and traffic", .options = tunnels_options,
	 .run = tunnels_run},
	{"health", .help = "whether tunnels work: state, loss, round-trip time, penalty",
	 .options = health_options, .run = health_run},
	{"ipsec", .help = "IPsec tunnels: IKE and ESP, algorithms, age, NAT, replayed packets",
	 .options = ipsec_options, .run = ipsec_run},
	{"networks", .help = "virtual networks with their egress pool, sites and routes",
	 .options = networks_options, .run = networks_run},
	{"routes", .help = "routes of virtual networks, with the health of their targets",
	 .options = routes_options, .run = routes_run},
	{"routes lookup", .operand = "NETWORK", .second = "ADDRESS",
	 .help = "say where new flows of a network to ADDRESS go, and why",
	 .run = routes_lookup_run},
	{"flows", .help = "live flows: who talks to whom, by which egress address and port",
	 .options = flows_options, .run = flows_run},
	{"egress", .help = "egress addresses, slices and the ports in use",
	 .options = egress_options, .run = egress_run},
	{"drops", .help = "packets dropped, lost or answered by the gateway itself, by reason",
	 .options = drops_options, .run = drops_run},
	{"check", .operand = "FILE",
	 .help = "read a configuration file and report every error in it", .run = check_run},
	{"config show", .help = "print the configuration that runs", .run = config_show_run},
	{"config check", .operand = "FILE", .help = "let the daemon report every error in FILE",
	 .run = config_check_run},
	{"config diff", .operand = "FILE",
	 .help = "say what FILE would change, and how many flows would end",
	 .run = config_diff_run},
	{"config apply", .operand = "FILE", .help = "make FILE the configuration that runs",
	 .options = config_apply_options, .run = config_apply_run},
	{"config history", .help = "revisions that are kept: when, by whom, why",
	 .options = config_history_options, .run = config_history_run},
	{"config rollback", .operand = "REVISION", .operand_optional = true,
	 .help = "run REVISION again, or the previous one", .run = config_rollback_run},
	{"config confirm", .help = "keep the revision that runs on trial",
	 .run = config_confirm_run},
	{"peer-config", .operand = "TUNNEL", .help = "print what to type at the far end of TUNNEL",
	 .options = peer_config_options, .run = peer_config_run},
	{"size", .help = "slices, flows and bytes that a number of users needs",
	 .options = size_options, .run = size_run},
	{"help", .operand = "COMMAND", .operand_optional = true,
	 .help = "print the commands, or what COMMAND takes", .run = help_run},
	{NULL},
};

bool cli_is_group(const char *word)
{
	size_t len = strlen(word);

	for (const struct command *c = cli_commands; c->word != NULL && len > 0; c++)
		if (strncmp(c->word, word, len) == 0 && c->word[len] == ' ')
			return true;
	return false;
}

const struct command *cli_find_command(const char *word)
{
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		if (strcmp(c->word, word) == 0)
			return c;
	return NULL;
}
