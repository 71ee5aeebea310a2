/*
 * homeward peer-config TUNNEL --for MAKER: what to type at the far end.
 *
 * Everything is in the configuration: that which runs, or with --config that of a file. Secrets are
 * not read.
 */
#include "base/err.h"
#include "base/nearest.h"
#include "cli.h"
#include "client.h"
#include "control/config/config.h"
#include "peer_kinds.h"

#include <string.h>

const struct cli_option peer_config_options[] = {
	{"for", "MAKER", "strongswan, cisco-ios, junos, mikrotik, fortigate or pfsense"},
	{"config", "FILE", "take the tunnel from this file, not from the daemon"},
	{NULL},
};

/* The configuration of the daemon, or of the file. NULL after a sentence. */
static struct config *get_config(const struct cli *cli, int *status)
{
	const char *file = cli_value(cli, "config");
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = NULL;
	json_t *answer = NULL;

	*status = file != NULL ? CLI_EXIT_WRONG : CLI_EXIT_FAILED;
	if (file != NULL) {
		config = config_load(file, &errs);
	} else {
		answer = client_get(cli, "/v1/config");
		if (answer != NULL) {
			const char *text = client_text(answer, "text");

			config = config_parse("the running configuration", text, strlen(text),
					      &errs);
		}
	}
	err_print(&errs, cli->err);
	err_list_fini(&errs);
	json_decref(answer);
	return config;
}

static const struct spec_tunnel *find_peer_tunnel(const struct cli *cli,
						  const struct config *config)
{
	struct nearest near = nearest_begin(cli->operand);

	for (size_t i = 0; i < config->network.n_sites; i++) {
		const struct spec_site *site = &config->network.sites[i];

		for (size_t k = 0; k < site->n_tunnels; k++) {
			if (strcmp(site->tunnels[k].name, cli->operand) == 0)
				return &site->tunnels[k];
			nearest_offer(&near, site->tunnels[k].name);
		}
	}
	fprintf(cli->err,
		near.best != NULL ? "there is no tunnel %s: did you mean %s?\n"
				  : "there is no tunnel %s\n",
		cli->operand, near.best);
	return NULL;
}

static const struct peer_kind *find_kind(const struct cli *cli)
{
	const char *name = cli_value(cli, "for");

	for (const struct peer_kind *k = peer_kinds; k->name != NULL && name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	fprintf(cli->err, "--for must be strongswan, cisco-ios, junos, mikrotik, fortigate or "
			  "pfsense\n");
	return NULL;
}

static void write_address(const struct addr6 *addr, char out[static INET6_ADDRSTRLEN])
{
	be32_t four = addr6_ipv4_or_0(addr);

	out[0] = '\0';
	if (addr6_is_mapped(addr))
		inet_ntop(AF_INET, &four, out, INET6_ADDRSTRLEN);
	else if (!addr6_is_zero(addr))
		inet_ntop(AF_INET6, addr, out, INET6_ADDRSTRLEN);
}

/* The far end's local side is our remote one. */
static struct peer_side turn_round(const struct spec_tunnel *t)
{
	const struct spec_ipsec *i = &t->ipsec;
	struct peer_side p = {
		.name = t->name,
		.ipsec = t->type == TUNNEL_IPSEC,
		.over_ipv6 = spec_is_over_ipv6(t),
		.has_key = t->has_key,
		.key = t->key,
		.mtu = t->mtu,
		.certificates = i->certificate[0] != '\0',
		.psk_file = i->psk,
		.ike_proposals = i->ike_proposals,
		.esp_proposals = i->esp_proposals,
		.dpd = i->dpd,
		.rekey = i->rekey,
		.ike_rekey = i->ike_rekey,
		.far_end_begins = i->initiate == INITIATE_NO,
	};

	write_address(&t->remote, p.local);
	write_address(&t->local, p.remote);
	write_address(&t->peer, p.inner_local);
	write_address(&t->address, p.inner_remote);
	return p;
}

static int print_for(const struct cli *cli, const struct peer_kind *kind,
		     const struct spec_tunnel *t)
{
	struct peer_side p = turn_round(t);

	if (t->type == TUNNEL_INTERCONNECT) {
		fprintf(cli->err,
			"%s is an interconnect: the far end needs an address on the link, "
			"and nothing else\n",
			t->name);
		return CLI_EXIT_WRONG;
	}
	p.local_id = t->ipsec.peer_identity[0] != '\0' ? t->ipsec.peer_identity : p.local;
	p.remote_id = t->ipsec.identity[0] != '\0' ? t->ipsec.identity : p.remote;
	if (p.ipsec && (!peer_proposal_choose(p.ike_proposals, kind->can, true, &p.ike) ||
			!peer_proposal_choose(p.esp_proposals, kind->can, false, &p.esp))) {
		fprintf(cli->err,
			"none of the tunnel's proposals is known for %s: add "
			"aes256-sha256-ecp256 to its ike-proposals, and aes256-sha256 to its "
			"esp-proposals\n",
			kind->name);
		return CLI_EXIT_WRONG;
	}
	(p.ipsec ? kind->ipsec : kind->gre)(&p, cli->out);
	return CLI_EXIT_OK;
}

int peer_config_run(const struct cli *cli)
{
	const struct peer_kind *kind = find_kind(cli);
	const struct spec_tunnel *tunnel;
	struct config *config;
	int status;

	if (kind == NULL)
		return CLI_EXIT_WRONG;
	config = get_config(cli, &status);
	if (config == NULL)
		return status;
	tunnel = find_peer_tunnel(cli, config);
	status = tunnel == NULL ? CLI_EXIT_WRONG : print_for(cli, kind, tunnel);
	config_destroy(config);
	return status;
}
