/*
 * The epoch: which start of the daemon is this?
 *
 * A daemon that starts does not know which egress ports its predecessor used. Each leaves a part of
 * them unused, in turn, and the next one begins with that part (setup/ports.c). All that must be
 * remembered is a number, in a file.
 *
 * Control thread, at start.
 */
#pragma once

#include <stdint.h>

struct alarms;

/*
 * The number in file @path plus one, which is written to it, by way of a new file beside it. If
 * that fails, the alarm "epoch" is raised, and the number is a random one.
 */
uint32_t epoch_next(const char *path, struct alarms *alarms);
