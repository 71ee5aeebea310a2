/*
 * The loop that is measured: generator, worker or its stand-in, collector, on one thread.
 *
 * The stand-in receives from the same rings and sends to the opposite port, and looks into no packet:
 * what is left is the generator's own cost.
 */
#pragma once

#include "traffic.h"

enum loop_kind {
	LOOP_HOMEWARD,
	LOOP_THROUGH, /* the stand-in */
};

/*
 * TSC cycles a packet. The run is cut into slices of a quarter of a millisecond. Slices in which the
 * kernel gave the core to somebody else are left out; of the others the median counts.
 */
struct loop_result {
	uint64_t packets;
	double cycles; /* all of the loop */
	double inside; /* of these, in worker_turn() or the stand-in */
	uint64_t longest; /* turn, in cycles, whatever it was that took so long */
};

/* One turn of the stand-in: packets moved. */
unsigned loop_through(const struct rig *rig);

/* The middle one of @n; sorts them. */
double median(double *values, size_t n);

/* Runs at least @packets of @s. Ends the program if a packet is lost. */
struct loop_result loop_run(struct traffic *t, struct sequence *s, enum loop_kind kind,
			    uint64_t packets);
