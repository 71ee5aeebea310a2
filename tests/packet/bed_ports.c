/* The ports of a bed: see bed_ports.h. A frame is put into a ring, and taken out of another. */
#include "bed_ports.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

enum { RING_SIZE = 1024 };

void bed_ports_start_dpdk(void)
{
	static bool started;
	char *args[] = {(char *)"packet-test",
			(char *)"--no-huge",
			(char *)"--no-shconf",
			(char *)"--no-pci",
			(char *)"-m",
			(char *)"512",
			(char *)"--no-telemetry",
			(char *)"--log-level=error",
			NULL};

	if (started)
		return;
	assert_true(rte_eal_init(ARRAY_SIZE(args) - 1, args) >= 0);
	started = true;
}

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

/* Follows the thread that put frames into the ring. */
static uint16_t after_receive(uint16_t ethdev, uint16_t queue, struct rte_mbuf **frames, uint16_t n,
			      uint16_t max, void *arg)
{
	const struct bed_port *port = arg;

	(void)__atomic_load_n(&port->in[queue]->prod.tail, __ATOMIC_ACQUIRE);
	return n;
}

static uint16_t before_send(uint16_t ethdev, uint16_t queue, struct rte_mbuf **frames, uint16_t n,
			    void *arg)
{
	struct bed_port *port = arg;

	__atomic_fetch_add(&port->sent, 1, __ATOMIC_RELEASE);
	return n;
}

void bed_port_share(struct bed_port *port)
{
	for (uint16_t q = 0; q < port->n_queues; q++) {
		port->on_rx[q] = rte_eth_add_rx_callback(port->ethdev, q, after_receive, port);
		port->on_tx[q] = rte_eth_add_tx_callback(port->ethdev, q, before_send, port);
		assert_true(port->on_rx[q] != NULL && port->on_tx[q] != NULL);
	}
}

void bed_port_follow(struct bed_port *port)
{
	(void)__atomic_load_n(&port->sent, __ATOMIC_ACQUIRE);
}

void bed_port_close(struct bed_port *port)
{
	rte_eth_dev_stop(port->ethdev);
	/* they outlive a closed device */
	for (uint16_t q = 0; q < port->n_queues; q++) {
		if (port->on_rx[q] != NULL)
			rte_eth_remove_rx_callback(port->ethdev, q, port->on_rx[q]);
		if (port->on_tx[q] != NULL)
			rte_eth_remove_tx_callback(port->ethdev, q, port->on_tx[q]);
	}
	rte_eth_dev_close(port->ethdev);
	for (unsigned q = 0; q < port->n_queues; q++) {
		rte_ring_free(port->in[q]);
		rte_ring_free(port->out[q]);
	}
}
