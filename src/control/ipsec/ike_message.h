/*
 * The messages between charon's plugin and homewardd, over a Unix socket of type SOCK_SEQPACKET.
 *
 * The plugin opens two connections. Over the first it sends requests, one at a time, and each is
 * answered by a reply with the same number. Over the second homewardd sends events. The first
 * message of both is a hello, which says the version and which connection it is; the reply has the
 * instance of homewardd, a number that no other start of it has.
 *
 *     plugin  -- hello, requests -->  homewardd        plugin  -- hello -->   homewardd
 *             <------- replies ------                          <-- reply, events --
 *
 * A message has a fixed length for its type. Numbers are in host order: both ends are on one
 * machine. SPIs are in network order, as in the packet. An IPv4 address is mapped into IPv6 (RFC
 * 4291, section 2.5.5.2). Messages with keys are wiped by both ends after use.
 *
 * This header belongs to Homeward, with its licence, and contains nothing of strongSwan.
 */
#pragma once

#include <stdint.h>

#define IKE_SOCKET "/run/charon.homeward"

enum {
	IKE_MAGIC = 0x484f4d45,
	IKE_VERSION = 1,
	IKE_KEY_MAX = 64, /* bytes of a key, the salt included */
	IKE_SELECTORS_MAX = 8, /* for each side of an SA */
};

enum ike_type {
	/* requests */
	IKE_HELLO = 1,
	IKE_GET_SPI,
	IKE_ADD_SA,
	IKE_UPDATE_SA,
	IKE_QUERY_SA,
	IKE_DELETE_SA,
	IKE_FLUSH_SAS,
	IKE_USE_SA, /* packets leave by this outbound SA from now on */
	IKE_REPLY,
	/* events */
	IKE_EXPIRE,
	IKE_MAPPING,
	IKE_ACQUIRE,
	IKE_TYPES,
};

enum ike_status {
	IKE_OK,
	IKE_NOT_FOUND,
	IKE_UNKNOWN_TUNNEL, /* no tunnel has this number */
	IKE_UNSUPPORTED, /* an algorithm, a mode or a length that the data path does not have */
	IKE_FULL, /* no SPI or no memory is left */
	IKE_EXISTS,
	IKE_BAD_MESSAGE,
	IKE_OTHER_VERSION,
};

enum ike_connection { IKE_REQUESTS = 1, IKE_EVENTS };

enum ike_direction { IKE_IN, IKE_OUT };

/* DSCP: which way it is copied between the inner and the outer header. */
enum ike_dscp { IKE_DSCP_NONE, IKE_DSCP_OUT, IKE_DSCP_IN, IKE_DSCP_BOTH };

struct ike_header {
	uint32_t magic;
	uint16_t type; /* enum ike_type */
	uint16_t version;
	uint32_t number; /* of the request; 0 in an event */
	uint32_t status; /* enum ike_status in a reply, else 0 */
};

struct ike_hello {
	uint32_t connection; /* enum ike_connection */
	uint32_t pid; /* of charon */
};

struct ike_end {
	uint8_t address[16];
	uint16_t port;
	uint8_t pad[6];
};

struct ike_selector {
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
	uint8_t protocol; /* 0: any */
	uint8_t pad[3];
};

/* How an SA is named. An inbound one by its SPI, an outbound one by SPI and tunnel. */
struct ike_sa {
	struct ike_end source, destination;
	uint32_t spi; /* network order */
	uint32_t tunnel; /* the number of the tunnel, which charon has as interface ID */
};

struct ike_add_sa {
	struct ike_sa sa;
	uint32_t reqid;
	uint32_t replay_window; /* packets */
	uint64_t soft_bytes, hard_bytes, soft_packets, hard_packets; /* 0: no limit */
	uint32_t soft_s, hard_s; /* only shown: the plugin keeps the time. 0: no limit */
	uint32_t tfc; /* bytes that packets are padded to; 0: none, UINT32_MAX: the MTU */
	uint16_t encryption, integrity; /* transform numbers of IKEv2 */
	uint16_t encryption_len, integrity_len; /* bytes of key */
	uint8_t direction; /* enum ike_direction */
	uint8_t tunnel_mode, esp; /* bool */
	uint8_t udp; /* bool: send in UDP */
	uint8_t esn, initiator, reserved; /* bool; reserved: the SPI came by IKE_GET_SPI */
	uint8_t copy_df, copy_ecn; /* bool */
	uint8_t dscp; /* enum ike_dscp */
	uint8_t n_source, n_destination; /* selectors */
	uint8_t pad[4];
	uint8_t encryption_key[IKE_KEY_MAX], integrity_key[IKE_KEY_MAX];
	struct ike_selector source[IKE_SELECTORS_MAX], destination[IKE_SELECTORS_MAX];
};

struct ike_update_sa {
	struct ike_sa sa;
	struct ike_end new_source, new_destination;
	uint8_t udp, new_udp; /* bool */
	uint8_t pad[6];
};

struct ike_answer {
	uint64_t instance; /* to IKE_HELLO */
	uint64_t bytes, packets; /* to IKE_QUERY_SA */
	uint32_t idle_s; /* since the last packet; UINT32_MAX: there was none */
	uint32_t spi; /* to IKE_GET_SPI */
};

struct ike_expire {
	struct ike_sa sa;
	uint32_t hard; /* bool */
	uint8_t pad[4];
};

struct ike_mapping {
	struct ike_sa sa; /* as before; the source is the peer */
	struct ike_end new_source;
};

/* A packet for a tunnel without an outbound SA. */
struct ike_acquire {
	uint32_t tunnel;
	uint32_t pad;
};

struct ike_message {
	struct ike_header header;
	union {
		struct ike_hello hello;
		struct ike_sa sa; /* IKE_GET_SPI, IKE_QUERY_SA, IKE_USE_SA, IKE_DELETE_SA */
		struct ike_add_sa add_sa;
		struct ike_update_sa update_sa;
		struct ike_answer answer;
		struct ike_expire expire;
		struct ike_mapping mapping;
		struct ike_acquire acquire;
	};
};

/* Bytes of a message of @type, header included; 0: there is no such type. */
static inline uint32_t ike_message_len(uint32_t type)
{
	static const uint32_t body[IKE_TYPES] = {
		[IKE_HELLO] = sizeof(struct ike_hello),
		[IKE_GET_SPI] = sizeof(struct ike_sa),
		[IKE_ADD_SA] = sizeof(struct ike_add_sa),
		[IKE_UPDATE_SA] = sizeof(struct ike_update_sa),
		[IKE_QUERY_SA] = sizeof(struct ike_sa),
		[IKE_DELETE_SA] = sizeof(struct ike_sa),
		[IKE_USE_SA] = sizeof(struct ike_sa),
		[IKE_REPLY] = sizeof(struct ike_answer),
		[IKE_EXPIRE] = sizeof(struct ike_expire),
		[IKE_MAPPING] = sizeof(struct ike_mapping),
		[IKE_ACQUIRE] = sizeof(struct ike_acquire),
	};

	return type == 0 || type >= IKE_TYPES ? 0
					      : (uint32_t)sizeof(struct ike_header) + body[type];
}
