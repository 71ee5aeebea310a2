/* Checks that need more than one setting: order, and what settings share. See check.h. */
#include "control/config/check.h"

#include "base/nearest.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/schema.h"
#include "control/config/tree.h"

#include <stdio.h>
#include <string.h>

bool check_is_ipv6(const struct prefix6 *prefix)
{
	return prefix->len < MAPPED_BITS || !addr6_is_mapped(&prefix->addr);
}

const struct tree_node *check_items(const struct tree_node *node, const char *key, size_t n)
{
	return n == 0 ? NULL : tree_get(node, key)->first;
}

void check_name(struct checker *checker, struct seen *names, const char *what, const char *name,
		const struct tree_node *item)
{
	const struct tree_node *here, *before;

	if (name[0] == '\0')
		return;
	here = tree_get(item, "name");
	before = seen_add(names, name, strlen(name), here);
	if (before != NULL)
		report_at(checker->report, here, "another %s is called \"%s\" already, on line %u",
			  what, name, before->line);
}

static bool variant_is_known(const struct setting *variant, const struct tree_node *item)
{
	const struct tree_node *node = tree_get(item, variant->name);

	if (item->kind != TREE_MAP)
		return false;
	if (node == NULL)
		return true; /* the default */
	for (size_t i = 0; variant->choices[i] != NULL; i++) {
		if (node->kind == TREE_TEXT && strcmp(node->text, variant->choices[i]) == 0)
			return true;
	}
	return false;
}

void check_variant(struct checker *checker, const struct block *block, unsigned value,
		   const struct tree_node *item)
{
	const struct setting *variant = block->variant;
	const char *name = variant->choices[value];
	unsigned bit = 1u << value;

	if (!variant_is_known(variant, item))
		return;
	for (size_t i = 0; i < block->n; i++) {
		const struct setting *setting = &block->settings[i];
		bool needed = (setting->needed_by & bit) != 0;
		bool refused = setting->taken_by != 0 && (setting->taken_by & bit) == 0;
		/* most are neither, and there are thousands of tunnels */
		const struct tree_node *node =
			needed || refused ? tree_get(item, setting->name) : NULL;

		if (node == NULL && needed)
			report_at(checker->report, item,
				  "\"%s\" is missing: %s with %s %s must have it", setting->name,
				  block->noun, variant->name, name);
		if (node != NULL && refused)
			report_at(checker->report, node->key,
				  "\"%s\" does not go with %s %s: remove it", setting->name,
				  variant->name, name);
	}
}

static uint16_t find_port(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_ports; i++) {
		if (strcmp(config->ports[i].name, name) == 0)
			return (uint16_t)i;
	}
	return SPEC_PORT_ANY;
}

static void report_unknown_port(struct checker *checker, const struct tree_node *node)
{
	const struct config *config = checker->config;
	char shown[REPORT_SHOWN_SIZE];
	struct nearest near = nearest_begin(node->text);

	for (size_t i = 0; i < config->n_ports; i++)
		nearest_offer(&near, config->ports[i].name);
	report_shown(node->text, shown);
	if (near.best != NULL)
		report_at(checker->report, node, "there is no port %s: did you mean \"%s\"?", shown,
			  near.best);
	else
		report_at(checker->report, node, "there is no port %s", shown);
}

uint16_t check_port_of(struct checker *checker, const char *noun, const struct tree_node *item)
{
	const struct tree_node *node = tree_get(item, "port");
	uint16_t port;

	if (checker->config->n_ports == 0 || item->kind != TREE_MAP)
		return SPEC_PORT_ANY; /* an error was already reported */
	if (node == NULL) {
		if (checker->config->n_ports == 1)
			return 0;
		report_at(checker->report, item,
			  "\"port\" is missing: %s must have it when there are several ports",
			  noun);
		return SPEC_PORT_ANY;
	}
	if (node->kind != TREE_TEXT || tree_is_null(node))
		return SPEC_PORT_ANY;

	port = find_port(checker->config, node->text);
	if (port == SPEC_PORT_ANY)
		report_unknown_port(checker, node);
	return port;
}

/* Puts the epoch file into this directory unless the file sets its path. */
static void check_state(struct checker *checker)
{
	enum { ROOM = CONFIG_PATH_SIZE - sizeof("/epoch") };
	struct config *config = checker->config;

	if (config->epoch_file[0] != '\0' || config->state_directory[0] == '\0')
		return;
	if (strlen(config->state_directory) > ROOM)
		report_at(checker->report, tree_get(checker->root, "state-directory"),
			  "\"state-directory\" must have at most %d characters, for the names of "
			  "what is in it",
			  ROOM);
	else
		snprintf(config->epoch_file, sizeof(config->epoch_file), "%.*s/epoch", ROOM,
			 config->state_directory);
}

void check_config(struct report *report, struct config *config, const struct tree_node *root)
{
	struct checker checker = {.report = report, .config = config, .root = root};

	check_state(&checker);
	check_ports(&checker);
	check_sites(&checker);
	check_timers(&checker);
	check_limits(&checker);
	check_pools(&checker);
	check_ipsec(&checker);
	check_interconnects(&checker);
	check_globals(&checker);
	check_networks(&checker);
	if (report->n == 0) { /* where a name is wrong, nobody knows what is meant */
		check_links(&checker);
		check_aliases(&checker);
	}
	check_learn(&checker);
	check_networks_order(&checker);
	seen_fini(&checker.local_ends);
}
