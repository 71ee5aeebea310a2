/*
 * IPsec: IKEv2 by strongSwan's charon, ESP in our data path.
 *
 *   configuration --vici--> charon --kernel-homeward, its plugin--> sas.h --> esp/sa.h --> workers
 *
 * Nobody edits charon's files: connections and secrets of our tunnels are loaded by vici, when
 * charon is there and when the configuration changes. docs/ipsec.md. Control thread, in its event
 * loop.
 */
#pragma once

#include "control/ipsec/ike_view.h"
#include "control/ipsec/sas.h"
#include "network/network.h"

struct alarms;
struct err_list;
struct event_base;
struct ipsec;

struct ipsec_parts {
	const char *plugin_socket, *vici_socket; /* copied */
	struct esp_table *table;
	struct alarms *alarms;
	/* returns when every worker has begun a burst since the call */
	void (*synchronize)(void *arg);
	/* packets of the tunnel go to this address from now on */
	void (*far_end)(void *arg, uint16_t tunnel, const struct addr6 *remote);
	/* once a second for each IPsec tunnel: can it carry packets? */
	void (*sign)(void *arg, uint16_t tunnel, bool up);
	void *arg;
};

/*
 * Neither socket is touched before there is an IPsec tunnel. NULL with a sentence in @errs if
 * memory ran out.
 */
struct ipsec *ipsec_create(struct event_base *base, const struct ipsec_parts *parts,
			   const struct network *net, struct err_list *errs);
void ipsec_destroy(struct ipsec *x); /* tunnels stay up in charon; NULL is fine */

/* From now on the network is @net: loads what is new or changed, removes what is gone. */
void ipsec_follow(struct ipsec *x, const struct network *net);

struct ipsec_state {
	bool used; /* there are IPsec tunnels */
	bool charon; /* its control socket answers */
	bool plugin; /* its plugin is connected */
	size_t n_sas;
	uint32_t loading; /* tunnels that charon has yet to be told */
};

struct ipsec_state ipsec_state(const struct ipsec *x);

/* NULL: the tunnel has no IKE SA. */
const struct ike_view *ipsec_ike(const struct ipsec *x, uint16_t tunnel);
/* Why it is not up, as charon said; NULL: it has said nothing. */
const char *ipsec_why(const struct ipsec *x, uint16_t tunnel);
const struct ipsec_sas *ipsec_sas(const struct ipsec *x);
