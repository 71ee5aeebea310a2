/*
 * Lists, sorted, which addresses and VLANs are ours on an interface, and compares two lists. Does
 * not ask the kernel.
 *
 * Control thread.
 */
#include "control/port/addresses.h"
#include "control/port/port_internal.h"
#include "in/steer.h"

#include <errno.h>
#include <stdlib.h>

static int by_address(const void *a, const void *b)
{
	const struct steer_addr *x = a, *y = b;

	return addr6_equal(&x->addr, &y->addr) ? x->len - y->len
					       : addr6_compare(&x->addr, &y->addr);
}

/*
 * Sorts the list, and merges the flags of an address that is there twice. Returns the new length.
 */
static size_t merge(struct steer_addr *list, size_t n)
{
	size_t out = 0;

	qsort(list, n, sizeof(list[0]), by_address);
	for (size_t i = 0; i < n; i++) {
		if (out > 0 && by_address(&list[out - 1], &list[i]) == 0)
			list[out - 1].flags |= list[i].flags;
		else
			list[out++] = list[i];
	}
	return out;
}

/*
 * True if @addr is in a network of the interface and the kernel does not have it: then neighbours
 * ask us for it.
 */
static bool is_missing(const struct addresses *own, int ifindex, const struct addr6 *addr)
{
	return addresses_on_link(own, ifindex, addr) && !addresses_have(own, addr);
}

/*
 * Notes the VLANs of the port's interconnects. An IPv6 address on one is listed, so that the
 * interface receives the group in which the peer solicits it. Returns how many were listed.
 */
static size_t list_interconnects(struct steer_list *out, const struct network *net, size_t port,
				 struct steer_addr *to)
{
	size_t filled = 0;

	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		const struct spec_tunnel *spec = net->tunnel_specs[id];

		if (!network_is_interconnect(net, id) || net->tunnels[id].port != port)
			continue;
		out->vlans[spec->vlan / 64] |= UINT64_C(1) << spec->vlan % 64;
		if (!addr6_is_zero(&spec->address6))
			to[filled++] = (struct steer_addr){spec->address6, STEER_INTERCONNECT};
	}
	return filled;
}

static uint32_t ipsec_of(const struct network *net, uint16_t tunnel)
{
	return net->tunnels[tunnel].type == TUNNEL_IPSEC ? STEER_IPSEC : 0;
}

/* Far ends of IPsec tunnels that have an address of their own. Returns how many were listed. */
static size_t list_peers(const struct network *net, struct steer_addr *to)
{
	size_t filled = 0;

	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		struct addr6 remote = network_tunnel_remote(net, net->tunnel_ids[i]);

		if (ipsec_of(net, net->tunnel_ids[i]) != 0 &&
		    (addr6_ipv4_or_0(&remote) != 0 || addr6_is_ipv6(&remote)))
			to[filled++] = (struct steer_addr){remote, STEER_PEER};
	}
	return filled;
}

int steer_list_make(struct steer_list *out, const struct network *net, size_t port, int ifindex,
		    const struct addresses *own)
{
	size_t room = 2 * net->n_tunnels + net->n_addresses + net->n_globals + net->n_untranslated;
	struct steer_addr *list = calloc(room + 1, sizeof(list[0]));
	size_t filled = 0;

	*out = (struct steer_list){.addrs = list};
	if (list == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];

		if (!network_is_interconnect(net, id))
			list[filled++] = (struct steer_addr){network_tunnel_local(net, id),
							     STEER_TUNNEL_END | ipsec_of(net, id)};
	}
	filled = merge(list, filled);
	for (size_t i = 0; i < filled; i++)
		list[i].flags |= is_missing(own, ifindex, &list[i].addr) ? STEER_ARP : 0;
	filled += list_interconnects(out, net, port, list + filled);

	for (uint32_t i = 0; i < net->n_addresses; i++) {
		const struct egress_address *egress = &net->addresses[i];
		struct addr6 addr = egress_address_of(egress);
		bool arp = egress->port == port && addresses_on_link(own, ifindex, &addr);

		list[filled++] = (struct steer_addr){addr, STEER_EGRESS | (arp ? STEER_ARP : 0)};
	}
	for (uint32_t i = 0; i < net->n_globals; i++) {
		const struct prefix6 *prefix = &net->globals[i].prefix;
		bool arp = net->uplink6 == port && addresses_on_link(own, ifindex, &prefix->addr);

		list[filled++] =
			(struct steer_addr){prefix->addr, STEER_EGRESS | (arp ? STEER_ARP : 0),
					    prefix->len < 128 ? prefix->len : 0};
	}
	for (uint32_t i = 0; i < net->n_untranslated; i++) {
		const struct prefix6 *prefix = &net->untranslated[i];

		list[filled++] = (struct steer_addr){prefix->addr, STEER_EGRESS,
						     prefix->len < 128 ? prefix->len : 0};
	}
	filled += list_peers(net, list + filled);
	out->n = merge(list, filled);
	return 0;
}

void steer_list_fini(struct steer_list *list)
{
	free(list->addrs);
	*list = (struct steer_list){0};
}

const struct steer_addr *steer_list_find(const struct steer_list *list, const struct addr6 *addr)
{
	const struct steer_addr wanted = {.addr = *addr};

	if (list->n == 0)
		return NULL;
	return bsearch(&wanted, list->addrs, list->n, sizeof(wanted), by_address);
}

bool port_answers(const struct port *port, const struct addr6 *addr)
{
	const struct steer_addr *found = steer_list_find(&port->steered, addr);

	return found != NULL && found->flags & STEER_ARP;
}

bool port_is_ours(const struct port *port, const struct addr6 *addr)
{
	const struct steer_addr *found = steer_list_find(&port->steered, addr);

	return found != NULL && found->flags & (STEER_EGRESS | STEER_ARP);
}

/* Without whole prefixes: they have too many addresses to announce. */
void port_each_answered(const struct port *port, void (*each)(const struct addr6 *addr, void *arg),
			void *arg)
{
	for (size_t i = 0; i < port->steered.n; i++)
		if (port->steered.addrs[i].flags & STEER_ARP && port->steered.addrs[i].len == 0)
			each(&port->steered.addrs[i].addr, arg);
}

void steer_compare(const struct steer_list *before, const struct steer_list *now,
		   steer_changed_fn changed, void *arg)
{
	size_t i = 0, j = 0;

	while (i < before->n || j < now->n) {
		const struct steer_addr *old = &before->addrs[i], *new = &now->addrs[j];
		int order = i == before->n ? 1 : j == now->n ? -1 : by_address(old, new);
		const struct steer_change change = {
			.addr = order < 0 ? old->addr : new->addr,
			.len = order < 0 ? old->len : new->len,
			.before = order <= 0 ? old->flags : 0,
			.now = order >= 0 ? new->flags : 0,
		};

		i += order <= 0;
		j += order >= 0;
		if (change.before != change.now)
			changed(&change, arg);
	}
}
