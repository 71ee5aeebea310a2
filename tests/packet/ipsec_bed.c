/* The far end of an IPsec tunnel, for packet tests. */
#include "ipsec_bed.h"

#include "base/wire.h"
#include "esp/outer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

const struct far_suite far_suites[FAR_SUITES] = {
	{ESP_AES_GCM_16, ESP_AEAD, 20, 0},
	{ESP_AES_GCM_16, ESP_AEAD, 36, 0},
	{ESP_CHACHA20_POLY1305, ESP_AEAD, 36, 0},
	{ESP_AES_CBC, ESP_HMAC_SHA2_256_128, 16, 32},
	{ESP_AES_CBC, ESP_HMAC_SHA2_256_128, 24, 32},
	{ESP_AES_CBC, ESP_HMAC_SHA2_256_128, 32, 32},
	{ESP_AES_CBC, ESP_HMAC_SHA2_384_192, 16, 48},
	{ESP_AES_CBC, ESP_HMAC_SHA2_384_192, 24, 48},
	{ESP_AES_CBC, ESP_HMAC_SHA2_384_192, 32, 48},
	{ESP_AES_CBC, ESP_HMAC_SHA2_512_256, 16, 64},
	{ESP_AES_CBC, ESP_HMAC_SHA2_512_256, 24, 64},
	{ESP_AES_CBC, ESP_HMAC_SHA2_512_256, 32, 64},
};

enum { ETHERNET = 14, NAT_PORT = 31000, ESP_PORT = 4500 };

static struct addr6 end_of(uint32_t addr, uint32_t usual, const char *six)
{
	struct addr6 a;

	if (six == NULL)
		return addr6_from_ipv4(htonl(addr != 0 ? addr : usual));
	assert_int_equal(inet_pton(AF_INET6, six, &a), 1);
	return a;
}

static struct esp_spec spec_of(const struct far_options *o, const uint8_t *key)
{
	struct esp_spec s = {
		.esn = o->esn,
		.clear_df = o->clear_df,
		.no_dscp = o->no_dscp,
		.tunnel = o->tunnel != 0 ? o->tunnel : 1,
		.window = o->window != 0 ? o->window : 128,
		.encryption = o->suite.encryption,
		.integrity = o->suite.integrity,
		.key = key,
		.auth_key = key + 40,
		.key_len = o->suite.key_len,
		.auth_key_len = o->suite.auth_key_len,
		.ends.local = end_of(o->local, FAR_LOCAL, o->six ? FAR_LOCAL6 : NULL),
		.ends.remote = end_of(o->remote, FAR_REMOTE, o->six ? FAR_REMOTE6 : NULL),
		.ends.udp = o->udp,
		.ends.local_port = ESP_PORT,
		.ends.remote_port = NAT_PORT,
	};

	return s;
}

static struct esp_spec turned(struct esp_spec s)
{
	struct esp_ends e = s.ends;

	s.ends.local = e.remote;
	s.ends.remote = e.local;
	s.ends.local_port = e.remote_port;
	s.ends.remote_port = e.local_port;
	return s;
}

/* One direction: an SA of @from, and its counterpart of @to. Handles in @out and @in. */
static void add_pair(struct esp_table *from, struct esp_table *to, struct esp_spec spec,
		     const struct esp_selectors *selectors, uint32_t *out, uint32_t *in)
{
	struct esp_spec far = turned(spec);
	const char *why;

	assert_int_equal(esp_reserve(to, &far.spi), 0);
	spec.spi = far.spi;
	spec.outbound = true;
	far.remote = *selectors;
	assert_int_equal(esp_add(to, &far, in, &why), 0);
	assert_int_equal(esp_add(from, &spec, out, &why), 0);
	assert_int_equal(esp_use(from, *out), 0);
}

static void add_sas(struct far *far, const struct far_options *o)
{
	static const struct esp_selectors any;
	static uint8_t serial;
	uint8_t keys[2][ESP_KEY_MAX + 40];

	memset(keys[0], ++serial, sizeof(keys[0]));
	memset(keys[1], ++serial, sizeof(keys[1]));
	far->tunnel = o->tunnel != 0 ? o->tunnel : 1;
	add_pair(far->ours, far->table, spec_of(o, keys[0]), &any, &far->our_out, &far->in);
	add_pair(far->table, far->ours, turned(spec_of(o, keys[1])), &o->remote_selectors,
		 &far->out, &far->our_in);
}

void far_make(struct far *far, struct bed *bed, const struct far_options *options)
{
	memset(far, 0, sizeof(*far));
	far->table = esp_table_create(1);
	far->worker = esp_worker_create(far->table, 0);
	far->ours = bed_sas(bed);
	assert_non_null(far->worker);
	assert_non_null(far->ours);
	add_sas(far, options);
}

void far_rekey(struct far *far, const struct far_options *options, struct far *old)
{
	*old = *far;
	add_sas(far, options);
}

void far_end(struct far *far)
{
	esp_worker_destroy(far->worker);
	esp_table_destroy(far->table);
}

size_t far_seal_bytes(struct far *far, const uint8_t *inner, size_t len, uint8_t *frame)
{
	static const uint8_t ethernet[ETHERNET] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xaa, 8, 0};
	struct esp_out out = {
		.sa = esp_place(far->table, far->out),
		.inner = far->room + ESP_HEAD_MAX,
		.inner_len = (uint16_t)len,
	};

	memcpy(out.inner, inner, len);
	esp_seal(far->worker, &out, 1);
	assert_int_equal(out.drop, DROP_NONE);
	memcpy(frame, ethernet, ETHERNET);
	if (out.six)
		memcpy(frame + 12, "\x86\xdd", 2);
	memcpy(frame + ETHERNET, out.outer, out.outer_len);
	return ETHERNET + (size_t)out.outer_len;
}

size_t far_seal(struct far *far, const struct frame *f, uint8_t *frame)
{
	uint8_t inner[FAR_ROOM];
	size_t len = frame_build_inner(f, inner);

	return far_seal_bytes(far, inner, len, frame);
}

size_t far_open_bytes(struct far *far, const uint8_t *frame, size_t len, uint8_t *inner)
{
	const uint8_t *ip = frame + ETHERNET;
	bool six = ip[0] >> 4 == 6;
	unsigned header = (six ? IPV6_LEN : IPV4_LEN) +
			  (ip[six ? IPV6_NEXT : IPV4_PROTO] == PROTO_UDP ? UDP_LEN : 0);
	struct esp_in in = {
		.esp = far->room + header,
		.len = (uint16_t)(len - ETHERNET - header),
		.ip = far->room,
	};

	assert_int_equal(six ? IPV6_LEN + wire_16(ip + IPV6_LENGTH) : wire_16(ip + IPV4_LENGTH),
			 len - ETHERNET);
	memcpy(far->room, ip, header + in.len);
	in.sa = esp_find(far->table, ntohl(wire_be32(in.esp)));
	assert_non_null(in.sa);
	esp_open(far->worker, &in, 1);
	assert_int_equal(in.drop, DROP_NONE);
	memcpy(inner, in.inner, in.inner_len);
	return in.inner_len;
}

void far_open(struct far *far, const uint8_t *frame, size_t len, struct frame *f)
{
	uint8_t bytes[FAR_ROOM];
	const char *why = "";
	size_t inner = far_open_bytes(far, frame, len, bytes + ETHERNET);

	memcpy(bytes, frame, ETHERNET);
	memcpy(bytes + 12, bytes[ETHERNET] >> 4 == 6 ? "\x86\xdd" : "\x08\0", 2);
	if (!frame_parse(bytes, ETHERNET + inner, f, &why))
		fail_msg("inner packet: %s", why);
}
