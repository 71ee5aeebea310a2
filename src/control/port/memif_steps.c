/*
 * How the two ends of a memif agree: one message, one answer.
 *
 *   client                                server
 *                                         hello: what it accepts at most
 *   init: number of the interface         ack
 *   add_region, with its memory           ack
 *   add_ring, for each ring               ack
 *   connect                               connected
 *
 * Either may say farewell at any time (disconnect). What is not expected at a step ends the
 * connection.
 *
 * An add_ring must come with an eventfd, by which a receiver that sleeps is woken. We poll, and do
 * not wake the peer: a write to a descriptor that the peer controls could block a worker.
 *
 * Control thread.
 */
#include "control/port/memif_internal.h"

#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define OUR_NAME "homeward"

static const char *say(const struct memif_talk *talk, const struct memif_message *message, int fd)
{
	return memif_message_send(talk->socket, message, fd) == 0 ? NULL : "the peer does not read";
}

static uint8_t log2_of(uint32_t power)
{
	return (uint8_t)__builtin_ctz(power);
}

static uint16_t smaller(uint32_t a, uint32_t b)
{
	return (uint16_t)(a < b ? a : b);
}

void memif_talk_begin(struct memif_talk *talk, const struct memif_settings *settings, int socket)
{
	struct memif_message m = {
		.type = MEMIF_HELLO,
		.hello = {.name = OUR_NAME,
			  .min_version = MEMIF_VERSION,
			  .max_version = MEMIF_VERSION,
			  .max_region = MEMIF_REGIONS_MAX - 1,
			  .max_to_client = (uint16_t)(settings->queues - 1),
			  .max_to_server = (uint16_t)(settings->queues - 1),
			  .max_log2_slots = log2_of(settings->slots)},
	};

	*talk = (struct memif_talk){
		.socket = socket,
		.step = settings->server ? STEP_INIT : STEP_HELLO,
		.memory.fd = -1,
	};
	if (settings->server)
		say(talk, &m, -1); /* if it fails, the peer is gone */
}

void memif_talk_end(struct memif_talk *talk, const char *why)
{
	struct memif_message m = {.type = MEMIF_DISCONNECT};

	if (talk->socket < 0)
		return;
	if (why != NULL) {
		snprintf(m.disconnect.text, sizeof(m.disconnect.text), "%s", why);
		say(talk, &m, -1);
	}
	close(talk->socket);
	talk->socket = -1;
}

/* --- the server ------------------------------------------------------------------------------- */

static const char *acknowledge(const struct memif_talk *talk, const char *why)
{
	const struct memif_message m = {.type = MEMIF_ACK};

	return why != NULL ? why : say(talk, &m, -1);
}

static const char *hear_init(struct memif_talk *talk, const struct memif_settings *settings,
			     const struct memif_message *m)
{
	if (m->type != MEMIF_INIT)
		return "init was expected";
	memif_message_text(talk->peer, sizeof(talk->peer), m->init.name, sizeof(m->init.name));
	if (m->init.version != MEMIF_VERSION)
		return "its version of memif is not 2.0";
	if (m->init.id != settings->id)
		return "it asked for an interface of another id";
	if (m->init.mode != MEMIF_MODE_ETHERNET)
		return "its mode is not Ethernet";
	talk->step = STEP_OFFERS;
	return acknowledge(talk, NULL);
}

static const char *hear_connect(struct memif_talk *talk, const struct memif_settings *settings)
{
	const struct memif_message m = {
		.type = MEMIF_CONNECTED_MESSAGE,
		.connect = {.name = OUR_NAME},
	};
	const char *why = memif_memory_take(&talk->memory, settings->pool);

	if (why == NULL)
		why = say(talk, &m, -1);
	if (why == NULL)
		talk->step = STEP_DONE;
	return why;
}

static const char *hear_offer(struct memif_talk *talk, const struct memif_settings *settings,
			      const struct memif_message *m, int fd)
{
	struct memif_memory *mem = &talk->memory;

	switch (m->type) {
	case MEMIF_ADD_REGION:
		return acknowledge(talk, memif_memory_add_region(mem, m->add_region.index,
								 m->add_region.size, fd));
	case MEMIF_ADD_RING:
		return acknowledge(talk, memif_memory_add_ring(mem, m, settings->queues,
							       log2_of(settings->slots)));
	case MEMIF_CONNECT:
		return hear_connect(talk, settings);
	default:
		return "a region, a ring or connect was expected";
	}
}

/* --- the client ------------------------------------------------------------------------------- */

static const char *say_ring(const struct memif_talk *talk, unsigned i)
{
	const struct memif_memory *mem = &talk->memory;
	bool to_server = i < mem->n;
	uint16_t index = (uint16_t)(to_server ? i : i - mem->n);
	const struct memif_place *place =
		to_server ? &mem->to_server[index] : &mem->to_client[index];
	const struct memif_message m = {
		.type = MEMIF_ADD_RING,
		.add_ring = {.flags = to_server ? MEMIF_RING_TO_SERVER : 0,
			     .index = index,
			     .offset = place->offset,
			     .log2_slots = place->log2_slots},
	};
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	const char *why = fd < 0 ? "there is no descriptor left" : say(talk, &m, fd);

	if (fd >= 0)
		close(fd);
	return why;
}

static const char *say_region(const struct memif_talk *talk)
{
	const struct memif_message m = {
		.type = MEMIF_ADD_REGION,
		.add_region = {.size = talk->memory.regions[0].size},
	};

	return say(talk, &m, talk->memory.fd);
}

/* The message that follows @acked ones which the server has acknowledged. */
static const char *say_next(struct memif_talk *talk)
{
	const struct memif_message m = {
		.type = MEMIF_CONNECT,
		.connect = {.name = OUR_NAME},
	};
	unsigned acked = talk->acked++;

	if (acked == 0)
		return say_region(talk);
	if (acked <= 2u * talk->memory.n)
		return say_ring(talk, acked - 1);
	talk->step = STEP_CONNECTED;
	return say(talk, &m, -1);
}

static const char *hear_hello(struct memif_talk *talk, const struct memif_settings *settings,
			      const struct memif_message *m)
{
	struct memif_message init = {
		.type = MEMIF_INIT,
		.init = {.version = MEMIF_VERSION,
			 .id = settings->id,
			 .mode = MEMIF_MODE_ETHERNET,
			 .name = OUR_NAME},
	};
	const char *why;
	uint32_t n;

	if (m->type != MEMIF_HELLO)
		return "hello was expected";
	memif_message_text(talk->peer, sizeof(talk->peer), m->hello.name, sizeof(m->hello.name));
	if (m->hello.min_version > MEMIF_VERSION || m->hello.max_version < MEMIF_VERSION)
		return "its version of memif is not 2.0";
	if (m->hello.max_log2_slots < MEMIF_LOG2_SLOTS_MIN)
		return "its rings are too small";
	n = smaller(m->hello.max_to_client, m->hello.max_to_server) + 1u;
	why = memif_memory_make(&talk->memory, smaller(n, settings->queues),
				(uint8_t)smaller(log2_of(settings->slots), m->hello.max_log2_slots),
				settings->frame, settings->pool);
	if (why != NULL)
		return why;
	talk->step = STEP_ACKS;
	return say(talk, &init, -1);
}

static const char *hear_connected(struct memif_talk *talk, const struct memif_message *m)
{
	if (m->type != MEMIF_CONNECTED_MESSAGE)
		return "connected was expected";
	close(talk->memory.fd);
	talk->memory.fd = -1;
	for (uint16_t i = 0; i < talk->memory.n; i++)
		memif_offer_all(&talk->memory.queues[i]);
	talk->step = STEP_DONE;
	return NULL;
}

const char *memif_talk_hear(struct memif_talk *talk, const struct memif_settings *settings,
			    const struct memif_message *m, int fd)
{
	if (m->type == MEMIF_DISCONNECT) {
		memif_message_text(talk->why, sizeof(talk->why), m->disconnect.text,
				   sizeof(m->disconnect.text));
		return talk->why[0] != '\0' ? talk->why : "it said farewell";
	}
	switch (talk->step) {
	case STEP_HELLO:
		return hear_hello(talk, settings, m);
	case STEP_INIT:
		return hear_init(talk, settings, m);
	case STEP_OFFERS:
		return hear_offer(talk, settings, m, fd);
	case STEP_ACKS:
		return m->type == MEMIF_ACK ? say_next(talk) : "ack was expected";
	case STEP_CONNECTED:
		return hear_connected(talk, m);
	case STEP_DONE:
		break;
	}
	return "nothing more was expected";
}
