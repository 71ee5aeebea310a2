/* Timeouts of ports: each port has one at most. */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/report.h"
#include "control/config/tree.h"

void check_timers(struct checker *checker)
{
	const struct tree_node *timeouts = tree_get(tree_get(checker->root, "flows"), "timeouts");
	const struct config *config = checker->config;
	const struct tree_node *item = check_items(timeouts, "per-port", config->n_port_timers);
	struct seen ports = {0};

	for (size_t i = 0; i < config->n_port_timers && item != NULL; i++, item = item->next) {
		const struct config_port_timer *timer = &config->port_timers[i];
		const uint32_t key = (uint32_t)timer->protocol << 16 | timer->port;
		const struct tree_node *before;

		if (timer->port == 0)
			continue;
		before = seen_add(&ports, &key, sizeof(key), item);
		if (before != NULL)
			report_at(checker->report, item,
				  "%s port %u has two timeouts: the other one is in line %u",
				  timer->protocol == TRANSPORT_TCP ? "tcp" : "udp", timer->port,
				  before->line);
	}
	seen_fini(&ports);
}
