/*
 * Sites and tunnels: names are unique in the whole file; so are the outer addresses and key of a
 * tunnel, by which its packets are told from others.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/tree.h"
#include "control/config/value.h"

#include <string.h>

enum {
	MTU_GRE = 1500 - 24, /* outer IPv4 and GRE */
	MTU_GRE_KEY = MTU_GRE - 4,
	MTU_IPV6 = 1280,
};

/* What must be unique of a tunnel. */
struct ends {
	be32_t local, remote;
	uint32_t key, has_key;
};

static void check_ends(struct checker *checker, struct seen *seen, const struct spec_tunnel *tunnel,
		       const struct tree_node *item)
{
	struct ends ends = {tunnel->local, tunnel->remote, tunnel->key, tunnel->has_key};
	const struct tree_node *key = tree_get(item, "key"), *before;
	char local[INET_ADDRSTRLEN], remote[INET_ADDRSTRLEN];

	if (tunnel->local == 0 || tunnel->remote == 0 || (key != NULL && !tunnel->has_key))
		return;
	if (tunnel->local == tunnel->remote) {
		report_at(checker->report, tree_get(item, "remote"),
			  "\"remote\" is the same address as \"local\"");
		return;
	}

	seen_add(&checker->local_ends, &tunnel->local, sizeof(tunnel->local),
		 tree_get(item, "local"));
	before = seen_add(seen, &ends, sizeof(ends), item);
	if (before == NULL)
		return;
	inet_ntop(AF_INET, &tunnel->local, local, sizeof(local));
	inet_ntop(AF_INET, &tunnel->remote, remote, sizeof(remote));
	if (tunnel->has_key)
		report_at(checker->report, item,
			  "another tunnel has local %s, remote %s and key %u already, on line %u",
			  local, remote, tunnel->key, before->line);
	else
		report_at(checker->report, item,
			  "another tunnel has local %s and remote %s without a key already, "
			  "on line %u: give them keys",
			  local, remote, before->line);
}

static void check_tunnel(struct checker *checker, struct spec_tunnel *tunnel,
			 const struct tree_node *item)
{
	if (tunnel->mtu == 0)
		tunnel->mtu = tunnel->has_key ? MTU_GRE_KEY : MTU_GRE;
	if (tunnel->mtu < MTU_IPV6 && !addr6_is_zero(&tunnel->address6))
		report_at(checker->report, tree_get(item, "mtu"),
			  "\"mtu\" is %u, but IPv6 needs at least %d (RFC 8200), and there is an "
			  "\"address6\"",
			  tunnel->mtu, MTU_IPV6);
	tunnel->port = check_port_of(checker, "a tunnel", item);
}

/* A prefix of either family as bytes. False: it could not be read. */
static bool read_prefix(const struct tree_node *node, struct prefix6 *out)
{
	struct prefix4 four;

	memset(out, 0, sizeof(*out));
	if (node->kind != TREE_TEXT)
		return false;
	if (value_prefix6(node->text, out) == 0)
		return true;
	if (value_prefix(node->text, &four) < 0)
		return false;
	out->addr = addr6_from_ipv4(four.addr);
	out->len = (uint8_t)(MAPPED_BITS + four.len);
	return true;
}

static void check_prefixes(struct checker *checker, const struct spec_site *site,
			   const struct tree_node *item)
{
	const struct tree_node *node =
		check_items(item, "prefixes", site->n_prefixes + site->n_prefixes6);
	struct seen seen = {0};

	for (; node != NULL; node = node->next) {
		struct prefix6 prefix;
		unsigned char key[sizeof(prefix.addr) + 1];
		const struct tree_node *before;

		if (!read_prefix(node, &prefix))
			continue;
		memcpy(key, &prefix.addr, sizeof(prefix.addr));
		key[sizeof(prefix.addr)] = prefix.len;
		before = seen_add(&seen, key, sizeof(key), node);
		if (before != NULL)
			report_at(checker->report, node, "%s is listed already, on line %u",
				  node->text, before->line);
	}
	seen_fini(&seen);
}

void check_sites(struct checker *checker)
{
	struct network_spec *spec = &checker->config->network;
	const struct tree_node *site_item = check_items(checker->root, "sites", spec->n_sites);
	struct seen sites = {0}, tunnels = {0}, ends = {0};
	size_t n_tunnels = 0;

	for (size_t i = 0; i < spec->n_sites; i++, site_item = site_item->next) {
		struct spec_site *site = &spec->sites[i];
		const struct tree_node *item = check_items(site_item, "tunnels", site->n_tunnels);

		check_name(checker, &sites, "site", site->name, site_item);
		check_prefixes(checker, site, site_item);
		for (size_t k = 0; k < site->n_tunnels; k++, item = item->next) {
			if (++n_tunnels == SPEC_TUNNELS_MAX + 1)
				report_at(checker->report, item,
					  "this is one tunnel too many: at most %d fit",
					  SPEC_TUNNELS_MAX);
			check_name(checker, &tunnels, "tunnel", site->tunnels[k].name, item);
			check_ends(checker, &ends, &site->tunnels[k], item);
			check_tunnel(checker, &site->tunnels[k], item);
		}
	}
	seen_fini(&sites);
	seen_fini(&tunnels);
	seen_fini(&ends);
}
