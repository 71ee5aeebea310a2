/*
 * Changes of the configuration at run time: see daemon_internal.h.
 *
 * The engine (change/) decides about a change and apply.c carries it out. This file updates the
 * daemon's own pointers. The ids of sites and tunnels are saved in a file beside the revisions, so
 * that they outlive the daemon.
 */
#include "control/daemon_internal.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mono.h"
#include "control/api/api.h"
#include "control/apply.h"
#include "control/bgp/bgp.h"
#include "control/change/change.h"
#include "control/change/start.h"
#include "control/interconnect/interconnect.h"
#include "control/ipsec/ipsec.h"
#include "control/kept_flows.h"
#include "control/kernel/path_mtu.h"
#include "control/kernel/path_watch.h"
#include "control/registry.h"
#include "control/settings.h"
#include "network/nexthop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = CONFIG_PATH_SIZE + 16 };

/* --- numbers ---------------------------------------------------------------------------------- */

static void path_of(const struct daemon *d, char path[PATH_SIZE])
{
	snprintf(path, PATH_SIZE, "%s/identities", d->config->state_directory);
}

/* Sites or tunnels get numbers in a moment. */
static void renumber(void *arg)
{
	struct daemon *d = arg;

	kept_flows_renumber(d->kept);
}

static void save_identities(void *arg)
{
	struct daemon *d = arg;
	char path[PATH_SIZE];
	bool is_saved = registry_is_saved(d->registry);
	int ret;

	if (!is_saved || !kept_flows_are_saved(d->kept))
		kept_flows_save(d->kept, d->registry);
	if (is_saved)
		return; /* most changes leave names and ends as they are */
	path_of(d, path);
	ret = registry_save(d->registry, path);
	if (ret != 0)
		log_warning("cannot write %s: %s; sites and tunnels get other numbers at the next "
			    "start",
			    path, strerror(-ret));
}

/* Those that the records of an earlier process have are the ones that count. */
static bool load_of_kept_flows(struct daemon *d)
{
	const char *path = kept_flows_identities(d->kept);
	unsigned line = 0;
	int ret;

	if (path == NULL)
		return false;
	ret = registry_load(d->registry, path, &line);
	if (ret != 0)
		kept_flows_forget(d->kept, ret == -EBADMSG ? "it is damaged" : strerror(-ret));
	return ret == 0;
}

static void load_identities(struct daemon *d)
{
	char path[PATH_SIZE];
	unsigned line = 0;
	int ret;

	if (load_of_kept_flows(d))
		return;
	path_of(d, path);
	ret = registry_load(d->registry, path, &line);
	if (ret == -EBADMSG)
		log_warning("%s is damaged in line %u: sites and tunnels get other numbers", path,
			    line);
	else if (ret != 0 && ret != -ENOENT)
		log_warning("cannot read %s: %s; sites and tunnels get other numbers", path,
			    strerror(-ret));
}

/* Makes the first network. NULL: no memory, or no free ids. */
static struct network *make_network(struct daemon *d)
{
	struct registry_plan plan;
	struct network *net;

	d->nexthop_ids = ids_create(1, NEXTHOP_LAST);
	if (d->nexthop_ids != NULL)
		d->registry = registry_create(d->nexthop_ids);
	if (d->registry == NULL)
		return NULL;
	load_identities(d);
	if (registry_plan(d->registry, &d->config->network, &plan) != 0)
		return NULL;
	net = network_create(&d->config->network, &plan.ids);
	if (net == NULL)
		return NULL;
	registry_commit(d->registry, (uint32_t)(mono_ms() / 1000));
	save_identities(d);
	return net;
}

int daemon_start_network(struct daemon *d, struct err_list *errs)
{
	struct settings settings = settings_of(d->config);
	struct network *net = make_network(d);

	if (net != NULL) {
		publisher_init(&d->publisher, net, &settings, PORTS_MAX);
		d->net = net;
		d->paths = path_mtus_create(net);
	}
	if (d->paths != NULL)
		return 0;
	err_add(errs, NULL, 0, 0, "not enough memory for %zu sites", d->config->network.n_sites);
	return -1;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* The change may have added the first port of the kernel. */
static void daemon_change_follow(void *arg, const struct config *config, const struct network *net)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct daemon *d = arg;

	d->config = config;
	d->net = net;
	path_watch_follow(d->path_watch, net);
	interconnects_follow(d->interconnects, net);
	ipsec_follow(d->ipsec, net);
	daemon_watch_paths(d);
	daemon_start_announcer(d, &errs);
	err_log(&errs);
	err_list_fini(&errs);
	bgp_follow(d->bgp, net);
	bgp_offer(d->bgp, config->announce_table);
	api_follow(d->api, config, net);
}

int daemon_start_changes(struct daemon *d, struct err_list *errs)
{
	const struct apply_parts parts = {
		.publisher = &d->publisher,
		.registry = d->registry,
		.workers = d->workers,
		.n_workers = d->n_workers,
		.ports = &d->ports,
		.port_life = d->port_life,
		.neighbours = d->neighbours,
		.paths = d->paths,
		.keepalives = d->keepalives,
		.health = d->health,
		.follow = daemon_change_follow,
		.renumber = renumber,
		.done = save_identities,
		.arg = d,
	};

	d->apply = apply_create(d->base, &parts, d->start->config);
	if (d->apply != NULL) {
		d->change = change_create(d->base, d->alarms, d->start, &apply_target, d->apply);
		d->start->config = NULL; /* now owned by d->apply */
	}
	if (d->change != NULL)
		return 0;
	err_add(errs, NULL, 0, 0, "not enough memory to keep the configuration");
	return -1;
}
