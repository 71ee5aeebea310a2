/*
 * Tells the service manager how we are: sd_notify(3), without its library. Does nothing unless a
 * service manager asked for it ($NOTIFY_SOCKET). Control thread.
 */
#pragma once

struct event;
struct event_base;

/* @state as "READY=1". Never waits: what the service manager has no room for is lost. */
void notify_service_manager(const char *state);

/*
 * Says from the event loop that it turns, twice in each interval of $WATCHDOG_USEC: a loop that is
 * stuck falls silent, and the service manager starts us again. The timer, to be freed by
 * event_free(); NULL if nobody asked for it.
 */
struct event *notify_watchdog(struct event_base *base);
