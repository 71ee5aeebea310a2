/*
 * Ports: an interface, a file, a socket or a device serves one port only. The schema's rows say
 * which settings go with which driver.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/schema.h"
#include "control/config/tree.h"

#include <string.h>

static void check_unique(struct checker *checker, struct seen *seen, const char *text,
			 const struct tree_node *node, const char *what)
{
	const struct tree_node *before;

	if (text[0] == '\0')
		return;
	before = seen_add(seen, text, strlen(text), node);
	if (before != NULL)
		report_at(checker->report, node, "another port has the %s %s already, on line %u",
			  what, text, before->line);
}

/* For later errors of the machine about the interface, the file or the socket. */
static void note_place(struct config_port *port, const struct tree_node *item,
		       const struct tree_node *interface)
{
	const struct tree_node *place = interface != NULL ? interface : tree_get(item, "rx-file");

	if (place == NULL)
		place = tree_get(item, "socket");
	if (place == NULL)
		place = tree_get(item, "device");
	if (place == NULL)
		place = item;
	port->line = place->line;
	port->column = place->column;
}

void check_ports(struct checker *checker)
{
	struct config *config = checker->config;
	const struct tree_node *item = check_items(checker->root, "ports", config->n_ports);
	struct seen names = {0}, interfaces = {0}, files = {0}, sockets = {0};
	struct seen devices = {0};

	for (size_t i = 0; i < config->n_ports; i++, item = item->next) {
		struct config_port *port = &config->ports[i];
		const struct tree_node *interface = tree_get(item, "interface");

		note_place(port, item, interface);
		check_name(checker, &names, "port", port->name, item);
		check_variant(checker, &schema_port, port->driver, item);
		check_unique(checker, &interfaces, port->interface, interface, "interface");
		check_unique(checker, &files, port->tx_file, tree_get(item, "tx-file"), "tx-file");
		check_unique(checker, &sockets, port->socket, tree_get(item, "socket"), "socket");
		check_unique(checker, &devices, port->device, tree_get(item, "device"), "device");
	}
	seen_fini(&devices);
	seen_fini(&names);
	seen_fini(&interfaces);
	seen_fini(&files);
	seen_fini(&sockets);
}
