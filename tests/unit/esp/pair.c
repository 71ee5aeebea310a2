/* Two SAs of one tunnel, for tests. */
#include "pair.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "esp/outer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	uint16_t encryption, integrity;
	uint8_t key_len, auth_key_len;
} suites[PAIR_SUITES] = {
	[PAIR_GCM128] = {ESP_AES_GCM_16, ESP_AEAD, 20, 0},
	[PAIR_GCM256] = {ESP_AES_GCM_16, ESP_AEAD, 36, 0},
	[PAIR_CHACHA] = {ESP_CHACHA20_POLY1305, ESP_AEAD, 36, 0},
	[PAIR_CBC128_256] = {ESP_AES_CBC, ESP_HMAC_SHA2_256_128, 16, 32},
	[PAIR_CBC256_384] = {ESP_AES_CBC, ESP_HMAC_SHA2_384_192, 32, 48},
	[PAIR_CBC192_512] = {ESP_AES_CBC, ESP_HMAC_SHA2_512_256, 24, 64},
};

struct esp_spec pair_spec(enum pair_suite suite, uint8_t seed)
{
	static uint8_t keys[256][2][ESP_KEY_MAX];

	for (unsigned i = 0; i < ESP_KEY_MAX; i++) {
		keys[seed][0][i] = (uint8_t)(seed + 7 * i);
		keys[seed][1][i] = (uint8_t)(seed + 11 * i + 1);
	}
	return (struct esp_spec){
		.outbound = true,
		.spi = 0x1234,
		.tunnel = PAIR_TUNNEL,
		.window = 128,
		.encryption = suites[suite].encryption,
		.integrity = suites[suite].integrity,
		.key = keys[seed][0],
		.key_len = suites[suite].key_len,
		.auth_key = keys[seed][1],
		.auth_key_len = suites[suite].auth_key_len,
		.ends.local = addr6_from_ipv4(inet_addr("192.0.2.1")),
		.ends.remote = addr6_from_ipv4(inet_addr("192.0.2.2")),
	};
}

void pair_make(struct pair *p, enum pair_suite suite, void (*change)(struct esp_spec *spec))
{
	const char *why;

	memset(p, 0, sizeof(*p));
	p->table = esp_table_create(1);
	assert_non_null(p->table);
	p->worker = esp_worker_create(p->table, 0);
	assert_non_null(p->worker);
	p->worker->now_ns = 5000000000;

	p->out_spec = pair_spec(suite, 1);
	if (change != NULL)
		change(&p->out_spec);
	p->in_spec = p->out_spec;
	p->in_spec.outbound = false;
	p->in_spec.ends.local = p->out_spec.ends.remote;
	p->in_spec.ends.remote = p->out_spec.ends.local;
	assert_int_equal(esp_reserve(p->table, &p->in_spec.spi), 0);
	p->out_spec.spi = p->in_spec.spi;
	assert_int_equal(esp_add(p->table, &p->in_spec, &p->in, &why), 0);
	assert_int_equal(esp_add(p->table, &p->out_spec, &p->out, &why), 0);
	assert_int_equal(esp_use(p->table, p->out), 0);
	p->in_sa = esp_find(p->table, p->in_spec.spi);
	p->out_sa = esp_find_outbound(p->table, PAIR_TUNNEL);
	assert_non_null(p->in_sa);
	assert_non_null(p->out_sa);
}

void pair_end(struct pair *p)
{
	esp_worker_destroy(p->worker);
	esp_table_destroy(p->table);
}

void pair_inner(uint8_t *ip, unsigned len)
{
	memset(ip, 0x5a, len);
	memset(ip, 0, IPV4_LEN);
	ip[IPV4_VERSION_IHL] = IPV4_PLAIN;
	ip[IPV4_TTL] = 64;
	ip[IPV4_PROTO] = PROTO_UDP;
	wire_put_be16(ip + IPV4_LENGTH, htons((uint16_t)len));
	wire_put_be32(ip + IPV4_SRC, inet_addr("10.0.1.10"));
	wire_put_be32(ip + IPV4_DST, inet_addr("10.9.0.1"));
	wire_put_be16(ip + IPV4_CHECKSUM, checksum_make(ip, IPV4_LEN));
}

void pair_seal(struct pair *p, struct pair_packet *at, unsigned len)
{
	uint8_t *inner = at->room + ESP_HEAD_MAX;

	pair_inner(inner, len);
	at->out = (struct esp_out){.sa = p->out_sa, .inner = inner, .inner_len = (uint16_t)len};
	esp_seal(p->worker, &at->out, 1);
}

struct esp_in pair_in(struct pair *p, struct pair_packet *at)
{
	unsigned header = esp_outer_of(p->out_sa)->len;

	return (struct esp_in){
		.sa = p->in_sa,
		.esp = at->out.outer + header,
		.len = (uint16_t)(at->out.outer_len - header),
		.ip = at->out.outer,
	};
}

enum drop pair_open(struct pair *p, struct esp_in *in)
{
	esp_open(p->worker, in, 1);
	return in->drop;
}
