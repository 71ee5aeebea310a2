/*
 * The time that the control thread needs for a large configuration, step by step.
 *
 *   bench-config FILE [OTHER]
 *
 * Reads FILE and OTHER, compares them, gives ids to OTHER and compiles a network of it. Prints the
 * shortest of five runs of each step in milliseconds of CPU, as JSON. Without OTHER it compares
 * FILE with itself.
 */
#include "control/config/config.h"
#include "base/err.h"
#include "control/change/difference.h"
#include "control/registry.h"
#include "network/network.h"
#include "network/nexthop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <yaml.h>

enum { REPEAT = 5, FILE_SIZE_MAX = 64 << 20 };

struct steps {
	double yaml, load, difference, registry,
		network; /* ms; yaml: libyaml alone, part of load */
	size_t items;
};

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void keep_shortest(double *ms, double begin)
{
	double took = now_ms() - begin;

	if (*ms == 0 || took < *ms)
		*ms = took;
}

static void *must(void *p, const char *what)
{
	if (p == NULL) {
		fprintf(stderr, "bench-config: %s\n", what);
		exit(1);
	}
	return p;
}

static char *read_file(const char *path, size_t *len)
{
	char *text = must(malloc(FILE_SIZE_MAX), "no memory");
	FILE *file = must(fopen(path, "re"), path);

	*len = fread(text, 1, FILE_SIZE_MAX, file);
	fclose(file);
	return text;
}

/* All events of the text, and nothing done with them. */
static void parse_yaml(const char *text, size_t len)
{
	yaml_parser_t parser;
	yaml_event_t event;
	bool done = false;

	must(yaml_parser_initialize(&parser) ? &parser : NULL, "no memory");
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	while (!done) {
		must(yaml_parser_parse(&parser, &event) ? &parser : NULL, "is not YAML");
		done = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
}

static struct config *load(const char *path)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_load(path, &errs);

	err_print(&errs, stderr);
	err_list_fini(&errs);
	return must(config, path);
}

/* Numbers for all sites and tunnels, by who had which before. */
static void measure_registry(const struct network_spec *before, const struct network_spec *after,
			     struct steps *s)
{
	struct ids *ids = must(ids_create(1, NEXTHOP_LAST), "no memory");
	struct registry *registry = must(registry_create(ids), "no memory");
	struct registry_plan plan;
	double begin;

	must(registry_plan(registry, before, &plan) == 0 ? &plan : NULL, "no numbers");
	registry_commit(registry, 0);
	begin = now_ms();
	must(registry_plan(registry, after, &plan) == 0 ? &plan : NULL, "no numbers");
	registry_commit(registry, 0);
	keep_shortest(&s->registry, begin);
	registry_destroy(registry);
	ids_destroy(ids);
}

static void measure(const char *path, const struct config *before, struct steps *s)
{
	struct network *network;
	struct difference d;
	struct config *after;
	size_t len;
	char *text = read_file(path, &len);
	double begin = now_ms();

	parse_yaml(text, len);
	keep_shortest(&s->yaml, begin);
	free(text);

	begin = now_ms();
	after = load(path);
	keep_shortest(&s->load, begin);

	begin = now_ms();
	if (difference_make(&d, before, after) < 0)
		must(NULL, "no memory");
	keep_shortest(&s->difference, begin);
	s->items = d.n;
	difference_fini(&d);

	measure_registry(&before->network, &after->network, s);

	begin = now_ms();
	network = must(network_create(&after->network, NULL), "no memory");
	keep_shortest(&s->network, begin);
	network_destroy(network);
	config_destroy(after);
}

int main(int argc, char **argv)
{
	struct steps s = {0};
	struct config *before;

	if (argc < 2) {
		fprintf(stderr, "usage: bench-config FILE [OTHER]\n");
		return 2;
	}
	before = load(argv[1]);
	for (int i = 0; i < REPEAT; i++)
		measure(argv[argc > 2 ? 2 : 1], before, &s);
	printf("{\"yaml_ms\": %.1f, \"load_ms\": %.1f, \"difference_ms\": %.1f, \"items\": %zu, "
	       "\"registry_ms\": %.1f, \"network_ms\": %.1f}\n",
	       s.yaml, s.load, s.difference, s.items, s.registry, s.network);
	config_destroy(before);
	return 0;
}
