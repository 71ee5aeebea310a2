/*
 * The backend that keeps charon's SAs and policies in homewardd: an implementation of kernel_ipsec_t.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#pragma once

#include <kernel/kernel_ipsec.h>

kernel_ipsec_t *kernel_homeward_create(void);
