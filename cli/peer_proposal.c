/* Proposals of IKE and ESP, taken apart: see peer_proposal.h. */
#include "peer_proposal.h"

#include "base/types.h"

#include <string.h>

/* Each word sets what is not zero in its row. */
static const struct word {
	const char *text;
	struct peer_proposal sets;
} words[] = {
	{"aes128gcm16", {.bits = 128, .gcm = true}},
	{"aes256gcm16", {.bits = 256, .gcm = true}},
	{"chacha20poly1305", {0}},
	{"aes128", {.bits = 128}},
	{"aes192", {.bits = 192}},
	{"aes256", {.bits = 256}},
	{"sha256", {.hash = 256}},
	{"sha384", {.hash = 384}},
	{"sha512", {.hash = 512}},
	{"prfsha256", {.hash = 256}},
	{"prfsha384", {.hash = 384}},
	{"prfsha512", {.hash = 512}},
	{"modp2048", {.group = 14}},
	{"modp3072", {.group = 15}},
	{"modp4096", {.group = 16}},
	{"ecp256", {.group = 19}},
	{"ecp384", {.group = 20}},
	{"ecp521", {.group = 21}},
	{"curve25519", {.group = 31}},
	{"x25519", {.group = 31}},
};

static bool add_word(const char *text, size_t len, struct peer_proposal *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		const struct peer_proposal *s = &words[i].sets;

		if (strlen(words[i].text) != len || memcmp(words[i].text, text, len) != 0)
			continue;
		out->bits = s->bits != 0 ? s->bits : out->bits;
		out->gcm |= s->gcm;
		out->hash = s->hash != 0 ? s->hash : out->hash;
		out->group = s->group != 0 ? s->group : out->group;
		return true;
	}
	return false;
}

bool peer_proposal_read(const char *text, size_t len, struct peer_proposal *out)
{
	*out = (struct peer_proposal){0};
	while (len > 0) {
		const char *dash = memchr(text, '-', len);
		size_t word = dash == NULL ? len : (size_t)(dash - text);

		if (!add_word(text, word, out))
			return false;
		text += word;
		len -= word;
		if (len > 0) {
			text++;
			len--;
		}
	}
	return true;
}

static unsigned needs(const struct peer_proposal *p, bool ike)
{
	return (ike && p->gcm ? PEER_IKE_GCM : 0) | (p->bits == 0 ? PEER_CHACHA : 0) |
	       (p->group == 31 ? PEER_CURVE25519 : 0);
}

bool peer_proposal_choose(const char *list, unsigned can, bool ike, struct peer_proposal *out)
{
	while (*list != '\0') {
		size_t len = strcspn(list, ",");

		if (peer_proposal_read(list, len, out) && (needs(out, ike) & ~can) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

const char *peer_group_name(unsigned group)
{
	for (size_t i = 0; i < ARRAY_SIZE(words) && group != 0; i++)
		if (words[i].sets.group == group)
			return words[i].text;
	return "";
}
