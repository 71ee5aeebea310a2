/*
 * Limits. A site's missing limits are derived from the file's limits, and these from the capacity.
 *
 * A single site may use the whole table. With several sites, none may use more than half of it
 * unless the operator sets a limit. Only a quarter of a site's flows may be half-open TCP
 * connections: each costs an attacker one packet and no state.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/tree.h"

enum { SOURCE_FLOWS_MIN = 1024, SOURCE_HALF_OPEN_MIN = 256 };

/* At least one: 0 would mean no limit. */
static uint32_t part(uint32_t of, uint32_t parts)
{
	return of < parts ? 1 : of / parts;
}

static void note_capacity(struct checker *checker)
{
	const struct tree_node *flows = tree_get(checker->root, "flows");
	const struct tree_node *node = tree_get(flows, "capacity");

	if (node == NULL)
		return;
	checker->config->capacity_line = node->line;
	checker->config->capacity_column = node->column;
}

/* Half of @of, if that is enough for one busy host. */
static uint32_t half(uint32_t of, uint32_t least)
{
	uint32_t half = of / 2 > least ? of / 2 : least;

	return half < of ? half : of;
}

/* The limit of one host of a site: a single host must not be able to exclude the others. */
static void limit_sources(struct spec_limits *limits, const struct spec_limits *all)
{
	if (limits->source_flows == 0)
		limits->source_flows = all->source_flows != 0
					       ? all->source_flows
					       : half(limits->flows, SOURCE_FLOWS_MIN);
	if (limits->source_half_open == 0)
		limits->source_half_open = all->source_half_open != 0
						   ? all->source_half_open
						   : half(limits->half_open, SOURCE_HALF_OPEN_MIN);
}

/* Fills in a site's missing limits from @all. */
static void limit_site(struct spec_limits *limits, const struct spec_limits *all)
{
	if (limits->flows == 0)
		limits->flows = all->flows;
	if (limits->new_flows_per_second == 0)
		limits->new_flows_per_second = all->new_flows_per_second;
	if (limits->half_open == 0)
		limits->half_open = all->half_open != 0 ? all->half_open : part(limits->flows, 4);
	limit_sources(limits, all);
}

struct spec_limits config_silent_limits(const struct config *config)
{
	struct spec_limits limits = {0};

	limit_site(&limits, &config->network.limits);
	return limits;
}

void check_limits(struct checker *checker)
{
	struct config *config = checker->config;
	struct network_spec *spec = &config->network;
	struct spec_limits *all = &spec->limits;

	note_capacity(checker);
	spec->workers = config->workers;
	if (all->flows == 0)
		all->flows = part(config->flows_capacity, spec->n_sites > 1 ? 2 : 1);

	for (size_t i = 0; i < spec->n_sites; i++)
		limit_site(&spec->sites[i].limits, all);
}
