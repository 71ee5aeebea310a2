/* Adds and removes ports while workers run: see change.h. */
#include "control/port/change.h"

#include "base/err.h"
#include "base/log.h"
#include "control/alarm.h"
#include "control/port/addresses.h"
#include "control/port/driver.h"
#include "control/port/life.h"
#include "control/port/own.h"
#include "control/port/port_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool bit_of(uint32_t bits, size_t slot)
{
	return bits >> slot & 1;
}

static bool is_same_port(const struct config_port *a, const struct config_port *b)
{
	return strcmp(a->name, b->name) == 0 && a->driver == b->driver &&
	       strcmp(a->interface, b->interface) == 0 && strcmp(a->rx_file, b->rx_file) == 0 &&
	       strcmp(a->tx_file, b->tx_file) == 0 && strcmp(a->socket, b->socket) == 0 &&
	       strcmp(a->device, b->device) == 0 && a->role == b->role && a->id == b->id &&
	       a->ring_size == b->ring_size && a->mtu == b->mtu &&
	       a->has_next_hop_mac == b->has_next_hop_mac &&
	       memcmp(a->next_hop_mac, b->next_hop_mac, sizeof(a->next_hop_mac)) == 0;
}

/* --- plan ------------------------------------------------------------------------------------- */

static int change_slot_of(const struct port_set *set, const struct config_port *config)
{
	for (size_t i = 0; i < set->n; i++)
		if (port_is_there(&set->ports[i]) && is_same_port(set->ports[i].config, config))
			return (int)i;
	return -1;
}

/* The first slot that is free and not yet given away by the plan; -1: none. */
static int empty_slot(const struct port_set *set, uint32_t taken)
{
	for (size_t i = 0; i < PORTS_MAX; i++)
		if (!port_is_there(&set->ports[i]) && !bit_of(taken, i))
			return (int)i;
	return -1;
}

/* Do the buffers that were made at the start suit the port? */
static int check_buffers(const struct port_set *set, const struct config *config,
			 const struct config_port *port, struct err_list *errs)
{
	if (port->driver == PORT_AF_XDP && !set->has_af_xdp) {
		err_add(errs, config->file, port->line, 0,
			"port %s: the first port with driver af_xdp needs a restart: packet "
			"buffers are laid out at the start",
			port->name);
		return -ENOTSUP;
	}
	if (port->mtu > set->mtu) {
		err_add(errs, config->file, port->line, 0,
			"port %s: mtu %u needs a restart: packet buffers were made for %u",
			port->name, port->mtu, set->mtu);
		return -ENOTSUP;
	}
	return 0;
}

static int plan_added(const struct port_set *set, const struct config *config,
		      struct port_plan *out, struct err_list *errs)
{
	uint32_t taken = 0;
	int ret = 0;

	for (size_t i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];
		int slot = change_slot_of(set, port), one = 0;

		if (slot < 0) {
			one = check_buffers(set, config, port, errs);
			if (one == 0)
				one = port_check_rights(port, config->file, errs);
			slot = empty_slot(set, taken);
		}
		if (one == 0 && slot < 0) {
			err_add(errs, config->file, port->line, 0,
				"port %s: there is no place for another port until one is removed "
				"(%d at most, those that are replaced included)",
				port->name, PORTS_MAX);
			one = -ENOSPC;
		}
		if (one == 0 && !port_is_there(&set->ports[slot]))
			out->added |= UINT32_C(1) << slot;
		taken |= one == 0 ? UINT32_C(1) << slot : 0;
		out->slots[i] = (uint8_t)(slot < 0 ? 0 : slot);
		ret = ret != 0 ? ret : one;
	}
	for (size_t i = 0; i < set->n; i++)
		if (port_is_there(&set->ports[i]) && !bit_of(taken, i))
			out->removed |= UINT32_C(1) << i;
	return ret;
}

static bool is_same_name(const char *a, const char *b)
{
	return a[0] != '\0' && strcmp(a, b) == 0;
}

/* Removed ports whose interface or socket an added port uses. */
static void plan_order(const struct port_set *set, const struct config *config,
		       struct port_plan *out)
{
	for (size_t i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->ports[i];

		if (!bit_of(out->added, out->slots[i]))
			continue;
		for (size_t k = 0; k < set->n; k++) {
			const struct config_port *other = set->ports[k].config;

			if (bit_of(out->removed, k) &&
			    (is_same_name(port->interface, other->interface) ||
			     is_same_name(port->socket, other->socket)))
				out->closed_first |= UINT32_C(1) << k;
		}
	}
}

/* While added ports are being opened, removed ports are still open. */
static int check_room(const struct port_set *set, const struct config *config,
		      struct port_plan *plan, struct err_list *errs)
{
	size_t n =
		config->n_ports + (size_t)__builtin_popcount(plan->removed & ~plan->closed_first);

	if (config->n_ports > set->room) {
		err_add(errs, config->file, 0, 0,
			"%zu ports need a restart: there are packet buffers for %zu; spare-ports "
			"says for how many more they are made",
			config->n_ports, set->room);
		return -ENOTSUP;
	}
	if (n > set->room)
		plan->closed_first = plan->removed; /* the added ports need their buffers */
	return 0;
}

int ports_plan(const struct port_set *set, const struct config *config, struct port_plan *out,
	       struct err_list *errs)
{
	int ret;

	memset(out, 0, sizeof(*out));
	ret = plan_added(set, config, out, errs);
	if (ret != 0)
		return ret;
	plan_order(set, config, out);
	return check_room(set, config, out, errs);
}

/* --- prepare ---------------------------------------------------------------------------------- */

/* Reads the kernel's addresses by the first port that has a kernel behind it. */
static int need_addresses(struct port_set *set, const struct config_port *config)
{
	int ret;

	if (set->own != NULL || !driver_has_kernel(config->driver))
		return 0;
	set->own = calloc(1, sizeof(*set->own));
	if (set->own == NULL)
		return -ENOMEM;
	ret = addresses_read(set->own);
	if (ret != 0) {
		free(set->own);
		set->own = NULL;
	}
	return ret;
}

static int change_add(struct port_set *set, size_t slot, const struct config *config,
		      const struct config_port *port, struct err_list *errs)
{
	size_t before = errs->n;
	int ret = need_addresses(set, port);

	if (ret == 0)
		ret = port_take_slot(set, slot, port);
	if (ret != 0) {
		err_add(errs, config->file, port->line, 0, "port %s: %s", port->name,
			strerror(-ret));
		port_give_slot(set, slot);
		return ret;
	}
	ret = port_open(set, slot, errs);
	if (ret != 0 && errs->n > before) {
		port_give_slot(set, slot);
		return ret;
	}
	return 0; /* it is open; or it waits for its interface */
}

static int add_all(struct port_set *set, const struct config *config, const struct port_plan *plan,
		   struct err_list *errs)
{
	int ret = 0;

	for (size_t i = 0; i < config->n_ports; i++) {
		int one = 0;

		if (bit_of(plan->added, plan->slots[i]))
			one = change_add(set, plan->slots[i], config, &config->ports[i], errs);
		ret = ret != 0 ? ret : one;
	}
	return ret;
}

static void close_all(struct port_set *set, struct port_life *life, uint32_t slots)
{
	for (size_t i = 0; i < set->n; i++)
		if (bit_of(slots, i) && port_is_there(&set->ports[i]))
			port_life_close(life, i);
}

static void give_all(struct port_set *set, struct port_life *life, uint32_t slots)
{
	close_all(set, life, slots);
	for (size_t i = 0; i < set->n; i++)
		if (bit_of(slots, i) && port_is_there(&set->ports[i]))
			port_give_slot(set, i);
}

int ports_prepare(struct port_set *set, struct port_life *life, const struct config *config,
		  const struct network *net, const struct port_plan *plan, struct err_list *errs)
{
	const struct network *before = set->net;
	int ret;

	close_all(set, life, plan->closed_first);
	set->net = net; /* the addresses that the programs of the added ports steer */
	ret = add_all(set, config, plan, errs);
	set->net = before;
	if (ret == 0 && set->own != NULL)
		ret = own_check(set->own, config->file, before, net, errs);
	if (ret != 0) {
		ports_abort(set, life, plan);
		return ret;
	}
	if (plan->added != 0)
		port_life_opened(life, plan->added);
	return 0;
}

void ports_abort(struct port_set *set, struct port_life *life, const struct port_plan *plan)
{
	give_all(set, life, plan->added);
	if (plan->closed_first != 0)
		port_life_look(life); /* opens the removed ports again */
}

void ports_commit(struct port_set *set, struct port_life *life, const struct config *config,
		  const struct network *net, const struct port_plan *plan)
{
	for (size_t i = 0; i < set->n; i++)
		if (bit_of(plan->removed, i))
			log_info("port %s: removed", set->ports[i].config->name);
	give_all(set, life, plan->removed);
	for (size_t i = 0; i < config->n_ports; i++)
		set->ports[plan->slots[i]].config = &config->ports[i];
	set->config = config;
	set->net = net;
	if (plan->removed != 0)
		port_life_look(life);
}
