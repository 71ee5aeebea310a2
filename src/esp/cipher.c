/*
 * Encryption and authentication.
 *
 * GCM goes through the library's direct functions, packet by packet: they are the fastest. CBC with
 * HMAC and ChaCha20-Poly1305 are jobs. CBC encryption is serial within a packet, so the library
 * works on many packets at once: all of a burst are submitted, of whatever SA, then the rest is
 * flushed.
 *
 *   GCM, ChaCha20   nonce = salt, IV; IV = number, so no two are equal under one key
 *                   AAD = SPI, number; with ESN the high half is between them (RFC 4106 section 5)
 *   CBC             the IV is unpredictable (RFC 3602 section 2.1): a counter under a secret key
 *                   of this thread
 *                   HMAC = all but the ICV; with ESN the high half behind it, which is not sent
 *                   (RFC 4303 section 2.2.1). It is put where the ICV is, for that moment.
 *
 * The keys of many SAs are in no near cache: those of a burst are fetched together when its packets
 * are prepared.
 *
 * One struct esp_cipher belongs to one thread.
 */
#include "esp/cipher.h"

#include "base/memory.h"
#include "base/wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	BLOCK = 16,
	ROUND_KEYS = 11,
	HASH_BLOCK_MAX = 128,
	/* of struct gcm_key_data, in cache lines: round keys; with powers of H behind them; all */
	GCM_ROUNDS = 4,
	GCM_POWERS = 8,
	GCM_LINES = 16,
};

struct esp_cipher {
	_Alignas(CACHE_LINE) struct gcm_context_data gcm;
	_Alignas(CACHE_LINE) uint8_t iv_keys[ROUND_KEYS * BLOCK];
	uint64_t iv_counter[2];
	/* powers of H are the last lines, the lowest at the end: as many as the text needs */
	bool powers_are_last;
	IMB_MGR *mgr;
};

static bool make_iv_keys(struct esp_cipher *c)
{
	_Alignas(16) uint8_t key[BLOCK], unused[ROUND_KEYS * BLOCK];

	if (getrandom(key, sizeof(key), 0) != sizeof(key) ||
	    getrandom(c->iv_counter, sizeof(c->iv_counter), 0) != sizeof(c->iv_counter))
		return false;
	IMB_AES_KEYEXP_128(c->mgr, key, c->iv_keys, unused);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(unused, sizeof(unused));
	return true;
}

struct esp_cipher *esp_cipher_create(void)
{
	struct esp_cipher *c = memory_lines(sizeof(*c));

	if (c == NULL)
		return NULL;
	c->mgr = alloc_mb_mgr(0);
	if (c->mgr != NULL) {
		init_mb_mgr_auto(c->mgr, NULL);
		c->powers_are_last = (c->mgr->features & IMB_FEATURE_AVX512F) != 0 &&
				     (c->mgr->features & IMB_FEATURE_VAES) != 0;
		if (imb_get_errno(c->mgr) == 0 && make_iv_keys(c))
			return c;
	}
	esp_cipher_destroy(c);
	return NULL;
}

void esp_cipher_destroy(struct esp_cipher *c)
{
	if (c == NULL)
		return;
	if (c->mgr != NULL)
		free_mb_mgr(c->mgr);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* The state of the hash behind one block: the key, padded with @pad (RFC 2104). */
static void hash_pad(struct esp_cipher *c, const struct esp_suite *suite, const uint8_t *key,
		     uint8_t pad, uint8_t *state)
{
	_Alignas(16) uint8_t block[HASH_BLOCK_MAX];

	memset(block, pad, sizeof(block));
	for (unsigned i = 0; i < suite->auth_key_len; i++)
		block[i] ^= key[i];
	if (suite->integrity == ESP_HMAC_SHA2_256_128)
		IMB_SHA256_ONE_BLOCK(c->mgr, block, state);
	else if (suite->integrity == ESP_HMAC_SHA2_384_192)
		IMB_SHA384_ONE_BLOCK(c->mgr, block, state);
	else
		IMB_SHA512_ONE_BLOCK(c->mgr, block, state);
	explicit_bzero(block, sizeof(block));
}

static void expand_cbc(struct esp_cipher *c, const struct esp_suite *suite, const uint8_t *key,
		       const uint8_t *auth_key, union esp_keys *keys)
{
	if (suite->key_len == 16)
		IMB_AES_KEYEXP_128(c->mgr, key, keys->cbc.encrypt, keys->cbc.decrypt);
	else if (suite->key_len == 24)
		IMB_AES_KEYEXP_192(c->mgr, key, keys->cbc.encrypt, keys->cbc.decrypt);
	else
		IMB_AES_KEYEXP_256(c->mgr, key, keys->cbc.encrypt, keys->cbc.decrypt);
	hash_pad(c, suite, auth_key, 0x36, keys->cbc.inner);
	hash_pad(c, suite, auth_key, 0x5c, keys->cbc.outer);
}

void esp_cipher_expand(struct esp_cipher *c, const struct esp_suite *suite, const uint8_t *key,
		       const uint8_t *auth_key, union esp_keys *keys)
{
	switch (suite->method) {
	case ESP_METHOD_GCM128:
		IMB_AES128_GCM_PRE(c->mgr, key, &keys->gcm);
		break;
	case ESP_METHOD_GCM256:
		IMB_AES256_GCM_PRE(c->mgr, key, &keys->gcm);
		break;
	case ESP_METHOD_CHACHA:
		memcpy(keys->chacha, key, sizeof(keys->chacha));
		break;
	default:
		expand_cbc(c, suite, key, auth_key, keys);
	}
}

/* --- one packet ------------------------------------------------------------------------------- */

static uint8_t *iv_of(const struct esp_job *j)
{
	return j->esp + ESP_HEADER_LEN;
}

static uint8_t *text_of(const struct esp_job *j)
{
	return iv_of(j) + j->sa->suite->iv_len;
}

static uint8_t *icv_of(const struct esp_job *j)
{
	return j->esp + j->len - j->sa->suite->icv_len;
}

static size_t text_len(const struct esp_job *j)
{
	return (size_t)(icv_of(j) - text_of(j));
}

static be32_t high_half(const struct esp_job *j)
{
	return htonl((uint32_t)(j->number >> 32));
}

static void prepare_aead(struct esp_job *j)
{
	memcpy(j->nonce, j->sa->salt, 4);
	memcpy(j->nonce + 4, iv_of(j), 8);
	memcpy(j->aad, j->esp, ESP_HEADER_LEN);
	if (!j->sa->esn)
		return;
	wire_put_be32(j->aad + 4, high_half(j));
	memcpy(j->aad + 8, j->esp + ESP_NUMBER, 4);
}

static unsigned aad_len(const struct esp_job *j)
{
	return j->sa->esn ? ESP_HEADER_LEN + 4 : ESP_HEADER_LEN;
}

static void gcm(struct esp_cipher *c, struct esp_job *j, bool seal, uint8_t *icv)
{
	const struct esp_suite *s = j->sa->suite;
	const struct gcm_key_data *key = &j->sa->keys.gcm;
	unsigned aad = aad_len(j);
	uint8_t *text = text_of(j);

	if (s->method == ESP_METHOD_GCM128 && seal)
		IMB_AES128_GCM_ENC(c->mgr, key, &c->gcm, text, text, text_len(j), j->nonce, j->aad,
				   aad, icv, s->icv_len);
	else if (s->method == ESP_METHOD_GCM128)
		IMB_AES128_GCM_DEC(c->mgr, key, &c->gcm, text, text, text_len(j), j->nonce, j->aad,
				   aad, icv, s->icv_len);
	else if (seal)
		IMB_AES256_GCM_ENC(c->mgr, key, &c->gcm, text, text, text_len(j), j->nonce, j->aad,
				   aad, icv, s->icv_len);
	else
		IMB_AES256_GCM_DEC(c->mgr, key, &c->gcm, text, text, text_len(j), j->nonce, j->aad,
				   aad, icv, s->icv_len);
}

static bool is_direct(const struct esp_job *j)
{
	return j->sa->suite->method <= ESP_METHOD_GCM256;
}

/* --- jobs ------------------------------------------------------------------------------------- */

static void fill_chacha(IMB_JOB *job, struct esp_job *j)
{
	job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	job->enc_keys = job->dec_keys = j->sa->keys.chacha;
	job->u.CHACHA20_POLY1305.aad_len_in_bytes = aad_len(j);
	job->u.CHACHA20_POLY1305.aad = j->aad;
	job->iv = j->nonce;
	job->iv_len_in_bytes = sizeof(j->nonce);
	job->hash_start_src_offset_in_bytes = (size_t)(text_of(j) - j->esp);
	job->msg_len_to_hash_in_bytes = text_len(j);
}

static void fill_cbc(IMB_JOB *job, struct esp_job *j)
{
	const struct esp_sa *sa = j->sa;
	unsigned integrity = sa->suite->integrity;

	job->cipher_mode = IMB_CIPHER_CBC;
	job->hash_alg = integrity == ESP_HMAC_SHA2_256_128   ? IMB_AUTH_HMAC_SHA_256
			: integrity == ESP_HMAC_SHA2_384_192 ? IMB_AUTH_HMAC_SHA_384
							     : IMB_AUTH_HMAC_SHA_512;
	job->enc_keys = sa->keys.cbc.encrypt;
	job->dec_keys = sa->keys.cbc.decrypt;
	job->u.HMAC._hashed_auth_key_xor_ipad = sa->keys.cbc.inner;
	job->u.HMAC._hashed_auth_key_xor_opad = sa->keys.cbc.outer;
	job->iv = iv_of(j);
	job->iv_len_in_bytes = BLOCK;
	job->hash_start_src_offset_in_bytes = 0;
	job->msg_len_to_hash_in_bytes = (size_t)(icv_of(j) - j->esp) + (sa->esn ? 4 : 0);
	if (sa->esn)
		wire_put_be32(icv_of(j), high_half(j));
}

static void settle(const IMB_JOB *job)
{
	if (job != NULL)
		((struct esp_job *)job->user_data)->good = job->status == IMB_STATUS_COMPLETED;
}

static void submit(struct esp_cipher *c, struct esp_job *j, bool seal)
{
	IMB_JOB *job = IMB_GET_NEXT_JOB(c->mgr);

	job->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
	job->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	job->key_len_in_bytes = j->sa->suite->key_len;
	job->src = j->esp;
	job->dst = text_of(j);
	job->cipher_start_src_offset_in_bytes = (size_t)(text_of(j) - j->esp);
	job->msg_len_to_cipher_in_bytes = text_len(j);
	job->auth_tag_output = j->icv;
	job->auth_tag_output_len_in_bytes = j->sa->suite->icv_len;
	job->user_data = j;
	if (j->sa->suite->method == ESP_METHOD_CHACHA)
		fill_chacha(job, j);
	else
		fill_cbc(job, j);
	settle(IMB_SUBMIT_JOB_NOCHECK(c->mgr));
}

static void flush(struct esp_cipher *c)
{
	IMB_JOB *job;

	while ((job = IMB_GET_COMPLETED_JOB(c->mgr)) != NULL)
		settle(job);
	while ((job = IMB_FLUSH_JOB(c->mgr)) != NULL)
		settle(job);
}

/* --- bursts ----------------------------------------------------------------------------------- */

static void write_iv(struct esp_cipher *c, const struct esp_job *j)
{
	static const uint8_t zero[BLOCK];

	if (j->sa->suite->iv_len == BLOCK) {
		c->iv_counter[0]++;
		IMB_AES128_CFB_ONE(c->mgr, iv_of(j), zero, c->iv_counter, c->iv_keys, BLOCK);
	} else {
		wire_put_be32(iv_of(j), high_half(j));
		wire_put_be32(iv_of(j) + 4, htonl((uint32_t)j->number));
	}
}

/* The keys' lines that a packet of this length needs. */
static ALWAYS_INLINE void fetch_keys(const struct esp_cipher *c, const struct esp_job *j)
{
	const uint8_t *keys = (const uint8_t *)&j->sa->keys;
	/* one of 16 bytes for each block, and for that of the lengths; 16 bytes behind them all */
	unsigned powers = (unsigned)(text_len(j) + 3 * BLOCK - 1 + CACHE_LINE - 1) / CACHE_LINE;
	unsigned from = powers < GCM_LINES - GCM_ROUNDS ? GCM_LINES - powers : GCM_ROUNDS;
	unsigned to = GCM_LINES;

	if (!c->powers_are_last) {
		from = GCM_ROUNDS;
		to = GCM_POWERS;
	}
#pragma GCC unroll 4
	for (unsigned i = 0; i < GCM_ROUNDS; i++)
		__builtin_prefetch(keys + i * CACHE_LINE);
#pragma GCC unroll 4
	for (unsigned i = from; i < to; i++)
		__builtin_prefetch(keys + i * CACHE_LINE);
}

/* Nonces and AADs of a burst: written well before they are read, in words of another size. */
static void prepare(const struct esp_cipher *c, struct esp_job *jobs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		fetch_keys(c, &jobs[i]);
		if (jobs[i].sa->suite->method != ESP_METHOD_CBC)
			prepare_aead(&jobs[i]);
	}
}

void esp_cipher_seal(struct esp_cipher *c, struct esp_job *jobs, unsigned n)
{
	unsigned submitted = 0;

	for (unsigned i = 0; i < n; i++)
		write_iv(c, &jobs[i]);
	prepare(c, jobs, n);
	for (unsigned i = 0; i < n; i++) {
		struct esp_job *j = &jobs[i];

		j->good = is_direct(j); /* a job becomes so when it is completed */
		if (j->good) {
			gcm(c, j, true, icv_of(j));
		} else {
			submit(c, j, true);
			submitted++;
		}
	}
	if (submitted == 0)
		return;
	flush(c);
	for (unsigned i = 0; i < n; i++)
		if (!is_direct(&jobs[i]))
			memcpy(icv_of(&jobs[i]), jobs[i].icv, jobs[i].sa->suite->icv_len);
}

/* In a time that does not depend on the bytes. */
static bool equal(const uint8_t *a, const uint8_t *b, unsigned n)
{
	uint8_t differs = 0;

	for (unsigned i = 0; i < n; i++)
		differs |= a[i] ^ b[i];
	return differs == 0;
}

/* The same of the ICV of GCM. */
static bool equal_block(const uint8_t *a, const uint8_t *b)
{
	uint64_t x[2], y[2];

	memcpy(x, a, BLOCK);
	memcpy(y, b, BLOCK);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static bool open_direct(struct esp_cipher *c, struct esp_job *j)
{
	_Alignas(BLOCK) uint8_t icv[BLOCK];

	gcm(c, j, false, icv);
	return equal_block(icv, icv_of(j));
}

void esp_cipher_open(struct esp_cipher *c, struct esp_job *jobs, unsigned n)
{
	unsigned submitted = 0;

	prepare(c, jobs, n);
	for (unsigned i = 0; i < n; i++) {
		struct esp_job *j = &jobs[i];

		if (is_direct(j)) {
			j->good = open_direct(c, j);
			continue;
		}
		memcpy(j->got, icv_of(j), j->sa->suite->icv_len);
		j->good = false;
		submit(c, j, false);
		submitted++;
	}
	if (submitted == 0)
		return;
	flush(c);
	for (unsigned i = 0; i < n; i++)
		if (!is_direct(&jobs[i]))
			jobs[i].good = jobs[i].good &&
				       equal(jobs[i].icv, jobs[i].got, jobs[i].sa->suite->icv_len);
}
