/*
 * What the plugin remembers: the SAs that charon has installed, so that events name their address
 * and a new instance of homewardd gets new SAs; and the traps, which ask for an SA of a tunnel when
 * a packet needs one.
 *
 * All functions may be called by several threads at once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#pragma once

#include <kernel/kernel_ipsec.h>

typedef struct known_t known_t;

known_t *known_create(void);
void known_destroy(known_t *known);

/* Its soft and hard expiry become events of charon after these seconds; 0: never. */
void known_add_sa(known_t *known, const kernel_ipsec_sa_id_t *id, bool inbound, uint64_t soft_s,
		  uint64_t hard_s);
/* FALSE: it is not known. */
bool known_move_sa(known_t *known, const kernel_ipsec_sa_id_t *id, host_t *destination);
bool known_remove_sa(known_t *known, const kernel_ipsec_sa_id_t *id);
void known_flush_sas(known_t *known);

/* The destination of the SA, a clone, or NULL. */
host_t *known_destination(known_t *known, uint32_t spi, uint32_t tunnel);

/* Lets charon renew all inbound SAs, a hundred a second. */
void known_renew_all(known_t *known);

void known_add_trap(known_t *known, uint32_t tunnel, uint32_t reqid, traffic_selector_t *src,
		    traffic_selector_t *dst);
void known_remove_trap(known_t *known, uint32_t tunnel, uint32_t reqid);
/* Asks charon for an SA of @tunnel, if it has a trap. */
void known_acquire(known_t *known, uint32_t tunnel);
