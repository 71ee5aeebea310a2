/* The memory limits of control groups: see cgroup.c. */
#pragma once

#include <stdint.h>

/*
 * Bytes that the control groups of this process still allow; UINT64_MAX: unknown. @proc:
 * "/proc/self" but in tests.
 */
uint64_t cgroup_memory_left(const char *proc);
