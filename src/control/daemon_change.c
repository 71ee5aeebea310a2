/* Who follows when the configuration changes: see daemon_internal.h. */
#include "control/daemon_internal.h"

#include "base/err.h"
#include "control/change/change.h"
#include "control/change/refuse.h"

/* A running gateway takes no change yet but of what means nothing to it. */
static int refuse_live(void *arg, struct config *config, const struct difference *d,
		       struct err_list *errs, void (*done)(void *arg, int result), void *done_arg)
{
	return refuse_items(d, errs);
}

int daemon_start_changes(struct daemon *d, struct err_list *errs)
{
	static const struct change_target target = {.apply = refuse_live};

	d->change = change_create(d->base, d->alarms, d->start, &target, d);
	if (d->change != NULL)
		return 0;
	err_add(errs, NULL, 0, 0, "not enough memory to keep the configuration");
	return -1;
}
