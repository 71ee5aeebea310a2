/*
 * Is a tunnel healthy, degraded or down? A function of the results of its
 * probes.
 *
 *                  3 lost in a row                     3 answered in a row
 *   healthy ----------------------------> down ---------------------------->
 * degraded |  2 lost, and 0.1 % of 5 minutes ^  |
 *      +-----------------------------------------------------------------------+
 * | ^                                     less than that in the last 5 minutes
 * |
 *      +--------------------------------------------------------------------------+
 *
 * Down comes fast and healthy comes back slowly, so a path that comes and goes
 * is not preferred. After the first lost probe, and after the first answered
 * one of a tunnel that is down, two more follow at once.
 *
 * A packet that comes out of the tunnel is a sign of life: routers may limit
 * ICMP. While there are some, lost probes make the tunnel degraded. If its
 * probes were answered before, that holds for HEALTH_SPARED_MS only: traffic
 * may still arrive from a far end to which nothing gets through.
 *
 * No clock and no network here. Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum health_state { HEALTH_HEALTHY, HEALTH_DEGRADED, HEALTH_DOWN, HEALTH_STATES };

extern const char *const health_state_names[HEALTH_STATES];

enum {
	HEALTH_IN_A_ROW = 3, /* probes that make a tunnel down, or end that */
	HEALTH_QUICK = 2, /* further probes after the first one of these */
	HEALTH_LOSSES = 2, /* in the window: degraded, */
	HEALTH_LOSS_PART = 1000, /* if they are one in so many */
	HEALTH_SPARED_MS = 10000,
	HEALTH_BUCKETS = 30,
	HEALTH_BUCKET_MS = 10000, /* the window has five minutes */
};

/* Zeroed: a tunnel that was not probed yet is healthy. */
struct health_life {
	uint8_t state; /* enum health_state */
	uint8_t lost_row, good_row; /* probes in a row, up to 255 */
	bool answered; /* a probe was answered at any time */
	uint64_t lost_ms; /* when the first probe of lost_row was lost */
	uint64_t bucket; /* number of the last bucket */
	struct {
		uint16_t sent, lost;
	} buckets[HEALTH_BUCKETS];
};

enum health_result {
	HEALTH_ANSWERED,
	HEALTH_LOST,
	HEALTH_LOST_ALIVE, /* but packets came out of the tunnel meanwhile */
};

/*
 * A probe was answered, or not in time. @in_a_row: how many lost ones make the
 * tunnel down. Returns how many probes are to follow at once.
 */
unsigned health_take(struct health_life *h, enum health_result result, unsigned in_a_row,
		     uint64_t now_ms);

/* Time passes: losses leave the window. */
void health_age(struct health_life *h, uint64_t now_ms);

struct health_loss {
	uint32_t sent, lost;
};

/* Probes of the last five minutes. */
struct health_loss health_loss(const struct health_life *h);

/* Added to the priority of routes by the tunnel: a lower one is better. */
uint32_t health_penalty_of(enum health_state state);
