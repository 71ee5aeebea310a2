/*
 * The daemon's own state, and what its files ask of each other. Private to control/daemon*.c.
 *
 *   daemon.c          starts in order, stops in reverse
 *   daemon_workers.c  workers, and what is published to them
 *   daemon_change.c   the network: the first one, and those that come when the file changes
 */
#pragma once

#include "control/config/config.h"
#include "control/loop.h"
#include "control/port/port.h"
#include "control/publish.h"
#include "worker/worker.h"

enum { DAEMON_SIGNALS = 3 };

struct apply;
struct census;
struct event;
struct ids;
struct nexthops;
struct registry;

struct daemon {
	const struct config *config; /* that runs */
	struct change_start *start;
	struct apply *apply; /* carries changes out, and owns the configuration that runs */
	struct change *change;
	uint64_t started_ns;
	struct alarms *alarms;
	struct keepalives *keepalives;
	struct api_claim *claim;
	struct event_base *base;
	struct loop loop;
	struct event *signals[DAEMON_SIGNALS];
	struct event *wanted; /* timer */
	struct event *watchdog; /* timer; NULL: no service manager watches */
	struct handover *handover; /* NULL: one worker */
	struct publisher publisher;
	const struct network *net; /* of the current snapshot */
	struct port_set ports;
	struct worker *workers[WORKERS_MAX];
	size_t n_workers;
	struct neighbours *neighbours;
	struct path_mtus *paths;
	struct port_life *port_life;
	struct port_watch *port_watch;
	struct path_watch *path_watch; /* NULL: no kernel hears of the tunnels' paths */
	struct ids *nexthop_ids; /* of tunnels and neighbours */
	struct registry *registry; /* who has which */
	struct census *censuses; /* [n_workers] */
	struct announcer *announcer;
	struct rest_watch *rest_watch;
	struct api *api;
};

/* Each: 0, or -1 and a sentence in @errs. */
int daemon_create_workers(struct daemon *d, struct err_list *errs);
int daemon_start_workers(struct daemon *d, struct err_list *errs);

/* Numbers of all, and the first snapshot. */
int daemon_start_network(struct daemon *d, struct err_list *errs);

/* Neighbours, routes and paths: the first table is published. Workers exist, and do not run. */
int daemon_follow_kernel(struct daemon *d, struct err_list *errs);

/* What only ports with a kernel behind them need; nothing, if there is none or it runs already. */
void daemon_watch_paths(struct daemon *d);
int daemon_start_announcer(struct daemon *d, struct err_list *errs);

int daemon_start_changes(struct daemon *d, struct err_list *errs);

/* For port_life.h. */
void daemon_publish_ports(const struct worker_port *ports, void *arg);
