/*
 * Tells the neighbours of each port which addresses are ours, and hears who else says so.
 *
 * The addresses are those for which we answer, as no kernel does: egress addresses and tunnel ends
 * in a network of the port, and global prefixes of one address. They are announced when the port is
 * opened, when one of them becomes ours, when the interface's Ethernet address changes, and when
 * its link comes up: three times, a second and two seconds apart, at most 1,000 frames a second and
 * port, by ARP announcements (RFC 5227 section 2.3) and unsolicited neighbour advertisements (RFC
 * 4861 section 7.2.6).
 *
 * A station that has such an address, too, is found by a probe in front of the first announcement
 * (RFC 5227 section 2.1.1, RFC 4862 section 5.4), and by all that it says of itself. It is the
 * alarm ADDRESS_CONFLICT, until probes stay without an answer. We keep the address and defend it by
 * one announcement per 10 seconds at most (RFC 5227 section 2.4 c).
 *
 * Ports without a kernel behind them (tap, pcap, memory) have no neighbours who remember.
 *
 * Control thread, in its event loop.
 */
#pragma once

#include "control/port/port.h"

struct alarms;
struct announcer;
struct event_base;

/*
 * Announces the addresses of all ports and becomes the listener of @ports, which must outlive it.
 * The workers run: they answer who asks. NULL with errno on failure.
 */
struct announcer *announcer_create(struct event_base *base, struct port_set *ports,
				   struct alarms *alarms);
void announcer_destroy(struct announcer *a); /* NULL is fine */

/* The port was opened (again): hears its neighbours, and announces all its addresses. */
void announce_port(struct announcer *a, size_t port);

/* The port is about to be closed: hears and announces nothing there. */
void announce_port_closing(struct announcer *a, size_t port);
