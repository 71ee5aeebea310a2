/*
 * Any bytes as an ESP packet, and any bytes as what is inside one that is authentic. What comes out
 * lies within the packet and begins with the version that the trailer names; all else has a drop
 * reason of ESP.
 *
 * The first byte chooses the suite, and whether the rest is a packet or its text.
 */
#include "esp/open.h"
#include "esp/sa.h"

#include "base/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 4096, TEXT_MAX = 3000, SUITES = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	uint16_t encryption, integrity;
	uint8_t key_len, auth_key_len;
} suites[SUITES] = {
	{ESP_AES_GCM_16, ESP_AEAD, 36, 0},
	{ESP_CHACHA20_POLY1305, ESP_AEAD, 36, 0},
	{ESP_AES_CBC, ESP_HMAC_SHA2_256_128, 16, 32},
	{ESP_AES_CBC, ESP_HMAC_SHA2_512_256, 32, 64},
};

static struct esp_table *table;
static struct esp_worker *worker;
static struct esp_sa *sas[SUITES];

static void stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

/* What rows refer to would be a leak: their memory is a mapping, in which no pointers are found. */
static void end(void)
{
	esp_worker_destroy(worker);
	esp_table_destroy(table);
}

static void begin(void)
{
	static const uint8_t key[ESP_KEY_MAX] = {1, 2, 3};
	const char *why;

	table = esp_table_create(1);
	worker = esp_worker_create(table, 0);
	atexit(end);
	for (unsigned i = 0; i < SUITES; i++) {
		struct esp_spec spec = {
			.tunnel = 1,
			.esn = i & 1,
			.window = 64,
			.encryption = suites[i].encryption,
			.integrity = suites[i].integrity,
			.key = key,
			.auth_key = key,
			.key_len = suites[i].key_len,
			.auth_key_len = suites[i].auth_key_len,
			.ends.local = addr6_from_ipv4(htonl(1)),
			.ends.remote = addr6_from_ipv4(htonl(2)),
			.remote.n = 1,
		};
		uint32_t handle;

		spec.remote.at[0] = (struct esp_selector){
			.first = addr6_from_ipv4(htonl(0x0a000000)),
			.last = addr6_from_ipv4(htonl(0x0affffff)),
			.first_port = i == 0,
			.last_port = UINT16_MAX,
		};
		stop_if(esp_reserve(table, &spec.spi) < 0, "no SPI");
		stop_if(esp_add(table, &spec, &handle, &why) < 0, "no SA");
		sas[i] = esp_find(table, handle);
	}
}

/* An authentic packet with this text, rounded up to whole blocks. */
static uint16_t make(struct esp_sa *sa, uint8_t *esp, const uint8_t *text, size_t len)
{
	const struct esp_suite *s = sa->suite;
	size_t blocks = (len + s->align) & ~(size_t)(s->align - 1), pad = blocks - len;
	struct esp_job job = {.sa = sa, .esp = esp, .number = sa->window.newest + 1};
	uint8_t *at = esp + ESP_HEADER_LEN + s->iv_len;

	job.len = (uint16_t)(ESP_HEADER_LEN + s->iv_len + blocks + s->icv_len);
	wire_put_be32(esp, htonl(sa->in_spi));
	wire_put_be32(esp + ESP_NUMBER, htonl((uint32_t)job.number));
	memset(at, 0, pad); /* in front, so that the input is the trailer */
	memcpy(at + pad, text, len);
	if (pad > 0 && len > 0)
		memmove(at, text, len < blocks - 2 ? len : blocks - 2);
	esp_cipher_seal(worker->cipher, &job, 1);
	return job.len;
}

static void check(const struct esp_in *in)
{
	if (in->drop != DROP_NONE) {
		stop_if(in->drop < DROP_ESP_UNKNOWN_SPI || in->drop > DROP_ESP_SELECTOR,
			"a reason of others");
		return;
	}
	stop_if(in->inner < in->esp || in->inner + in->inner_len > in->esp + in->len,
		"inner packet outside of the packet");
	stop_if(in->inner_len == 0 || in->inner[0] >> 4 != (in->six ? 6 : 4), "another version");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t outer[IPV4_LEN] = {IPV4_PLAIN, [IPV4_PROTO] = PROTO_ESP};
	uint8_t *room;
	struct esp_in in;

	if (table == NULL)
		begin();
	if (size < 1 || size > TEXT_MAX)
		return 0;
	in = (struct esp_in){.sa = sas[data[0] % SUITES], .ip = outer};
	room = malloc(data[0] & 0x80 ? ROOM : size);
	if (data[0] & 0x80) {
		in.len = make(in.sa, room, data + 1, size - 1);
	} else {
		memcpy(room, data + 1, size - 1);
		in.len = (uint16_t)(size - 1);
	}
	in.esp = room;
	esp_open(worker, &in, 1);
	check(&in);
	stop_if((data[0] & 0x80) != 0 && in.drop == DROP_ESP_AUTH,
		"an authentic packet is refused");
	free(room);
	return 0;
}
