/* The figures of bench-core: each measures one thing and prints what it found, raw, as JSON. */
#pragma once

#include "rig.h"

struct figure_options {
	uint32_t flows;
	uint64_t packets; /* a repeat */
	unsigned repeat;
	unsigned tunnels; /* of the large network */
	int cpu, cpu2; /* the second one for the second worker */
	const char *socket; /* memif: names it */
};

void figure_forward(const struct figure_options *o);
void figure_clock(const struct figure_options *o);
void figure_stages(const struct figure_options *o);
void figure_setup(const struct figure_options *o);
void figure_tunnels(const struct figure_options *o);
void figure_private(const struct figure_options *o);
void figure_esp(const struct figure_options *o);
void figure_esp_many(const struct figure_options *o);
void figure_setup_many(const struct figure_options *o);
void figure_start(const struct figure_options *o);
void figure_capacity(const struct figure_options *o);
void figure_teardown(const struct figure_options *o);
void figure_churn(const struct figure_options *o);
void figure_exhaust(const struct figure_options *o);
void figure_apply(const struct figure_options *o);
void figure_count(const struct figure_options *o);
void figure_failover(const struct figure_options *o);
void figure_workers(const struct figure_options *o);
void figure_memif(const struct figure_options *o);
void figure_memif_through(const struct figure_options *o);
void figure_memif_generator(const struct figure_options *o);
void figure_memif_generator_through(const struct figure_options *o);
