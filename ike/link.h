/*
 * The connections to homewardd: one for requests, one for events.
 *
 * They are opened by the first request and opened again when they break. While homewardd is away,
 * requests fail at once, and a job tries again each second.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#pragma once

#include "ike_message.h"

#include <library.h>

typedef struct link_t link_t;

/* What the link tells its owner, from a thread of charon's pool. */
typedef struct {
	void (*event)(void *owner, const struct ike_message *event);
	/* another instance of homewardd answers: it knows no SA */
	void (*fresh)(void *owner);
	void *owner;
} link_listener_t;

link_t *link_create(const char *path, const link_listener_t *listener);
void link_destroy(link_t *link);

/*
 * Sends the request @m of type @type and waits for its reply, which is written to @m. FAILED if
 * homewardd does not answer; else SUCCESS, and the status is in m->header. What @m contained is
 * wiped.
 */
status_t link_request(link_t *link, enum ike_type type, struct ike_message *m);
