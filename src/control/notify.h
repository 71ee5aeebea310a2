/*
 * Tells the service manager our state: sd_notify(3), without its library. Does nothing unless a
 * service manager asked for it ($NOTIFY_SOCKET). Control thread.
 */
#pragma once

struct event;
struct event_base;

/*
 * @state such as "READY=1". Never blocks: if the service manager has no room, the message is lost.
 */
void notify_service_manager(const char *state);

/*
 * Sends a sign of life from the event loop, twice in each interval of $WATCHDOG_USEC. If the loop
 * is stuck, the service manager restarts us. Returns the timer, to be freed by event_free(); NULL
 * if no watchdog was asked for.
 */
struct event *notify_watchdog(struct event_base *base);
