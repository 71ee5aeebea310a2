/*
 * The API: HTTP and JSON on a Unix socket, one table of routes (route.c).
 *
 * Local only. The socket's file permission (0660) decides who may connect, and every client that
 * may connect may change the configuration. Answers come from the control thread's own state, from
 * workers' counters, and, for flows, from a query that the workers answer between bursts. Control
 * thread.
 */
#pragma once

#include "control/config/config.h"
#include "control/port/port.h"
#include "network/network.h"
#include "worker/worker.h"

struct alarms;
struct change;
struct health;
struct interconnects;
struct ipsec;
struct keepalives;
struct loop;
struct event_base;
struct path_mtus;
struct routing;
struct api;
struct api_claim;

struct api_context {
	const struct config *config;
	const struct network *net;
	uint64_t generation; /* of config and net */
	const struct port_set *ports;
	struct worker *const *workers;
	size_t n_workers;
	const struct path_mtus *paths; /* path MTUs of tunnels; NULL: nothing is known */
	const struct routing *routing; /* routes of networks; NULL: there are none */
	struct alarms *alarms;
	const struct keepalives *keepalives; /* NULL: no keepalives are sent */
	const struct health *health; /* NULL: nothing is probed */
	const struct interconnects *interconnects; /* NULL: no peer is asked for */
	const struct ipsec *ipsec; /* NULL: no IPsec */
	struct change *change; /* of the configuration */
	uint64_t started_ns; /* mono_ns() */
	const struct loop *loop; /* of the control thread */
	const struct bgp *bgp; /* NULL: no routes are learned */
};

/*
 * One daemon per socket: takes a lock beside @path before anything is started, so that a second
 * daemon is refused before it can do harm. The lock of a killed daemon is free. NULL and a sentence
 * in @errs on failure.
 */
struct api_claim *api_claim(const char *path, struct err_list *errs);
void api_release(struct api_claim *claim); /* after api_destroy(); accepts NULL */

/*
 * Listens on the configured socket, which must be claimed. NULL and a sentence in @errs on failure.
 * Copies *@ctx; what it points to must outlive the API.
 */
struct api *api_create(struct event_base *base, const struct api_context *ctx,
		       struct err_list *errs);

/* From now on this configuration and network run; the API no longer refers to the previous ones. */
void api_follow(struct api *api, const struct config *config, const struct network *net);

/*
 * Ends listings of flows that are in progress, so the workers must still run. Closes and removes
 * the socket. Accepts NULL.
 */
void api_destroy(struct api *api);
