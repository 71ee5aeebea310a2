/* The running daemon: starts every part in order, serves, stops them in reverse. */
#pragma once

struct change_start;

/*
 * Runs @start's configuration until a signal asks for the end. 0 after a clean stop; -1 if
 * something could not be started: then it has said why, and what had been started is stopped again.
 * Takes what is in @start but the configuration. Call once.
 */
int daemon_run(struct change_start *start);
