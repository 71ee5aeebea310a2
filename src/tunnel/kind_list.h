/*
 * The kinds of tunnel by name: number, name in the configuration and the API, and the protocol that
 * their outer IP header names; PROTO_NONE: they have none. Their functions are in tunnel/kinds.h.
 *
 * Included by BPF programs: a macro and numbers only.
 */
#pragma once

#include "base/wire_numbers.h"

#define TUNNEL_KIND_LIST(X)                                                                        \
	X(GRE, "gre", PROTO_GRE)                                                                   \
	X(INTERCONNECT, "interconnect", PROTO_NONE)                                                \
	X(IPSEC, "ipsec", PROTO_ESP)
