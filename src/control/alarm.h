/*
 * Alarms: conditions that an operator must know about, from their beginning to their end.
 *
 * An alarm is a row of ALARM_LIST about a subject, such as the name of a port or tunnel, or an
 * address. It is raised when the condition begins and cleared when it ends; both are logged once.
 * While it stands, /v1/status and `homeward status` list it. A row's help says what to do about it.
 *
 * At most ALARMS_MAX alarms stand at once; further ones are only counted. An alarm that flaps is
 * logged every ALARM_QUIET_MS at most.
 *
 * Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ALARMS_MAX = 256,
	ALARM_SUBJECT_SIZE = 64,
	ALARM_TEXT_SIZE = 384,
	ALARM_QUIET_MS = 10000,
};

/* X(enum name, name for people, severity, what to do) */
#define ALARM_LIST(X)                                                                              \
	X(TUNNEL_SILENT, "tunnel_silent", ERROR,                                                   \
	  "is the far end up, does it have this key, does it send keepalives back?")               \
	X(TUNNEL_DOWN, "tunnel_down", ERROR,                                                       \
	  "flows use another tunnel of the site, if there is one; `homeward health` shows the "    \
	  "probes: is the far end up, does it answer pings, or send echo replies back?")           \
	X(TUNNEL_DEGRADED, "tunnel_degraded", WARNING,                                             \
	  "probes of the tunnel are lost; `homeward health` says how many. Other routes are "      \
	  "preferred until five minutes were better")                                              \
	X(DESCRIPTORS, "descriptors", WARNING,                                                     \
	  "the API accepts no new client; raise the limit of open files (LimitNOFILE= of the "     \
	  "unit)")                                                                                 \
	X(API_SOCKET, "api_socket", WARNING,                                                       \
	  "clients cannot find the API: remove the file in the place of its socket, or make its "  \
	  "directory")                                                                             \
	X(ADDRESS_IN_KERNEL, "address_in_kernel", ERROR,                                           \
	  "the kernel answers for one of our addresses: remove it from the interface")             \
	X(ADDRESS_CONFLICT, "address_conflict", ERROR,                                             \
	  "another station answers for one of our addresses: remove it there, or from our "        \
	  "configuration")                                                                         \
	X(EPOCH, "epoch", WARNING,                                                                 \
	  "make the file of `flows.epoch-file` writable; without it ports do not rest across the " \
	  "next start")                                                                            \
	X(CONFIG_STORE, "config_store", WARNING,                                                   \
	  "make `state-directory` writable and give it room; until then the configuration cannot " \
	  "be changed")                                                                            \
	X(CONFIG_TRIAL, "config_trial", WARNING,                                                   \
	  "`homeward config confirm` keeps it; `homeward config rollback` undoes it at once")      \
	X(CONFIG_UNDONE, "config_undone", WARNING,                                                 \
	  "`homeward config history` shows its number: find out what was wrong, and apply it "     \
	  "again")                                                                                 \
	X(PORTS_SHORT, "ports_short", WARNING,                                                     \
	  "late packets of servers may reach a host of another site: give the pool more slices "   \
	  "(`homeward size` says how many), or flows shorter timeouts")                            \
	X(PORT_BEHIND, "port_behind", ERROR,                                                       \
	  "the port still uses the addresses from before the change; the update is tried again "   \
	  "every second")                                                                          \
	X(PORT_LOSSES, "port_losses", ERROR,                                                       \
	  "see LOST of `homeward status`; docs/ports.md says what each loss means")                \
	X(PARTIAL_CHECKSUMS, "partial_checksums", WARNING,                                         \
	  "run at the other end of the cable, in its container, namespace or host: ethtool -K IF " \
	  "tx off")                                                                                \
	X(FRAMES_TRUNCATED, "frames_truncated", ERROR,                                             \
	  "a neighbour sends packets above the MTU: ethtool -K IF tso off gso off there; see "     \
	  "docs/ports.md")                                                                         \
	X(PORT_BUFFERS, "port_buffers", ERROR,                                                     \
	  "the port slowly runs out of buffers: please report this, and restart")                  \
	X(PATH_MTU_DEAF, "path_mtu_deaf", WARNING,                                                 \
	  "the path MTU of tunnels is not learned; give CAP_NET_RAW, or set each tunnel's mtu")    \
	X(TUNNEL_NARROW, "tunnel_narrow", WARNING,                                                 \
	  "larger packets that may not be fragmented are refused, and IPv6 does not work; give "   \
	  "the port, or the route, a larger MTU")                                                  \
	X(TUNNEL_UNREACHABLE, "tunnel_unreachable", ERROR,                                         \
	  "ask the kernel: ip route get REMOTE, ip neighbour; a link that goes down loses its "    \
	  "static routes")                                                                         \
	X(ROUTES_LEFT_OUT, "routes_left_out", WARNING,                                             \
	  "keep fewer routes by our ports in the main table; a default route is enough")           \
	X(NEXTHOPS_EXHAUSTED, "nexthops_exhausted", ERROR,                                         \
	  "use fewer gateways, or put a router in front of the on-link hosts")                     \
	X(PORT_MISSING, "port_missing", ERROR,                                                     \
	  "the port waits for its interface; make it, or correct the port's interface")            \
	X(PORT_CLOSED, "port_closed", ERROR,                                                       \
	  "the port is tried again every half minute; do what the sentence says")                  \
	X(PORT_DOWN, "port_down", ERROR,                                                           \
	  "set the interface up (ip link set NAME up), and look at its cable and switch")          \
	X(PORT_BYPASSED, "port_bypassed", ERROR,                                                   \
	  "detach the other program (ip link set dev NAME xdp off), or set driver: af_packet")     \
	X(PORT_DEGRADED, "port_degraded", ERROR,                                                   \
	  "do what the sentence says, or restart homewardd")                                       \
	X(LEARNED_REFUSED, "learned_refused", WARNING,                                             \
	  "`homeward status --json` counts the refused routes; docs/bgp.md says when routes are "  \
	  "refused")                                                                               \
	X(BGP_DEVICE, "bgp_device", ERROR,                                                         \
	  "the kernel needs the module tun, and no other program may have homeward0 or "           \
	  "homeward-up; it is tried again every 5 seconds")                                        \
	X(IPSEC_CHARON, "ipsec_charon", ERROR,                                                     \
	  "is strongSwan running (systemctl status strongswan)? IPsec tunnels go on with the "     \
	  "keys that they have; docs/ipsec.md")                                                    \
	X(IPSEC_PLUGIN, "ipsec_plugin", ERROR,                                                     \
	  "install the plugin (docs/ipsec.md) and restart strongSwan; `swanctl --stats` must "     \
	  "list "                                                                                  \
	  "kernel-homeward")                                                                       \
	X(IPSEC_REFUSED, "ipsec_refused", ERROR,                                                   \
	  "the tunnel cannot be set up: do what the sentence says, then `homeward config apply`")  \
	X(IPSEC_FAILED, "ipsec_failed", ERROR,                                                     \
	  "the tunnel is down, and charon says why: compare both ends (`homeward peer-config`)")   \
	X(POOL_SHRUNK, "pool_shrunk", WARNING,                                                     \
	  "packet buffers run short; restart homewardd when it suits you")

/* clang-format off */
enum alarm_kind {
#define X(id, name, severity, help) ALARM_##id,
	ALARM_LIST(X)
#undef X
	ALARM_KINDS,
};
/* clang-format on */

enum alarm_severity {
	ALARM_SEVERITY_WARNING, /* works, but with limits */
	ALARM_SEVERITY_ERROR, /* packets are lost */
};

struct alarm_info {
	const char *name;
	enum alarm_severity severity;
	const char *help;
};

extern const struct alarm_info alarm_infos[ALARM_KINDS];

struct alarm {
	enum alarm_kind kind;
	char subject[ALARM_SUBJECT_SIZE];
	char text[ALARM_TEXT_SIZE]; /* one sentence: what was seen */
	uint64_t since_ms; /* mono_ms() */
};

struct alarms;

struct alarms *alarms_create(void); /* NULL on failure */
void alarms_destroy(struct alarms *a); /* accepts NULL */

/*
 * The condition holds. @subject is truncated to ALARM_SUBJECT_SIZE; the rest is one sentence. An
 * alarm that stands already takes the new sentence and is not logged again. With @a NULL, as in
 * tests, it is only logged.
 */
void alarm_raise(struct alarms *a, enum alarm_kind kind, const char *subject, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The condition no longer holds. Does nothing if the alarm does not stand. */
void alarm_clear(struct alarms *a, enum alarm_kind kind, const char *subject);

/* Clears the alarm for every subject. */
void alarm_clear_all(struct alarms *a, enum alarm_kind kind);

bool alarm_stands(const struct alarms *a, enum alarm_kind kind, const char *subject);

/*
 * The standing alarms, in the order in which they began: their number, and the @i-th of them, which
 * is valid until the next call that changes @a.
 */
size_t alarms_count(const struct alarms *a);
const struct alarm *alarms_at(const struct alarms *a, size_t i);

/* How many alarms were not listed since the start, because ALARMS_MAX others stood. */
uint64_t alarms_missed(const struct alarms *a);

const char *alarm_severity_name(enum alarm_severity severity);
