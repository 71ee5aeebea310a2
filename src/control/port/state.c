/*
 * The state of a port, for operators: one word, one sentence, and the alarm that goes with it.
 *
 * Control thread.
 */
#include "base/types.h"
#include "control/alarm.h"
#include "control/port/port_internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	enum alarm_kind alarm; /* of every state but PORT_UP */
} states[PORT_STATES] = {
	[PORT_UP] = {"up"},
	[PORT_MISSING] = {"missing", ALARM_PORT_MISSING},
	[PORT_CLOSED] = {"closed", ALARM_PORT_CLOSED},
	[PORT_DOWN] = {"down", ALARM_PORT_DOWN},
	[PORT_BYPASSED] = {"bypassed", ALARM_PORT_BYPASSED},
	[PORT_DEGRADED] = {"degraded", ALARM_PORT_DEGRADED},
};

const char *port_state_name(enum port_state state)
{
	assert((size_t)state < ARRAY_SIZE(states));
	return states[state].name;
}

bool port_is_open(const struct port *port)
{
	return port->vdev[0] != '\0' || port->memif != NULL;
}

void port_set_state(struct port_set *set, struct port *port, enum port_state state, const char *fmt,
		    ...)
{
	const char *name = port->config->name;
	enum port_state before = port->state;
	va_list ap;

	port->state = state;
	port->reason[0] = '\0';
	if (state != PORT_UP) {
		va_start(ap, fmt);
		vsnprintf(port->reason, sizeof(port->reason), fmt, ap);
		va_end(ap);
		alarm_raise(set->alarms, states[state].alarm, name, "%s", port->reason);
	}
	if (before != PORT_UP && before != state)
		alarm_clear(set->alarms, states[before].alarm, name);
}

/* Another port of that name: a port that is replaced is there beside its heir for a moment. */
static const struct port *find_namesake(const struct port_set *set, const struct port *port)
{
	for (size_t i = 0; i < set->n; i++) {
		const struct port *other = &set->ports[i];

		if (other != port && port_is_there(other) &&
		    strcmp(other->config->name, port->config->name) == 0)
			return other;
	}
	return NULL;
}

void port_end_alarms(struct port_set *set, struct port *port)
{
	static const enum alarm_kind counted[] = {ALARM_PORT_LOSSES, ALARM_PORT_BUFFERS,
						  ALARM_PARTIAL_CHECKSUMS, ALARM_FRAMES_TRUNCATED};
	const struct port *heir = find_namesake(set, port);

	if (port->state != PORT_UP && (heir == NULL || heir->state != port->state))
		alarm_clear(set->alarms, states[port->state].alarm, port->config->name);
	port->state = PORT_UP;
	port->reason[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(counted); i++)
		alarm_clear(set->alarms, counted[i], port->config->name);
}
