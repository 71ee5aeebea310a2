/*
 * Tells the neighbours of each port which addresses are ours, and finds other stations that claim
 * them.
 *
 * These are the addresses that we answer for instead of the kernel: egress addresses and tunnel
 * ends in a network of the port, and global prefixes of one address. They are announced when the
 * port is opened, when an address becomes ours, when the interface's Ethernet address changes, and
 * when its link comes up. Each is announced three times, with gaps of one and two seconds, at most
 * 1,000 frames a second per port, by ARP announcements (RFC 5227 section 2.3) and unsolicited
 * neighbour advertisements (RFC 4861 section 7.2.6).
 *
 * A probe before the first announcement (RFC 5227 section 2.1.1, RFC 4862 section 5.4) finds a
 * station that has the same address; so does everything that the station sends about it. That
 * raises the alarm ADDRESS_CONFLICT, until probes get no answer any more. We keep the address and
 * defend it by one announcement per 10 seconds at most (RFC 5227 section 2.4 c).
 *
 * Ports without a kernel behind them (tap, pcap, memory) have no neighbours that cache addresses.
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
 * The workers must run: they answer requests. NULL with errno on failure.
 */
struct announcer *announcer_create(struct event_base *base, struct port_set *ports,
				   struct alarms *alarms);
void announcer_destroy(struct announcer *a); /* accepts NULL */

/* The port was opened (again): listens to its neighbours, and announces all its addresses. */
void announce_port(struct announcer *a, size_t port);

/* The port is about to be closed: stops listening and announcing there. */
void announce_port_closing(struct announcer *a, size_t port);
