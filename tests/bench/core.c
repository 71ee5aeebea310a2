/*
 * bench-core: what one worker does in this process, without any wire. `bench-core help` lists the
 * figures. Each prints JSON objects, one a line, to standard output; people use tests/bench/run.
 */
#include "figures.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	void (*run)(const struct figure_options *o);
	enum rig_start start;
	const char *help;
} figures[] = {
	{"forward", figure_forward, RIG_RINGS,
	 "packets of open flows, both directions, beside a pass-through"},
	{"clock", figure_clock, RIG_RINGS, "how fast the time stamp counter runs"},
	{"stages", figure_stages, RIG_RINGS, "cycles a packet in each stage"},
	{"setup", figure_setup, RIG_RINGS, "first packets of new flows until the table is full"},
	{"tunnels", figure_tunnels, RIG_RINGS, "forward with many tunnels beside forward with 64"},
	{"private", figure_private, RIG_RINGS,
	 "forward of untranslated flows to a site beside forward to the Internet"},
	{"esp", figure_esp, RIG_LARGE_BUFFERS,
	 "packets of IPsec tunnels beside the bare cryptography of libipsec-mb and of OpenSSL"},
	{"esp-many", figure_esp_many, RIG_LARGE_BUFFERS, "IPsec with many tunnels beside one"},
	{"setup-many", figure_setup_many, RIG_RINGS,
	 "setup with many sites, and with many routes, beside setup with 64 and one"},
	{"start", figure_start, RIG_RINGS, "seconds to make a worker"},
	{"capacity", figure_capacity, RIG_RINGS, "flows that a table holds, and bytes of each"},
	{"teardown", figure_teardown, RIG_RINGS, "flows ended a second when all are too old"},
	{"churn", figure_churn, RIG_RINGS, "longest turn with a full table, ageing and new flows"},
	{"apply", figure_apply, RIG_RINGS, "longest turn while the network changes"},
	{"failover", figure_failover, RIG_RINGS, "time until all returns go by another tunnel"},
	{"exhaust", figure_exhaust, RIG_RINGS,
	 "longest turn where egress ports are short, or none"},
	{"workers", figure_workers, RIG_RINGS,
	 "two workers against one, and the cost of handing over"},
	{"count", figure_count, RIG_SMALL_PAGES, "the same work each time, for callgrind"},
	{"memif", figure_memif, RIG_MEMIF_SERVER, "a gateway on memif, until SIGTERM"},
	{"memif-through", figure_memif_through, RIG_MEMIF_SERVER, "a pass-through instead of it"},
	{"memif-generator", figure_memif_generator, RIG_MEMIF_CLIENT, "traffic for memif"},
	{"memif-generator-through", figure_memif_generator_through, RIG_MEMIF_CLIENT,
	 "traffic for memif-through"},
};

static void usage(FILE *out)
{
	fputs("bench-core FIGURE [--flows N] [--packets N] [--repeat N] [--tunnels N] [--cpu N] "
	      "[--socket NAME]\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		fprintf(out, "  %-24s %s\n", figures[i].name, figures[i].help);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text == '\0' || *end != '\0')
		rig_fail("%s is not a number", text);
	return n;
}

static struct figure_options parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"flows", required_argument, NULL, 'f'},
		{"packets", required_argument, NULL, 'p'},
		{"repeat", required_argument, NULL, 'r'},
		{"socket", required_argument, NULL, 's'},
		{"cpu", required_argument, NULL, 'c'},
		{"tunnels", required_argument, NULL, 't'},
		{0},
	};
	struct figure_options o = {.flows = 1000000,
				   .packets = 10000000,
				   .repeat = 5,
				   .tunnels = 10000,
				   .cpu = 1,
				   .cpu2 = 0,
				   .socket = "homeward-bench"};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t n = optarg == NULL || c == 's' ? 0 : number(optarg);

		switch (c) {
		case 'f':
			if (n < RIG_BURST || n > FLOW_CAPACITY_MAX)
				rig_fail("flows: %d to %d", RIG_BURST, FLOW_CAPACITY_MAX);
			o.flows = (uint32_t)n;
			break;
		case 'p':
			o.packets = n;
			break;
		case 'r':
			o.repeat = (unsigned)n;
			break;
		case 't':
			if (n < 2 || n % 2 != 0 || n > SPEC_TUNNELS_MAX)
				rig_fail("tunnels: an even number up to %d", SPEC_TUNNELS_MAX);
			o.tunnels = (unsigned)n;
			break;
		case 's':
			o.socket = optarg;
			break;
		case 'c':
			o.cpu = (int)n;
			break;
		default:
			usage(stderr);
			exit(2);
		}
	}
	return o;
}

int main(int argc, char **argv)
{
	struct figure_options o;

	if (argc < 2 || strcmp(argv[1], "help") == 0) {
		usage(argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	o = parse(argc - 1, argv + 1);
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		if (strcmp(argv[1], figures[i].name) != 0)
			continue;
		rig_start_dpdk(o.cpu, figures[i].start, o.socket);
		figures[i].run(&o);
		return 0;
	}
	usage(stderr);
	return 2;
}
