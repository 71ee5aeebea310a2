/*
 * Ports are held to their interfaces while we run.
 *
 * An interface that goes away, or comes back as another, is closed and opened again while the
 * workers run; one that was not there at the start is opened when it comes. What is taken off it
 * is put on again, and what cannot be cured is the port's state, with an alarm (docs/ports.md has
 * the table).
 *
 * Control thread, in its event loop.
 */
#pragma once

#include "control/port/port.h"

struct event_base;
struct port_life;

/*
 * Has all workers take a copy of @ports, and returns when they did: nobody uses what is closed
 * there any more.
 */
typedef void (*port_life_publish_fn)(const struct worker_port *ports, void *arg);

/* A port was opened or closed: its ifindex, MTU or Ethernet address may be another. */
typedef void (*port_life_changed_fn)(void *arg);

/* NULL and a sentence in @errs on failure. @set must outlive it. */
struct port_life *port_life_create(struct event_base *base, struct port_set *set,
				   port_life_publish_fn publish, port_life_changed_fn changed,
				   void *arg, struct err_list *errs);
void port_life_destroy(struct port_life *w); /* NULL is fine */

/* For change.h: workers let go of the port in this slot, and it is closed, without an alarm. */
void port_life_close(struct port_life *w, size_t slot);

/* The ports in these slots (bits) were opened, or wait for their interface. */
void port_life_opened(struct port_life *w, uint32_t slots);

/* Ports came or went: workers and routes are told, and all ports compared with their interfaces. */
void port_life_look(struct port_life *w);
