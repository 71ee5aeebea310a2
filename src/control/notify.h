/* Tells the service manager how we are: sd_notify(3), without its library. */
#pragma once

/* @state as "READY=1". Does nothing unless a service manager asked for it ($NOTIFY_SOCKET). */
void notify_service_manager(const char *state);
