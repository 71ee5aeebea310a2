/*
 * The stage account: cycles spent in each stage of the pipeline.
 *
 * The linker puts stages.c between the worker and pipeline_run() (--wrap), so that the stages are
 * the ones in pipeline.c and the worker is not compiled differently. Off, it costs one branch a
 * burst. On, two TSC reads a stage and burst: use it for shares, not for totals.
 */
#pragma once

#include "path/packet.h"

#include <stdbool.h>
#include <stdint.h>

struct stage_account {
	uint64_t receive;
	uint64_t cycles[STAGE_COUNT];
	uint64_t packets[STAGE_COUNT];
	uint64_t bursts;
};

/* NULL: off. */
void stages_account(struct stage_account *account);
