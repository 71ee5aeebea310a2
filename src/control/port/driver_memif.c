/*
 * The memif driver: a port whose cable is memory shared with another process.
 *
 * The port is open as long as it listens for its peer, or tries to reach it. Workers see it closed
 * until a peer is connected. A peer that leaves is like a cable that is unplugged: the state is
 * down, and packets for the port are answered as for any port that is down.
 *
 * No DPDK driver takes part: path/memif.c says why.
 *
 * Control thread.
 */
#include "base/log.h"
#include "control/port/driver.h"
#include "control/port/memif.h"

#include <errno.h>
#include <string.h>

int driver_memif_prepare(struct port_opening *o)
{
	driver_prepare_plain(o);
	return driver_own_mac(o);
}

static void say_why(struct port_opening *o, int error)
{
	const struct config_port *config = o->port->config;

	if (error == EADDRINUSE)
		err_add(o->errs, o->file, config->line, config->column,
			"port %s: another program listens on socket %s: stop it, or take role: "
			"client",
			config->name, config->socket);
	else if (error == EEXIST)
		err_add(o->errs, o->file, config->line, config->column,
			"port %s: %s is there, but it is not a socket", config->name,
			config->socket);
	else
		err_add(o->errs, o->file, config->line, config->column,
			"port %s: cannot listen on socket %s: %s", config->name, config->socket,
			strerror(error));
}

int driver_memif_open(struct port_opening *o)
{
	struct port *port = o->port;
	const struct config_port *config = port->config;
	const struct memif_settings settings = {
		.socket = config->socket,
		.server = config->role == MEMIF_SERVER,
		.id = config->id,
		.slots = config->ring_size != 0 ? config->ring_size : CONFIG_MEMIF_RING,
		.queues = o->n_queues,
		.frame = (uint32_t)port->worker.mtu + POOL_ETHERNET,
		.pool = o->set->pool,
		.epoll = o->set->peers,
	};
	int error;

	port->memif = memif_open(&settings);
	if (port->memif == NULL) {
		error = errno;
		say_why(o, error);
		return -error;
	}
	port_set_state(o->set, port, PORT_DOWN, "%s", memif_reason(port->memif));
	return port_meter_open(port);
}

void driver_memif_close(struct port *port)
{
	memif_close(port->memif);
	port->memif = NULL;
	port->worker.memif = NULL;
}

/* Workers give up the queues before their memory is unmapped. */
static void unplug(struct port *port, driver_changed_fn changed, void *arg)
{
	log_info("port %s: %s", port->config->name, memif_reason(port->memif));
	port->worker.closed = true;
	changed(arg);
	port->worker.memif = NULL;
	memif_release(port->memif);
}

static void plug(struct port *port, driver_changed_fn changed, void *arg)
{
	port->worker.memif = memif_queues(port->memif, &port->worker.n_queues);
	port->worker.closed = false;
	log_info("port %s: a peer is connected by %u queue%s", port->config->name,
		 port->worker.n_queues, port->worker.n_queues == 1 ? "" : "s");
	changed(arg);
}

void driver_memif_serve(struct port_set *set, struct port *port, driver_changed_fn changed,
			void *arg)
{
	memif_serve(port->memif);
	if (memif_state(port->memif) == MEMIF_LEFT) {
		if (!port->worker.closed)
			unplug(port, changed, arg);
		else
			memif_release(port->memif); /* it came and went between two looks */
		memif_serve(port->memif);
	}
	if (memif_state(port->memif) == MEMIF_CONNECTED && port->worker.closed)
		plug(port, changed, arg);

	if (memif_state(port->memif) != MEMIF_CONNECTED)
		port_set_state(set, port, PORT_DOWN, "%s", memif_reason(port->memif));
	else if (memif_wants_interrupts(port->memif))
		port_set_state(set, port, PORT_DEGRADED,
			       "the peer at socket %s waits for interrupts, which it does not get: "
			       "let it poll",
			       port->config->socket);
	else
		port_set_state(set, port, PORT_UP, "works");
}
