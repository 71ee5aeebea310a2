/*
 * The difference of two configurations: its settings and its ports. See difference.h; sites are in
 * difference_sites.c, networks in difference_networks.c, egress pools in difference_egress.c.
 */
#include "control/change/difference.h"

#include "control/change/difference_parts.h"
#include "control/change/items.h"
#include "control/config/config.h"
#include "control/config/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct config_port_timer *find_timer(const struct config *config,
						  const struct config_port_timer *like)
{
	for (size_t i = 0; i < config->n_port_timers; i++) {
		const struct config_port_timer *t = &config->port_timers[i];

		if (t->protocol == like->protocol && t->port == like->port)
			return t;
	}
	return NULL;
}

static void say_timer(struct items *items, struct draft *draft, const struct config_port_timer *t,
		      const char *before, const char *after)
{
	draft_say(items, draft, "%s %u %s -> %s", t->protocol == TRANSPORT_TCP ? "tcp" : "udp",
		  t->port, before, after);
}

/* Compares them by protocol and port, since their order has no meaning. */
static void say_timers(struct items *items, struct draft *draft)
{
	const struct config *before = items->before, *after = items->after;
	char old[VALUE_DURATION_SIZE], new[VALUE_DURATION_SIZE];

	for (size_t i = 0; i < after->n_port_timers; i++) {
		const struct config_port_timer *t = &after->port_timers[i];
		const struct config_port_timer *was = find_timer(before, t);

		value_duration_text(t->idle, new);
		if (was == NULL)
			say_timer(items, draft, t, "not set", new);
		else if (was->idle != t->idle)
			say_timer(items, draft, t, value_duration_text(was->idle, old), new);
	}
	for (size_t i = 0; i < before->n_port_timers; i++) {
		const struct config_port_timer *t = &before->port_timers[i];

		if (find_timer(after, t) == NULL)
			say_timer(items, draft, t, value_duration_text(t->idle, old), "not set");
	}
}

/* Adds an item for the setting. */
static void setting_differs(struct items *items, void *arg, const struct setting *setting,
			    const char *path, const void *before, const void *after)
{
	struct draft draft = {0};

	if (setting->block == &schema_port || setting->block == &schema_site ||
	    setting->block == &schema_pool || setting->block == &schema_network)
		return; /* these have items of their own */
	if (strcmp(path, "flows.timeouts.per-port") == 0) {
		say_timers(items, &draft);
		draft_effect(&draft, setting->effect);
	} else {
		items_differ(items, &draft, setting, path, before, after);
		/*
		 * without IPv6 in the file its table is not used, and may stay until the next start
		 */
		if (setting->offset == offsetof(struct config, flows_capacity6) &&
		    items->after->flows_capacity6 == 0)
			draft.why_restart = NULL;
		/* the path is already the name of the item */
		if (draft.detail != NULL)
			memmove(draft.detail, draft.detail + strlen(path) + 1,
				strlen(draft.detail) - strlen(path));
	}
	items_add(items, "setting", path, CHANGE_CHANGED, &draft);
}

static const struct config_port *find_port(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_ports; i++) {
		if (strcmp(config->ports[i].name, name) == 0)
			return &config->ports[i];
	}
	return NULL;
}

static void say_port(struct items *items, struct draft *draft, const struct config_port *port)
{
	const char *what = port->interface[0] != '\0' ? port->interface
			   : port->socket[0] != '\0'  ? port->socket
			   : port->device[0] != '\0'  ? port->device
						      : port->rx_file;

	draft_say(items, draft, "%s%s%s", config_driver_name(port->driver),
		  what[0] != '\0' ? " " : "", what);
}

static void difference_of_ports(struct items *items)
{
	struct draft draft = {0};

	for (size_t i = 0; i < items->after->n_ports; i++) {
		const struct config_port *port = &items->after->ports[i];
		const struct config_port *was = find_port(items->before, port->name);

		if (was != NULL)
			items_walk(items, &schema_port, was, port, items_differ, &draft);
		else
			say_port(items, &draft, port);
		items_add(items, "port", port->name, was != NULL ? CHANGE_CHANGED : CHANGE_ADDED,
			  &draft);
	}
	for (size_t i = 0; i < items->before->n_ports; i++) {
		const struct config_port *port = &items->before->ports[i];

		if (find_port(items->after, port->name) != NULL)
			continue;
		say_port(items, &draft, port);
		items_add(items, "port", port->name, CHANGE_REMOVED, &draft);
	}
}

void difference_of_file(struct items *items)
{
	items_walk(items, &schema_file, items->before, items->after, setting_differs, NULL);
	difference_of_ports(items);
}

int difference_make(struct difference *out, const struct config *before, const struct config *after)
{
	struct items items = {.out = out, .before = before, .after = after};

	*out = (struct difference){0};
	if (match_make(&items.match, &before->network, &after->network) < 0)
		return -ENOMEM;
	items.value = open_memstream(&items.value_text, &items.value_len);
	if (items.value == NULL) {
		match_fini(&items.match);
		return -ENOMEM;
	}

	difference_of_file(&items);
	difference_of_sites(&items);
	difference_of_tunnels(&items);
	difference_of_networks(&items);
	difference_of_egress(&items);

	fclose(items.value);
	free(items.value_text);
	match_fini(&items.match);
	if (!items.failed)
		return 0;
	difference_fini(out);
	return -ENOMEM;
}

void difference_fini(struct difference *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->items[i].name);
		free(d->items[i].detail);
	}
	free(d->items);
	*d = (struct difference){0};
}
