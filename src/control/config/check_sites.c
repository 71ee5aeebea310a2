/*
 * Sites and tunnels. Names are unique in the whole file. The outer addresses and key of a tunnel
 * are unique, too: they say to which tunnel a packet belongs.
 */
#include "base/wire.h"
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/schema.h"
#include "control/config/tree.h"
#include "control/config/value.h"

#include <string.h>

/* The values of a tunnel that must be unique. Addresses that could not be read are zero. */
struct ends {
	struct addr6 local, remote;
	uint32_t key, has_key;
};

static const char *end_text(const struct addr6 *end, char buf[static INET6_ADDRSTRLEN])
{
	be32_t four = addr6_to_ipv4(end);

	return addr6_is_mapped(end) ? inet_ntop(AF_INET, &four, buf, INET6_ADDRSTRLEN)
				    : inet_ntop(AF_INET6, end, buf, INET6_ADDRSTRLEN);
}

/* Can these two addresses be the ends of one tunnel? */
static bool check_pair(struct checker *checker, const struct ends *ends,
		       const struct tree_node *item)
{
	const struct tree_node *remote = tree_get(item, "remote");
	bool local_is_four = addr6_is_mapped(&ends->local);

	if (addr6_equal(&ends->local, &ends->remote)) {
		report_at(checker->report, remote, "\"remote\" is the same address as \"local\"");
		return false;
	}
	if (local_is_four != addr6_is_mapped(&ends->remote)) {
		report_at(checker->report, remote,
			  "\"remote\" is an IPv%c address, but \"local\" is an IPv%c one: a "
			  "tunnel has both ends in one family",
			  local_is_four ? '6' : '4', local_is_four ? '4' : '6');
		return false;
	}
	return true;
}

static void check_ends(struct checker *checker, struct seen *seen, const struct spec_tunnel *tunnel,
		       const struct tree_node *item)
{
	struct ends ends = {tunnel->local, tunnel->remote, tunnel->key, tunnel->has_key};
	const struct tree_node *key = tree_get(item, "key"), *before;
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN];

	if (addr6_is_zero(&ends.local) || (key != NULL && !tunnel->has_key) ||
	    (!addr6_is_zero(&ends.remote) && !check_pair(checker, &ends, item)))
		return;
	seen_add(&checker->local_ends, &ends.local, sizeof(ends.local), tree_get(item, "local"));
	if (addr6_is_zero(&ends.remote) || tunnel->type == TUNNEL_IPSEC)
		return; /* SAs are told apart by SPI, peers by identity: check_ipsec.c */
	before = seen_add(seen, &ends, sizeof(ends), item);
	if (before == NULL)
		return;
	end_text(&ends.local, local);
	end_text(&ends.remote, remote);
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

/*
 * Computed from Ethernet's 1,500 bytes, or from the port's MTU in the file. Only the machine knows
 * how much an interface carries: config_note_mtus().
 */
static void check_mtu(struct checker *checker, struct spec_tunnel *tunnel,
		      const struct tree_node *item)
{
	const struct config_port *port =
		tunnel->port == SPEC_PORT_ANY ? NULL : &checker->config->ports[tunnel->port];
	uint16_t overhead = spec_overhead(tunnel);
	uint16_t has = port == NULL ? 0 : port->mtu;

	if (tunnel->mtu == 0) {
		has = has == 0 || has > ETHER_MTU ? ETHER_MTU : has;
		tunnel->mtu = (uint16_t)spec_inner_mtu(tunnel, has);
		if (tunnel->mtu < IPV4_LEAST_MTU)
			report_at(checker->report, item,
				  "port %s carries packets of %u bytes, and the tunnel's headers "
				  "are %u of them: %u are left, but a tunnel needs %d",
				  port->name, has, overhead, tunnel->mtu, IPV4_LEAST_MTU);
	} else {
		tunnel->mtu_given = true;
		if (has != 0 && tunnel->mtu > spec_inner_mtu(tunnel, has))
			report_at(checker->report, tree_get(item, "mtu"),
				  "\"mtu\" is %u, but port %s carries packets of %u bytes, and "
				  "the tunnel's headers are %u of them: at most %u fit",
				  tunnel->mtu, port->name, has, overhead,
				  (int)spec_inner_mtu(tunnel, has));
	}
	if (tunnel->mtu < IPV6_LEAST_MTU && !addr6_is_zero(&tunnel->address6))
		report_at(checker->report, tunnel->mtu_given ? tree_get(item, "mtu") : item,
			  "\"mtu\" is %u, but IPv6 needs at least %d (RFC 8200), and there is an "
			  "\"address6\"",
			  tunnel->mtu, IPV6_LEAST_MTU);
}

enum { KEEPALIVE_RETRIES = 3 };

/* The kernel sends keepalives, so one of its addresses must be the tunnel's local end. */
static void check_keepalive(struct checker *checker, struct spec_tunnel *tunnel,
			    const struct tree_node *item)
{
	const struct config_port *port =
		tunnel->port == SPEC_PORT_ANY ? NULL : &checker->config->ports[tunnel->port];
	const struct tree_node *node = tree_get(item, "keepalive");

	if (tunnel->keepalive.interval == 0)
		return;
	if (tunnel->keepalive.retries == 0)
		tunnel->keepalive.retries = KEEPALIVE_RETRIES;
	if (port == NULL || config_driver_has_kernel(port->driver))
		return;
	report_at(checker->report, tree_get(node, "interval"),
		  "\"keepalive\" needs the kernel behind the tunnel's port: driver af_xdp or "
		  "af_packet, but port %s is %s",
		  port->name, config_driver_name(port->driver));
}

/* Probes must have a way back: to an address of ours in the family of the target. */
static void check_health(struct checker *checker, const struct spec_site *site,
			 const struct spec_tunnel *tunnel, const struct tree_node *item)
{
	const struct config_port *port =
		tunnel->port == SPEC_PORT_ANY ? NULL : &checker->config->ports[tunnel->port];
	const struct tree_node *node = tree_get(item, "health");
	const struct spec_health *own = &tunnel->health;
	const struct addr6 *target = &own->target;
	bool four = addr6_is_mapped(target);

	if (spec_health_of(&checker->config->network, site, tunnel).direction ==
	    HEALTH_UNIDIRECTIONAL) {
		if (port != NULL && !config_driver_has_kernel(port->driver))
			report_at(checker->report,
				  own->has_direction ? tree_get(node, "direction") : item,
				  "\"direction\" unidirectional needs the kernel behind the "
				  "tunnel's port: driver af_xdp or af_packet, but port %s is %s",
				  port->name, config_driver_name(port->driver));
		if (!addr6_is_zero(target) && four == spec_is_over_ipv6(tunnel))
			report_at(checker->report, tree_get(node, "target"),
				  "\"target\" is of another family than the tunnel's outer "
				  "addresses, to which answers come");
		return;
	}
	if (!addr6_is_zero(target) && !four && !spec_forwards_ipv6(&checker->config->network))
		report_at(
			checker->report, tree_get(node, "target"),
			"\"target\" is an IPv6 address, but IPv6 is not forwarded: no pool has an "
			"IPv6 address, and no site has global prefixes");
	else if (!addr6_is_zero(target) &&
		 addr6_is_zero(four ? &tunnel->address : &tunnel->address6))
		report_at(checker->report, tree_get(node, "target"),
			  "\"target\" is an IPv%c address, but the tunnel has no \"address%s\" to "
			  "which answers can come",
			  four ? '4' : '6', four ? "" : "6");
}

static void check_tunnel(struct checker *checker, const struct spec_site *site,
			 struct spec_tunnel *tunnel, const struct tree_node *item)
{
	check_variant(checker, &schema_tunnel, tunnel->type, item);
	tunnel->port = check_port_of(checker, "a tunnel", item);
	check_mtu(checker, tunnel, item);
	check_keepalive(checker, tunnel, item);
	check_health(checker, site, tunnel, item);
	if (spec_is_over_ipv6(tunnel) && tunnel->outer_df != OUTER_DF_SET)
		report_at(checker->report, tree_get(item, "outer-df"),
			  "\"outer-df\" can not be false: the tunnel's packets are IPv6, which "
			  "nobody "
			  "may fragment on the way (RFC 8200)");
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

		if (node->kind != TREE_TEXT || value_prefix_any(node->text, &prefix) < 0)
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
			check_tunnel(checker, site, &site->tunnels[k], item);
		}
	}
	seen_fini(&sites);
	seen_fini(&tunnels);
	seen_fini(&ends);
}
