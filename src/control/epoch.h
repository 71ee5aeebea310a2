/*
 * The epoch counts the starts of the daemon.
 *
 * A daemon that starts does not know which egress ports its predecessor used. So each start leaves
 * another part of the ports unused, in turn, and the next start begins with that part
 * (setup/ports.c). Only a number has to be remembered, in a file.
 *
 * Control thread, at start.
 */
#pragma once

#include <stdint.h>

struct alarms;

/*
 * Returns the number in file @path plus one, after writing it to the file (by a new file and
 * rename). If that fails, raises the alarm "epoch" and returns a random number.
 */
uint32_t epoch_next(const char *path, struct alarms *alarms);
