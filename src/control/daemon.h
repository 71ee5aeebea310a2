/* The running daemon: starts every part in order, serves, stops them in reverse. */
#pragma once

struct config;

/*
 * Runs until a signal asks for the end. 0 after a clean stop; -1 if something could not be started:
 * then it has said why, and what had been started is stopped again. Call once.
 */
int daemon_run(const struct config *config);
