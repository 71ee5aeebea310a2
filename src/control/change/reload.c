/*
 * SIGHUP: applies the file of --config.
 *
 * Many signals in a short time are one change: the file is read a moment after the first one. It
 * waits while another change is being applied.
 */
#include "control/change/change_internal.h"

#include "base/log.h"
#include "control/config/config.h"

#include <stdlib.h>

#include <event2/event.h>

enum { RELOAD_MS = 100 };

static void reload_file(struct change *c)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct change_request rq = {.name = c->file, .who = "SIGHUP", .comment = ""};
	enum change_result result = CHANGE_REFUSED;
	char *text = config_read(c->file, &rq.len, &errs);

	rq.text = text;
	if (text != NULL)
		result = change_apply(c, &rq, &errs);
	if (result == CHANGE_NOTHING)
		log_info("SIGHUP: nothing changed: %s is what runs", c->file);
	else if (result != CHANGE_BEGUN)
		log_warning("SIGHUP: nothing changed, for these reasons:");
	err_log(&errs);
	err_list_fini(&errs);
	free(text);
}

void reload_due(int fd, short what, void *arg)
{
	struct change *c = arg;

	if (c->state == CHANGE_APPLYING)
		change_reload(c);
	else
		reload_file(c);
}

void change_reload(struct change *c)
{
	const struct timeval soon = {.tv_usec = RELOAD_MS * 1000};

	if (!event_pending(c->reload, EV_TIMEOUT, NULL))
		event_add(c->reload, &soon);
}
