/*
 * Interconnects. Port and VLAN say to which one a frame belongs, so no two have the same. An
 * untagged one has its port for itself: nothing in a frame would tell its packets from those of a
 * tunnel or from the Internet.
 *
 * The length of the link's prefix is not asked for, since the peer is all that we send to. Two
 * addresses without a common /24 or /64 are on no link that operators build: it is a mistake.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/tree.h"
#include "control/config/value.h"

enum { LINK_BITS = MAPPED_BITS + 24, LINK_BITS_6 = 64, PORTS = UINT8_MAX + 1 };

struct interconnects {
	struct seen seen; /* of port and VLAN */
	const struct tree_node *dedicated[PORTS]; /* the untagged one of each port; NULL: none */
};

/* One family: an address of ours, and the peer's on the same link. */
static void check_link(struct checker *checker, const struct tree_node *item,
		       const struct addr6 *address, const char *name, const struct addr6 *peer,
		       const char *peer_name)
{
	const struct tree_node *node = tree_get(item, name), *peer_node = tree_get(item, peer_name);
	uint8_t bits = addr6_is_mapped(address) ? LINK_BITS : LINK_BITS_6;
	struct addr6 link = addr6_masked(address, bits), other = addr6_masked(peer, bits);

	if ((node == NULL) != (peer_node == NULL))
		report_at(checker->report, item,
			  "\"%s\" is missing: an interconnect with \"%s\" must have it",
			  node == NULL ? name : peer_name, node == NULL ? peer_name : name);
	if (addr6_is_zero(address) || addr6_is_zero(peer))
		return; /* an error was reported already, or the family is not used */
	if (addr6_equal(address, peer))
		report_at(checker->report, peer_node, "\"%s\" is the same address as \"%s\"",
			  peer_name, name);
	else if (!addr6_equal(&link, &other))
		report_at(checker->report, peer_node,
			  "\"%s\" and \"%s\" are on no common link: they are not even in one /%u",
			  peer_name, name,
			  addr6_is_mapped(address) ? LINK_BITS - MAPPED_BITS : bits);
}

static void check_place(struct checker *checker, struct interconnects *all,
			const struct spec_tunnel *t, const struct tree_node *item)
{
	const uint32_t place[] = {t->port, t->vlan};
	const struct tree_node *before;

	if (t->port == SPEC_PORT_ANY || (t->vlan == 0 && tree_get(item, "vlan") != NULL))
		return;
	if (t->vlan == 0)
		all->dedicated[t->port % PORTS] = item;
	before = seen_add(&all->seen, place, sizeof(place), item);
	if (before == NULL)
		return;
	if (t->vlan == 0)
		report_at(checker->report, item,
			  "another interconnect has port %s untagged already, on line %u: give "
			  "them VLANs",
			  checker->config->ports[t->port].name, before->line);
	else
		report_at(checker->report, item,
			  "another interconnect has port %s and VLAN %u already, on line %u",
			  checker->config->ports[t->port].name, t->vlan, before->line);
}

static void check_interconnect(struct checker *checker, struct interconnects *all,
			       const struct spec_tunnel *t, const struct tree_node *item)
{
	if (tree_get(item, "address") == NULL && tree_get(item, "address6") == NULL)
		report_at(checker->report, item,
			  "\"address\" or \"address6\" is missing: an interconnect must have an "
			  "address on its link");
	check_link(checker, item, &t->address, "address", &t->peer, "peer");
	check_link(checker, item, &t->address6, "address6", &t->peer6, "peer6");
	check_place(checker, all, t, item);
}

/* Is the port taken by an untagged interconnect? */
static void check_port_free(struct checker *checker, const struct interconnects *all, uint16_t port,
			    const struct tree_node *item, const char *what)
{
	if (port == SPEC_PORT_ANY || all->dedicated[port % PORTS] == NULL)
		return;
	report_at(checker->report, item,
		  "%s cannot use port %s: the untagged interconnect on line %u has it for itself; "
		  "give that one a \"vlan\", or another port",
		  what, checker->config->ports[port].name, all->dedicated[port % PORTS]->line);
}

/* Visits all tunnels: the interconnects, or the others. */
static void each_tunnel(struct checker *checker, struct interconnects *all, bool interconnects)
{
	const struct network_spec *spec = &checker->config->network;
	const struct tree_node *site_item = check_items(checker->root, "sites", spec->n_sites);

	for (size_t i = 0; i < spec->n_sites; i++, site_item = site_item->next) {
		const struct spec_site *site = &spec->sites[i];
		const struct tree_node *item = check_items(site_item, "tunnels", site->n_tunnels);

		for (size_t k = 0; k < site->n_tunnels; k++, item = item->next) {
			const struct spec_tunnel *t = &site->tunnels[k];

			if (spec_is_interconnect(t) != interconnects || item->kind != TREE_MAP)
				continue;
			if (interconnects)
				check_interconnect(checker, all, t, item);
			else
				check_port_free(checker, all, t->port, item, "a tunnel");
		}
	}
}

void check_interconnects(struct checker *checker)
{
	const struct network_spec *spec = &checker->config->network;
	const struct tree_node *item = check_items(checker->root, "egress", spec->n_pools);
	struct interconnects all = {0};

	each_tunnel(checker, &all, true);
	each_tunnel(checker, &all, false);
	for (size_t i = 0; i < spec->n_pools; i++, item = item->next)
		check_port_free(checker, &all, spec->pools[i].port, item, "an egress pool");
	seen_fini(&all.seen);
}
