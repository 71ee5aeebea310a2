/*
 * Between charon's types and those of ike_message.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#pragma once

#include "ike_message.h"

#include <kernel/kernel_ipsec.h>

void convert_end(host_t *host, struct ike_end *end);
host_t *convert_host(const struct ike_end *end); /* the caller destroys it */

void convert_sa(const kernel_ipsec_sa_id_t *id, struct ike_sa *sa);
void convert_selector(traffic_selector_t *ts, struct ike_selector *selector);

/* FALSE: the SA has something that a message cannot carry. */
bool convert_add_sa(const kernel_ipsec_sa_id_t *id, const kernel_ipsec_add_sa_t *data,
		    struct ike_add_sa *m);
