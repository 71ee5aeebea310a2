/*
 * Figures of IPsec: open flows through 64 tunnels with AES-256-GCM, and through many.
 *
 * The whole path and the bare cryptography take turns, so that a machine that gets slower meanwhile
 * is slower for both.
 */
#include "figures.h"

#include "base/types.h"
#include "loop.h"
#include "sealed.h"
#include "stages.h"
#include "worker/pipeline.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 8, STAGE_RUNS = 101 };

static const unsigned sizes[] = {64, 512, 1400};

/* Packets of a repeat: a few of the large ones, which take longer. */
static uint64_t packets(const struct figure_options *o, unsigned size)
{
	return o->packets / 8 * 64 / (size / 4 + 48);
}

/* Shares of the stages in cycles of a packet: the medians of short runs. */
static void print_stages(struct sealed *s, unsigned opened, const char *what)
{
	static double shares[STAGE_COUNT][STAGE_RUNS];
	const char *separator = "";

	for (unsigned i = 0; i < STAGE_RUNS; i++) {
		struct stage_account account = {0};

		stages_account(&account);
		sealed_run(s, opened, 1);
		for (unsigned k = 0; k < STAGE_COUNT; k++)
			shares[k][i] =
				(double)account.cycles[k] / (double)(account.bursts * RIG_BURST);
	}
	stages_account(NULL);
	printf("\"stages_%s\": \"", what);
	for (unsigned k = 0; k < STAGE_COUNT; k++) {
		double share = median(shares[k], STAGE_RUNS);

		if (share > 0)
			printf("%s%s %.0f", separator, pipeline[k].name, share);
		separator = ", ";
	}
	printf("\", ");
}

static void measure(struct sealed *s, struct bare *b, const struct figure_options *o, unsigned size)
{
	uint64_t n = packets(o, size);
	struct bare_result bare;
	double open, seal, both;

	sealed_resize(s, size);
	sealed_run(s, RIG_BURST / 2, n / 8); /* warm */
	bare = bare_run(b, size, n);
	open = sealed_run(s, RIG_BURST, n);
	seal = sealed_run(s, 0, n);
	both = sealed_run(s, RIG_BURST / 2, n);
	printf("{\"flows\": %u, \"size\": %u, \"avx512\": %s, ", o->flows, size,
	       bare_has_avx512(b) ? "true" : "false");
	print_stages(s, RIG_BURST, "open");
	print_stages(s, 0, "seal");
	printf("\"open\": %.1f, \"seal\": %.1f, \"both\": %.1f, \"mb_open\": %.1f, "
	       "\"mb_seal\": %.1f, \"evp_open\": %.1f, \"evp_seal\": %.1f}\n",
	       open, seal, both, bare.mb_open, bare.mb_seal, bare.evp_open, bare.evp_seal);
	fflush(stdout);
}

void figure_esp(const struct figure_options *o)
{
	struct shape shape = shape_usual;
	struct bare *b = bare_create();
	struct sealed *s;

	shape.is_sealed = true;
	s = sealed_create(&shape, o->flows, b);
	if (getenv("PROF")) {
		sealed_resize(s, atoi(getenv("PROF")));
		printf("%f\n", sealed_run(s, atoi(getenv("PROFD")), o->packets));
		return;
	}
	for (unsigned i = 0; i < o->repeat; i++)
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++)
			measure(s, b, o, sizes[k]);
	sealed_destroy(s);
	bare_destroy(b);
}

/* One repeat: both sides in turn. The median of the ratios of neighbouring runs. */
static void compare(struct sealed *few, struct sealed *many, const struct figure_options *o,
		    unsigned size)
{
	uint64_t n = packets(o, size) / ROUNDS;
	double a[ROUNDS], b[ROUNDS], ratios[ROUNDS];

	sealed_resize(few, size);
	sealed_resize(many, size);
	for (unsigned i = 0; i < ROUNDS; i++) {
		a[i] = sealed_run(few, RIG_BURST / 2, n);
		b[i] = sealed_run(many, RIG_BURST / 2, n);
		ratios[i] = b[i] / a[i];
	}
	printf("{\"flows\": %u, \"tunnels\": %u, \"size\": %u, \"cycles\": %.1f, "
	       "\"one_cycles\": %.1f, \"ratio\": %.3f}\n",
	       o->flows, o->tunnels, size, median(b, ROUNDS), median(a, ROUNDS),
	       median(ratios, ROUNDS));
	fflush(stdout);
}

/* As many flows by one tunnel as by many: what differs are the SAs. */
void figure_esp_many(const struct figure_options *o)
{
	struct shape one = {.tunnels = 1,
			    .tunnels_per_site = 1,
			    .servers = shape_usual.servers,
			    .is_sealed = true};
	struct shape large = one;
	struct bare *b = bare_create();
	struct sealed *few, *many;

	large.tunnels = o->tunnels;
	few = sealed_create(&one, o->flows, b);
	many = sealed_create(&large, o->flows, b);
	for (unsigned i = 0; i < o->repeat; i++)
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++)
			compare(few, many, o, sizes[k]);
	sealed_destroy(few);
	sealed_destroy(many);
	bare_destroy(b);
}
