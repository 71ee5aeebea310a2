/*
 * What to type at the far end of a tunnel, for routers of several makers.
 */
#pragma once

#include "peer_proposal.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* The tunnel as the far end sees it: `local` is there. Texts are "" if they are not known. */
struct peer_side {
	const char *name; /* of the tunnel */
	bool ipsec; /* else GRE */
	bool over_ipv6;
	char local[INET6_ADDRSTRLEN], remote[INET6_ADDRSTRLEN]; /* outer addresses */
	char inner_local[INET6_ADDRSTRLEN], inner_remote[INET6_ADDRSTRLEN]; /* IPv4 */
	bool has_key;
	uint32_t key; /* of GRE */
	unsigned mtu; /* bytes inside */
	const char *local_id, *remote_id;
	bool certificates; /* else a pre-shared key */
	const char *psk_file; /* on the gateway */
	const char *ike_proposals, *esp_proposals; /* all of them, in strongSwan's words */
	struct peer_proposal ike, esp; /* the one that the maker's router can do */
	unsigned dpd, rekey, ike_rekey; /* seconds */
	bool far_end_begins;
};

struct peer_kind {
	const char *name;
	unsigned can; /* PEER_ bits */
	void (*gre)(const struct peer_side *p, FILE *out); /* NULL: it has no GRE */
	void (*ipsec)(const struct peer_side *p, FILE *out);
};

extern const struct peer_kind peer_kinds[]; /* ends with a row without a name */
