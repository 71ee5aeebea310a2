/* The ports of a bed: see bed_ports.h. A frame is put into a ring, and taken out of another. */
#include "bed_ports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

enum { RING_SIZE = 1024 };

static struct rte_ring *make_ring(const char *kind, unsigned serial, unsigned port, unsigned queue)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	snprintf(name, sizeof(name), "%s-%u-%u-%u", kind, serial, port, queue);
	ring = rte_ring_create(name, RING_SIZE, SOCKET_ID_ANY, 0);
	assert_non_null(ring);
	return ring;
}

static void make_device(struct bed_port *port, const char *name, struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = {0};
	uint16_t n = port->n_queues;
	int ethdev = rte_eth_from_rings(name, port->in, n, port->out, n, 0);

	assert_true(ethdev >= 0);
	port->ethdev = (uint16_t)ethdev;
	assert_int_equal(rte_eth_dev_configure(port->ethdev, n, n, &conf), 0);
	for (uint16_t q = 0; q < n; q++) {
		assert_int_equal(rte_eth_rx_queue_setup(port->ethdev, q, 512, 0, NULL, pool), 0);
		assert_int_equal(rte_eth_tx_queue_setup(port->ethdev, q, 512, 0, NULL), 0);
	}
	assert_int_equal(rte_eth_dev_start(port->ethdev), 0);
}

void bed_port_open(struct bed_port *port, unsigned serial, unsigned i, struct rte_mempool *pool)
{
	char name[RTE_RING_NAMESIZE];

	for (unsigned q = 0; q < port->n_queues; q++) {
		port->in[q] = make_ring("in", serial, i, q);
		port->out[q] = make_ring("out", serial, i, q);
	}
	snprintf(name, sizeof(name), "port-%u-%u", serial, i);
	make_device(port, name, pool);
}

void bed_port_close(struct bed_port *port)
{
	rte_eth_dev_stop(port->ethdev);
	rte_eth_dev_close(port->ethdev);
	for (unsigned q = 0; q < port->n_queues; q++) {
		rte_ring_free(port->in[q]);
		rte_ring_free(port->out[q]);
	}
}
