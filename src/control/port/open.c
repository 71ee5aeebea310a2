/*
 * Opens and closes ports. What differs between drivers is one row of the table `drivers`: how to
 * prepare (checks, locks, arguments for DPDK) and what to do once the queues exist.
 *
 *   prepare -> device -> queues -> finish -> started         port_close() undoes all of it
 *
 * port_close() also closes a port that was opened half-way: each part knows whether it exists. A
 * port may be closed and opened again while the others run (life.c).
 *
 * Control thread.
 */
#include "base/err.h"
#include "base/log.h"
#include "control/alarm.h"
#include "control/port/addresses.h"
#include "control/port/driver.h"
#include "control/port/own.h"
#include "control/port/port_internal.h"
#include "control/port/queues.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

enum { LOST_SHARE = 8 }; /* part of the buffers that may be lost before it is an alarm */

static int read_mac(struct port_opening *o)
{
	struct rte_ether_addr mac;
	int ret = rte_eth_macaddr_get(o->port->worker.ethdev, &mac);

	if (ret == 0)
		memcpy(o->port->worker.mac, mac.addr_bytes, sizeof(o->port->worker.mac));
	return ret;
}

/* Reports the driver's own message, and what an operator can do. */
static void refused(struct port_opening *o, int ret)
{
	const struct config_port *config = o->port->config;

	err_add(o->errs, o->file, config->line, 0, "port %s: the %s driver refused %s (%s%s%s)%s",
		config->name, config_driver_name(config->driver),
		config->driver == PORT_PCI  ? config->device
		: o->driver->device == NULL ? ""
					    : config->interface,
		eal_first_message(), ret < 0 && ret != -1 ? "; " : "",
		ret < 0 && ret != -1 ? strerror(-ret) : "", o->driver->advice);
}

static int start_devices(const struct port *port)
{
	int ret = port->n_devices == 0 ? rte_eth_dev_start(port->worker.ethdev) : 0;

	for (unsigned i = 0; i < port->n_devices && ret == 0; i++)
		ret = rte_eth_dev_start(port->devices[i]);
	return ret;
}

static int open_one(struct port_opening *o)
{
	struct interface_kept kept = {0};
	int ret = o->driver->prepare(o);

	if (ret != 0)
		return ret; /* the driver has added a sentence */
	if (o->driver->open != NULL)
		return o->driver->open(o);
	if (o->port->has_kernel)
		interface_keep(o->port->ifindex, &kept);
	eal_first_message(); /* earlier messages are not about this port */
	ret = queues_make(o);
	if (ret == 0)
		ret = read_mac(o);
	if (ret == 0)
		ret = port_meter_open(o->port);
	if (ret == 0 && o->driver->finish != NULL)
		ret = o->driver->finish(o);
	if (ret == 0)
		ret = start_devices(o->port);
	interface_put_back(&kept);
	if (ret == 0 && o->driver->started != NULL)
		ret = o->driver->started(o);
	if (ret != 0)
		refused(o, ret);
	return ret;
}

static void port_close(const struct port_set *set, struct port *port, bool keep_lock)
{
	int foreign = driver_foreign_program(port);

	port_meter_close(port);
	if (port->vdev[0] != '\0' && port->n_devices == 0)
		queues_close_device(port->worker.ethdev);
	for (unsigned i = 0; i < port->n_devices; i++)
		queues_close_device(port->devices[i]);
	driver_foreign_program_attach(port, foreign);
	driver_memory_close(port);
	driver_memif_close(port);
	driver_kernel_close(port, keep_lock);
	strays_close(&port->strays);
	port->vdev[0] = '\0';
	port->ifindex = 0;
	port->n_devices = port->n_sockets = 0;
	if (port->config->driver == PORT_AF_XDP)
		rings_close_strays(set);
	port->worker.closed = true;
}

/* Lost buffers are missing for all ports. */
static void count_lost(struct port_set *set, unsigned lost)
{
	set->lost += lost;
	if (set->lost > set->pool->size / LOST_SHARE)
		alarm_raise(set->alarms, ALARM_POOL_SHRUNK, "all ports",
			    "%u of %u packet buffers were lost as interfaces came and went",
			    set->lost, set->pool->size);
}

int port_open(struct port_set *set, size_t i, struct err_list *errs)
{
	struct port *port = &set->ports[i];
	bool keep_lock = port->lock >= 0; /* its file notes what is to be undone */
	struct port_opening o = {
		.set = set,
		.port = port,
		.index = i,
		.driver = driver_find(port->config->driver),
		.n_queues = queues_wanted(set->config, port->config),
		.file = set->config->file,
		.net = set->net,
		.errs = errs,
		.program_fd = -1,
	};
	int ret;

	pool_note_give_back(&port->note, set->pool);
	pool_note_begin(&port->note, set->pool, PORT_QUEUES_MAX);
	ret = open_one(&o);
	if (o.program_fd >= 0)
		close(o.program_fd);
	if (ret != 0) {
		driver_kernel_stop(port);
		port_close(set, port, keep_lock);
	} else if (port->memif == NULL) { /* it has set its state */
		port_set_state(set, port, PORT_UP, "works");
	}
	count_lost(set, pool_note_end(&port->note, set->pool));
	if (ret == 0)
		pool_note_forget(&port->note); /* buffers still in its rings */
	port->worker.closed = ret != 0 || port->memif != NULL; /* until its peer has come */
	return ret;
}

void port_shut(struct port_set *set, size_t i)
{
	struct port *port = &set->ports[i];
	unsigned lost = 0, reclaimed = 0;

	driver_kernel_stop(port);
	for (unsigned q = 0; q < port->n_sockets; q++) {
		unsigned kept;

		reclaimed += rings_reclaim(port->sockets[q], set->pool, &kept);
		lost += kept;
	}
	log_debug("port %s: closed; %u buffers came back, %u are lost", port->config->name,
		  reclaimed, lost);
	count_lost(set, lost);
	port_close(set, port, true);
	alarm_clear(set->alarms, ALARM_PORT_BEHIND, port->config->name);
}

static int open_all(struct port_set *set, struct err_list *errs)
{
	int ret = 0;

	for (size_t i = 0; i < set->n; i++) {
		const struct port *port = &set->ports[i];
		size_t before = errs->n;
		int one = port_open(set, i, errs);

		if (errs->n == before)
			one = 0; /* the interface is missing or down: the port waits for it */
		ret = one != 0 ? one : ret; /* continue, so that the operator sees all errors */
		set->worker_ports[i] = port->worker;
	}
	return ret;
}

static const struct worker_port nobody = {.closed = true, .empty = true};

int port_take_slot(struct port_set *set, size_t i, const struct config_port *config)
{
	struct port *port = &set->ports[i];

	*port = (struct port){
		.config = config,
		.has_kernel = driver_has_kernel(config->driver),
		.lock = -1,
		.groups = -1,
		.worker.closed = true,
	};
	set->n = i < set->n ? set->n : i + 1;
	if (config->driver != PORT_AF_XDP)
		return 0;
	port->worker.rings = steer_queues_create();
	return port->worker.rings != NULL ? 0 : -ENOMEM;
}

void port_give_slot(struct port_set *set, size_t i)
{
	struct port *port = &set->ports[i];

	if (!port_is_there(port))
		return;
	port_close(set, port, false);
	pool_note_forget(&port->note);
	steer_queues_destroy(port->worker.rings);
	*port = (struct port){.worker = nobody};
}

static int set_init(struct port_set *set, const struct config *config, const struct network *net,
		    struct err_list *errs)
{
	int ret = 0;

	*set = (struct port_set){.alarms = set->alarms};
	set->peers = epoll_create1(EPOLL_CLOEXEC);
	if (set->peers < 0)
		return -errno;
	set->ports = calloc(PORTS_MAX, sizeof(set->ports[0]));
	set->worker_ports = calloc(PORTS_MAX, sizeof(set->worker_ports[0]));
	if (set->ports == NULL || set->worker_ports == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < PORTS_MAX; i++)
		set->worker_ports[i] = set->ports[i].worker = nobody;
	for (size_t i = 0; i < config->n_ports && ret == 0; i++)
		ret = port_take_slot(set, i, &config->ports[i]);
	if (ret != 0)
		return ret;
	set->config = config;
	set->net = net;
	set->room = config->n_ports + config->spare_ports;
	set->has_af_xdp = pool_suits_af_xdp(config);
	set->more_queues = pool_more_queues(config);
	set->mtu = driver_largest_mtu(config);
	set->pool = pool_create(config, set->mtu);
	if (set->pool == NULL) {
		err_add(errs, config->file, 0, 0, "not enough memory for %u packet buffers (%s)",
			pool_buffers(config), eal_first_message());
		return -ENOMEM;
	}
	return 0;
}

static bool any_kernel_port(const struct config *config)
{
	for (size_t i = 0; i < config->n_ports; i++)
		if (driver_has_kernel(config->ports[i].driver))
			return true;
	return false;
}

/* The kernel's addresses at present; ports_follow() reads them again. */
static int read_addresses(struct port_set *set, const struct config *config, struct err_list *errs)
{
	int ret = -ENOMEM;

	set->own = calloc(1, sizeof(*set->own));
	if (set->own != NULL)
		ret = addresses_read(set->own);
	if (ret != 0)
		err_add(errs, config->file, 0, 0, "cannot read the kernel's addresses: %s",
			strerror(-ret));
	return ret;
}

int ports_open(struct port_set *set, const struct config *config, const struct network *net,
	       struct err_list *errs)
{
	int ret = set_init(set, config, net, errs);

	if (ret == 0 && any_kernel_port(config)) {
		interface_sweep();
		ret = read_addresses(set, config, errs);
		if (ret == 0)
			ret = own_check(set->own, config->file, NULL, net, errs);
	}
	if (ret == 0)
		ret = open_all(set, errs);
	if (ret != 0)
		ports_close(set);
	return ret;
}

void port_read_steer_counts(const struct port *port, struct port_steer_counts *out)
{
	*out = (struct port_steer_counts){0};
	if (port->steer != NULL)
		steer_read(steer_counts_map(port->steer), out);
	else if (port->guard != NULL)
		steer_read(guard_counts_map(port->guard), out);
}

void ports_close(struct port_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		port_give_slot(set, i);
	rte_mempool_free(set->pool); /* accepts NULL */
	if (set->own != NULL)
		addresses_fini(set->own);
	free(set->own);
	free(set->ports);
	free(set->worker_ports);
	if (set->peers > 0)
		close(set->peers);
	*set = (struct port_set){0};
}
