/* Private to control/port/memif*.c: messages, the peer's memory, and the steps of connecting. */
#pragma once

#include "control/port/memif.h"

/* --- memif_message.c: what is said on the socket ---------------------------------------------- */

enum {
	MEMIF_VERSION = 2 << 8, /* major, minor */
	MEMIF_NAME_SIZE = 32,
	MEMIF_SECRET_SIZE = 24,
	MEMIF_TEXT_SIZE = 96,
	MEMIF_MESSAGE_SIZE = 128,
	MEMIF_MODE_ETHERNET = 0,
	MEMIF_RING_TO_SERVER = 1, /* a flag of add_ring */
	MEMIF_LOG2_SLOTS_MIN = 3,
	MEMIF_LOG2_SLOTS_MAX = 14,
};

enum memif_type {
	MEMIF_ACK = 1,
	MEMIF_HELLO,
	MEMIF_INIT,
	MEMIF_ADD_REGION,
	MEMIF_ADD_RING,
	MEMIF_CONNECT,
	MEMIF_CONNECTED_MESSAGE,
	MEMIF_DISCONNECT,
};

#define MEMIF_PACKED __attribute__((packed))

/* Texts from a peer need not end with a zero. */
struct memif_message {
	uint16_t type;
	union {
		struct MEMIF_PACKED {
			char name[MEMIF_NAME_SIZE];
			uint16_t min_version, max_version;
			uint16_t max_region, max_to_client, max_to_server; /* highest index */
			uint8_t max_log2_slots;
		} hello;
		struct MEMIF_PACKED {
			uint16_t version;
			uint32_t id;
			uint8_t mode;
			char secret[MEMIF_SECRET_SIZE];
			char name[MEMIF_NAME_SIZE];
		} init;
		struct MEMIF_PACKED {
			uint16_t index;
			uint64_t size;
		} add_region;
		struct MEMIF_PACKED {
			uint16_t flags, index, region;
			uint32_t offset;
			uint8_t log2_slots;
			uint16_t private_header;
		} add_ring;
		struct MEMIF_PACKED {
			char name[MEMIF_NAME_SIZE];
		} connect; /* and MEMIF_CONNECTED_MESSAGE */
		struct MEMIF_PACKED {
			uint32_t code;
			char text[MEMIF_TEXT_SIZE];
		} disconnect;
		uint8_t bytes[MEMIF_MESSAGE_SIZE - sizeof(uint16_t)];
	};
} MEMIF_PACKED;

static_assert(sizeof(struct memif_message) == MEMIF_MESSAGE_SIZE, "the peer has the same layout");

/* Sends @message, and the descriptor @fd if it is not -1; @fd stays open. 0 or -errno. */
int memif_message_send(int socket, const struct memif_message *message, int fd);

/*
 * 0, with a descriptor in *@fd that the caller closes (-1: none came). -EAGAIN: nothing has come.
 * -EPIPE: the peer has closed the socket. -EBADMSG: no message. Or another -errno.
 */
int memif_message_receive(int socket, struct memif_message *out, int *fd);

/* Copies a text of the peer; what is not printable ASCII becomes '?'. */
void memif_message_text(char *to, size_t size, const char *text, size_t len);

/* --- memif_memory.c: the shared memory -------------------------------------------------------- */

/* A ring as the client describes it. */
struct memif_place {
	bool there;
	uint16_t region;
	uint32_t offset;
	uint8_t log2_slots;
};

struct memif_memory {
	struct memif_region regions[MEMIF_REGIONS_MAX];
	uint32_t n_regions;
	struct memif_place to_server[MEMIF_QUEUES_MAX], to_client[MEMIF_QUEUES_MAX];
	uint16_t n; /* queues */
	struct memif_queue *queues; /* [n]; NULL: not made */
	uint32_t buffer_size; /* the client's */
	uint32_t buffers; /* the client's: offset of the first one */
	int fd; /* the client's region 0, until the server has it; -1: none */
};

/* NULL: it worked. Otherwise why not, for people and for the peer. */

/* The server maps a region of the client, whose descriptor is @fd; it stays open. */
const char *memif_memory_add_region(struct memif_memory *mem, uint16_t index, uint64_t size,
				    int fd);
/* The server notes a ring of the client. At most @max queues. */
const char *memif_memory_add_ring(struct memif_memory *mem, const struct memif_message *message,
				  uint16_t max, uint8_t max_log2_slots);
/* The server: the client has said all. Makes the queues. */
const char *memif_memory_take(struct memif_memory *mem, struct rte_mempool *pool);

/* The client makes region 0 with @n queues, and the queues. */
const char *memif_memory_make(struct memif_memory *mem, uint16_t n, uint8_t log2_slots,
			      uint32_t frame, struct rte_mempool *pool);

void memif_memory_free(struct memif_memory *mem);

/* --- memif_steps.c: how the two ends agree ---------------------------------------------------- */

/* What the other end is expected to say next. */
enum memif_step {
	STEP_HELLO, /* client: the server's hello */
	STEP_INIT, /* server: the client's first message */
	STEP_OFFERS, /* server: regions and rings, until it says connect */
	STEP_ACKS, /* client: an acknowledgement of each of its messages */
	STEP_CONNECTED, /* client: the server has taken all */
	STEP_DONE, /* both: nothing but a farewell */
};

/* One connection, from the first byte on. */
struct memif_talk {
	int socket; /* -1: none */
	enum memif_step step;
	unsigned acked; /* client: messages that the server has acknowledged */
	struct memif_memory memory;
	char peer[MEMIF_NAME_SIZE]; /* the peer's name for itself */
	char why[MEMIF_TEXT_SIZE]; /* it said farewell with these words */
};

void memif_talk_begin(struct memif_talk *talk, const struct memif_settings *settings, int socket);

/*
 * Takes a message of the peer, with the descriptor @fd if it is not -1, and answers. NULL; or why
 * the connection ends. @fd stays open.
 */
const char *memif_talk_hear(struct memif_talk *talk, const struct memif_settings *settings,
			    const struct memif_message *message, int fd);

/* Says farewell and closes the socket. The memory stays. @why NULL: the peer has left already. */
void memif_talk_end(struct memif_talk *talk, const char *why);
