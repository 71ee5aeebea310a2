/*
 * Keeps ports attached to their interfaces at run time.
 *
 * When an interface disappears, or comes back as another one, its port is closed and opened again
 * while the workers run. A port whose interface was missing at the start is opened when the
 * interface appears. When another process detaches our program, we attach it again. What cannot be
 * repaired becomes the port's state, with an alarm (table in docs/ports.md).
 *
 * Control thread, in its event loop.
 */
#pragma once

#include "control/port/port.h"

struct event_base;
struct port_life;

/*
 * Gives all workers a copy of @ports. When it returns, all of them have the copy: no worker uses a
 * port that @ports has as closed.
 */
typedef void (*port_life_publish_fn)(const struct worker_port *ports, void *arg);

/* A port was opened or closed: its ifindex, MTU or Ethernet address may have changed. */
typedef void (*port_life_changed_fn)(void *arg);

/* Returns NULL and a sentence in @errs on failure. @set must outlive the result. */
struct port_life *port_life_create(struct event_base *base, struct port_set *set,
				   port_life_publish_fn publish, port_life_changed_fn changed,
				   void *arg, struct err_list *errs);
void port_life_destroy(struct port_life *w); /* accepts NULL */

/*
 * For change.h: takes the port in this slot away from the workers and closes it, without an alarm.
 */
void port_life_close(struct port_life *w, size_t slot);

/* The ports in these slots (bits) were opened, or wait for their interface. */
void port_life_opened(struct port_life *w, uint32_t slots);

/*
 * Ports were added or removed: tells workers and routes, and compares all ports with their
 * interfaces.
 */
void port_life_look(struct port_life *w);
