/*
 * Security associations of ESP (RFC 4303), tunnel mode: what the control thread does with them.
 *
 * They are outside the snapshot: workers write sequence numbers, replay windows and counters. The
 * table is the control thread's. Workers find an SA without a lock (row.h): an inbound one by its
 * SPI, which the table chose and which contains the row; an outbound one by the id of its tunnel.
 * Each SA has one worker, that of its first packet; others hand packets over to it. So each field
 * has one writer.
 *
 *   esp_reserve() -> SPI -> esp_add() inbound ─┐
 *                           esp_add() outbound ┴> esp_use() -> packets -> esp_remove()
 *                                                  -> worker_synchronize() -> esp_reclaim()
 *
 * Keys and what is computed from them are only in the table's own memory: it is in no core dump
 * (MADV_DONTDUMP), and a row is wiped before it is used again. The caller wipes its own copy.
 *
 * A handle names an SA. That of an inbound one is its SPI. A handle whose SA was removed is never
 * valid again while 4,095 others come and go in its row.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ESP_SAS_MAX = (1 << 16) - 1, /* rows, both directions together */
	ESP_WINDOW_MIN = 64,
	ESP_WINDOW_MAX = 4096,
	ESP_SELECTORS_MAX = 8, /* of each side */
	ESP_KEY_MAX = 64, /* bytes, salt included */
};

/* Transforms by their IKEv2 numbers (RFC 7296 section 3.3.2). */
enum esp_encryption {
	ESP_AES_CBC = 12, /* key 16, 24 or 32 bytes; needs an integrity transform */
	ESP_AES_GCM_16 = 20, /* key 16 or 32 bytes, then 4 of salt; integrity ESP_AEAD */
	ESP_CHACHA20_POLY1305 = 28, /* key 32 bytes, then 4 of salt; integrity ESP_AEAD */
};

enum esp_integrity {
	ESP_AEAD = 0,
	ESP_HMAC_SHA2_256_128 = 12, /* key 32 bytes */
	ESP_HMAC_SHA2_384_192 = 13, /* key 48 bytes */
	ESP_HMAC_SHA2_512_256 = 14, /* key 64 bytes */
};

/* Traffic selector (RFC 7296 section 3.13.1): a range of addresses of one family, IPv4 mapped. */
struct esp_selector {
	struct addr6 first, last;
	uint8_t protocol; /* 0: any */
	uint16_t first_port, last_port; /* host order; any port: 0 to 65535 */
};

struct esp_selectors {
	struct esp_selector at[ESP_SELECTORS_MAX];
	unsigned n; /* 0: any packet */
};

/* Where the outer packets come from or go to. Both addresses of one family, IPv4 mapped. */
struct esp_ends {
	struct addr6 local, remote;
	uint16_t local_port, remote_port; /* host order; with udp only */
	bool udp; /* sent in UDP (RFC 3948); both forms are always accepted */
};

/* 0: no limit. An outbound SA without ESN ends before its number would begin again, in any case. */
struct esp_limits {
	uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets;
};

struct esp_spec {
	bool outbound;
	bool esn; /* numbers of 64 bits */
	bool clear_df; /* routers may fragment the outer IPv4 packets */
	bool no_dscp; /* the outer DSCP is 0, and not a copy of the inner one */
	uint32_t spi; /* host order; inbound: as esp_reserve() gave it */
	uint16_t tunnel; /* id in the network */
	uint16_t window; /* inbound: packets of the replay window; rounded up to 64 */
	uint16_t encryption, integrity;
	const uint8_t *key, *auth_key; /* copied; with the salt behind the key */
	size_t key_len, auth_key_len;
	struct esp_ends ends;
	struct esp_limits limits;
	struct esp_selectors local, remote; /* of inner packets: our side's, the far side's */
};

struct esp_table;

/* For workers 0 to @workers - 1. NULL if memory ran out. */
struct esp_table *esp_table_create(uint16_t workers);
/* When no worker runs any more. Wipes all. NULL is fine. */
void esp_table_destroy(struct esp_table *t);

/*
 * Reserves a row and its SPI, host order, 0xc0000000 to 0xcfffffff. esp_add() uses it, or
 * esp_remove() gives it back. -ENOSPC: no row is free.
 */
int esp_reserve(struct esp_table *t, uint32_t *spi);

/*
 * Adds an SA. An inbound one works from now on, an outbound one from esp_use() on.
 * -EINVAL: unknown transform, key of a wrong length, window, ends or selectors; *why is a sentence
 * about it. -ENOENT: an inbound SPI that is not reserved. -ENOSPC: no row is free. With an error
 * nothing has changed; a reserved SPI stays so.
 */
int esp_add(struct esp_table *t, const struct esp_spec *spec, uint32_t *handle, const char **why);

/* Packets of the SA's tunnel are sent by this outbound SA from now on. -ENOENT: no such handle. */
int esp_use(struct esp_table *t, uint32_t handle);

/* Packets of the tunnel are not sent any more: dropped as esp_no_sa, with an event. */
void esp_use_none(struct esp_table *t, uint16_t tunnel);

/*
 * New outer addresses, ports or form. -ENOENT: no such handle. -EAGAIN: workers may still read the
 * ends before the last ones; worker_synchronize(), esp_reclaim(), and again. -EINVAL: ends that
 * cannot be.
 */
int esp_update(struct esp_table *t, uint32_t handle, const struct esp_ends *ends);

/*
 * No worker finds the SA from now on, after it has taken its next burst. Keys are wiped by
 * esp_reclaim(). -ENOENT: no such handle.
 */
int esp_remove(struct esp_table *t, uint32_t handle);
void esp_remove_all(struct esp_table *t);

/* Wipes what was removed. Call it after worker_synchronize() has returned since the removal. */
void esp_reclaim(struct esp_table *t);
bool esp_must_reclaim(const struct esp_table *t); /* is there anything to wipe? */

/*
 * The tunnel of the outbound SA whose packets have this SPI (host order) and these ends; with udp
 * the ports, too. 0: none. An SA that is being replaced counts as well.
 */
uint16_t esp_find_sent(const struct esp_table *t, uint32_t spi, const struct esp_ends *ends);

struct esp_counters {
	uint64_t packets, bytes; /* inner ones, delivered to the data path or sent */
	uint64_t replayed, forged, refused; /* inbound: window; ICV; all other drops */
	uint64_t number; /* the newest one */
	uint64_t used_ns; /* CLOCK_MONOTONIC of the last packet; 0: none */
};

/* May be some packets old. -ENOENT: no such handle. */
int esp_read(const struct esp_table *t, uint32_t handle, struct esp_counters *out);

/* --- what workers tell the control thread ----------------------------------------------------- */

enum esp_event_type {
	ESP_EVENT_SOFT, /* a soft limit is reached: rekey */
	ESP_EVENT_HARD, /* a hard limit is reached: its packets are dropped */
	/*
	 * An authenticated packet with the newest number came from other ends than the SA's. Told
	 * once for each pair of ends, and again after a second; of one SA once in 100 ms.
	 */
	ESP_EVENT_MAPPING,
	ESP_EVENT_ACQUIRE, /* a packet for a tunnel without an outbound SA; one a second each */
	ESP_EVENT_UNKNOWN_SPI, /* from a remote end; one a second of all */
};

struct esp_event {
	uint8_t type; /* enum esp_event_type */
	uint8_t protocol; /* acquire: of the inner packet */
	bool udp; /* mapping, unknown SPI: it came in UDP */
	uint16_t tunnel; /* all but unknown SPI */
	uint32_t handle; /* soft, hard, mapping */
	uint32_t spi; /* on the wire, host order; all but acquire */
	struct esp_ends ends; /* mapping, unknown SPI: as the packet has them */
	struct addr6 src, dst; /* acquire: of the inner packet; IPv4 mapped */
	uint16_t src_port, dst_port; /* acquire; 0: the protocol has none */
};

/* Takes the next event of any worker. False: there is none. Control thread. */
bool esp_take_event(struct esp_table *t, struct esp_event *e);

/* Events that were lost since the start because a ring was full. */
uint64_t esp_events_lost(const struct esp_table *t);
