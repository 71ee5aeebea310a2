/*
 * Bare cryptography: see bare.h.
 *
 * Texts are encrypted or decrypted in place, again and again. What is in them makes no difference;
 * the tags are written but not compared, as the gateway's own comparison is part of what it costs
 * more.
 */
#include "bare.h"

#include "base/memory.h"
#include "base/types.h"
#include "loop.h"
#include "rig.h"

#include <intel-ipsec-mb.h>
#include <openssl/evp.h>
#include <rte_cycles.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLICE_BURSTS = 64,
	TEXT_MAX = 2048,
	AAD_LEN = 8,
	IV_LEN = 8,
	NONCE_LEN = 12,
	TAG_LEN = 16,
	TRAILER_LEN = 2,
	ALIGN = 4,
};

struct bare {
	_Alignas(CACHE_LINE) struct gcm_key_data key;
	_Alignas(CACHE_LINE) struct gcm_context_data gcm;
	uint8_t texts[RIG_BURST][TEXT_MAX];
	uint8_t tags[RIG_BURST][TAG_LEN];
	uint8_t nonce[NONCE_LEN], aad[AAD_LEN];
	unsigned len; /* of the texts in this run */
	IMB_MGR *mgr;
	EVP_CIPHER_CTX *encrypt, *decrypt;
};

const uint8_t bare_key[BARE_KEY_LEN + BARE_SALT_LEN] = "thirty-two bytes and four of salt...";

static EVP_CIPHER_CTX *make_evp(bool encrypt)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

	if (c == NULL ||
	    EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, bare_key, NULL, encrypt ? 1 : 0) != 1)
		rig_fail("OpenSSL has no AES-256-GCM");
	return c;
}

struct bare *bare_create(void)
{
	struct bare *b = memory_lines(sizeof(*b));

	if (b == NULL)
		rig_fail("no memory");
	b->mgr = alloc_mb_mgr(0);
	if (b->mgr == NULL)
		rig_fail("no memory for libipsec-mb");
	init_mb_mgr_auto(b->mgr, NULL);
	IMB_AES256_GCM_PRE(b->mgr, bare_key, &b->key);
	memcpy(b->nonce, bare_key + BARE_KEY_LEN, BARE_SALT_LEN);
	b->encrypt = make_evp(true);
	b->decrypt = make_evp(false);
	return b;
}

void bare_destroy(struct bare *b)
{
	EVP_CIPHER_CTX_free(b->encrypt);
	EVP_CIPHER_CTX_free(b->decrypt);
	free_mb_mgr(b->mgr);
	free(b);
}

bool bare_has_avx512(const struct bare *b)
{
	return (b->mgr->features & IMB_FEATURE_AVX512F) != 0;
}

/* --- by libipsec-mb --------------------------------------------------------------------------- */

static void mb_seal(struct bare *b, unsigned i)
{
	IMB_AES256_GCM_ENC(b->mgr, &b->key, &b->gcm, b->texts[i], b->texts[i], b->len, b->nonce,
			   b->aad, AAD_LEN, b->tags[i], TAG_LEN);
}

static void mb_open(struct bare *b, unsigned i)
{
	IMB_AES256_GCM_DEC(b->mgr, &b->key, &b->gcm, b->texts[i], b->texts[i], b->len, b->nonce,
			   b->aad, AAD_LEN, b->tags[i], TAG_LEN);
}

/* --- by OpenSSL ------------------------------------------------------------------------------- */

static void evp_seal(struct bare *b, unsigned i)
{
	int n;

	EVP_EncryptInit_ex(b->encrypt, NULL, NULL, NULL, b->nonce);
	EVP_EncryptUpdate(b->encrypt, NULL, &n, b->aad, AAD_LEN);
	EVP_EncryptUpdate(b->encrypt, b->texts[i], &n, b->texts[i], (int)b->len);
	EVP_EncryptFinal_ex(b->encrypt, b->texts[i], &n);
	EVP_CIPHER_CTX_ctrl(b->encrypt, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, b->tags[i]);
}

static void evp_open(struct bare *b, unsigned i)
{
	int n;

	EVP_DecryptInit_ex(b->decrypt, NULL, NULL, NULL, b->nonce);
	EVP_DecryptUpdate(b->decrypt, NULL, &n, b->aad, AAD_LEN);
	EVP_DecryptUpdate(b->decrypt, b->texts[i], &n, b->texts[i], (int)b->len);
	EVP_CIPHER_CTX_ctrl(b->decrypt, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, b->tags[i]);
	EVP_DecryptFinal_ex(b->decrypt, b->texts[i], &n); /* the tag is wrong */
}

size_t bare_open_esp(struct bare *b, const uint8_t *esp, size_t len, uint8_t *out)
{
	const uint8_t *iv = esp + AAD_LEN, *text = iv + IV_LEN;
	uint8_t nonce[NONCE_LEN], tag[TAG_LEN];
	int n, rest;

	if (len < AAD_LEN + IV_LEN + TAG_LEN)
		return 0;
	memcpy(nonce, b->nonce, BARE_SALT_LEN);
	memcpy(nonce + BARE_SALT_LEN, iv, IV_LEN);
	memcpy(tag, esp + len - TAG_LEN, TAG_LEN);
	len -= AAD_LEN + IV_LEN + TAG_LEN;
	EVP_DecryptInit_ex(b->decrypt, NULL, NULL, NULL, nonce);
	EVP_DecryptUpdate(b->decrypt, NULL, &n, esp, AAD_LEN);
	EVP_DecryptUpdate(b->decrypt, out, &n, text, (int)len);
	EVP_CIPHER_CTX_ctrl(b->decrypt, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag);
	return EVP_DecryptFinal_ex(b->decrypt, out + n, &rest) == 1 ? (size_t)n : 0;
}

/* --- timing ----------------------------------------------------------------------------------- */

/* The median of slices in which nobody else had the core. */
static double run(struct bare *b, void (*one)(struct bare *b, unsigned i), uint64_t packets)
{
	size_t n = packets / (SLICE_BURSTS * RIG_BURST) + 1, kept = 0;
	double *slices = malloc(n * sizeof(*slices)), middle;

	if (slices == NULL)
		rig_fail("no memory");
	for (size_t i = 0; i < n; i++) {
		uint64_t before = rig_preemptions(), begin = rte_rdtsc();

		for (unsigned k = 0; k < SLICE_BURSTS * RIG_BURST; k++)
			one(b, k % RIG_BURST);
		if (rig_preemptions() == before || i + 1 == n)
			slices[kept++] = (double)(rte_rdtsc() - begin) / (SLICE_BURSTS * RIG_BURST);
	}
	middle = median(slices, kept);
	free(slices);
	return middle;
}

struct bare_result bare_run(struct bare *b, unsigned inner_len, uint64_t packets)
{
	b->len = (inner_len + TRAILER_LEN + ALIGN - 1) / ALIGN * ALIGN;
	return (struct bare_result){
		.mb_open = run(b, mb_open, packets),
		.mb_seal = run(b, mb_seal, packets),
		.evp_open = run(b, evp_open, packets),
		.evp_seal = run(b, evp_seal, packets),
	};
}
