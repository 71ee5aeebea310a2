/*
 * The daemon's state, and the functions that its files share. Private to control/daemon*.c.
 *
 *   daemon.c          starts in order, stops in reverse order
 *   daemon_workers.c  workers, and the snapshots that they get
 *   daemon_health.c   what follows from the health of tunnels
 *   daemon_ipsec.c   SAs, and strongSwan
 *   daemon_change.c   the first network, and its changes at run time
 */
#pragma once

#include "control/config/config.h"
#include "control/loop.h"
#include "control/port/port.h"
#include "control/publish.h"
#include "worker/worker.h"

enum { DAEMON_SIGNALS = 3 };

struct apply;
struct bgp;
struct census;
struct event;
struct ids;
struct esp_table;
struct interconnects;
struct ipsec;
struct nexthops;
struct registry;
struct routing;

struct daemon {
	const struct config *config; /* the running configuration */
	struct change_start *start;
	struct apply *apply; /* carries out changes; owns the running configuration */
	struct change *change;
	uint64_t started_ns;
	struct alarms *alarms;
	struct keepalives *keepalives;
	struct health *health;
	struct interconnects *interconnects;
	struct ipsec *ipsec;
	struct api_claim *claim;
	struct event_base *base;
	struct loop loop;
	struct event *signals[DAEMON_SIGNALS];
	struct event *wanted; /* timer */
	struct event *watchdog; /* timer; NULL: no service manager expects it */
	struct kept_flows *kept; /* over a restart */
	struct handover *handover; /* NULL: there is one worker */
	struct esp_table *sas; /* of IPsec tunnels */
	struct publisher publisher;
	const struct network *net; /* of the current snapshot */
	struct port_set ports;
	struct worker *workers[WORKERS_MAX];
	size_t n_workers;
	struct neighbours *neighbours;
	struct path_mtus *paths;
	struct routing *routing; /* routes of virtual networks */
	struct port_life *port_life;
	struct port_watch *port_watch;
	/* NULL: no port gets the kernel's ICMP errors about tunnels */
	struct path_watch *path_watch;
	struct ids *nexthop_ids; /* ids of tunnels and neighbours */
	struct registry *registry; /* the owners of the ids of sites and tunnels */
	struct census *censuses; /* [n_workers] */
	struct announcer *announcer;
	struct rest_watch *rest_watch;
	struct bgp *bgp;
	struct api *api;
};

/* Each returns 0; or -1 and a sentence in @errs. */
int daemon_open_kept(struct daemon *d, struct err_list *errs);
int daemon_create_workers(struct daemon *d, struct err_list *errs);
int daemon_start_workers(struct daemon *d, struct err_list *errs);

/* Gives ids to all sites and tunnels, and makes the first snapshot. */
int daemon_start_network(struct daemon *d, struct err_list *errs);

/*
 * Starts to follow neighbours, routes and paths, and publishes the first table. Workers are
 * created, but do not run yet.
 */
int daemon_follow_kernel(struct daemon *d, struct err_list *errs);

/* For ports of the kernel only. Do nothing if there is no such port, or if they run already. */
void daemon_watch_paths(struct daemon *d);
int daemon_start_announcer(struct daemon *d, struct err_list *errs);

int daemon_start_changes(struct daemon *d, struct err_list *errs);

/* Probes tunnels; keepalives run already, since they count, too (daemon_health.c). */
int daemon_start_health(struct daemon *d, struct err_list *errs);

/* Workers run. */
int daemon_start_ipsec(struct daemon *d, struct err_list *errs);

/* The callback of port_life.h. */
void daemon_publish_ports(const struct worker_port *ports, void *arg);
