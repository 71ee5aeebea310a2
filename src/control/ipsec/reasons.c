/*
 * Why a tunnel is not up: see reasons.h.
 *
 * Both ends may begin, so there are several causes at a time, and the same cause has several lines:
 * the far end's certificate has expired, so there is no public key, so authentication failed. The
 * most special one counts, unless it is old; of those the first in one attempt: charon then tries
 * certificates of the same name that it has seen earlier.
 */
#include "control/ipsec/reasons.h"

#include "base/types.h"
#include "control/ipsec/connection.h"
#include "control/ipsec/vici_message.h"
#include "network/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OLD_S = 60,
	STRANGERS = 64, /* far ends that have not said yet who they are */
	SEARCHES_PER_S = 10, /* for the tunnel of an address; anybody may cause one */
};

#define SECOND_NS UINT64_C(1000000000)

/* A part of charon's words, and what it means. A higher rank is more special. */
static const struct {
	const char *words;
	uint8_t rank;
	const char *sentence;
} causes[] = {
	{"certificate invalid (valid from", 4, "a certificate has expired, or is not valid yet"},
	{"no issuer certificate found", 4,
	 "the far end's certificate is not signed by an authority of ours (ca)"},
	{"constraint check failed: peer not authenticated by CA", 4,
	 "the far end's certificate is signed by another authority than ca says"},
	{"constraint check failed: identity", 4,
	 "the far end is somebody else than peer-identity says"},
	{"constraint check failed", 3, "the far end does not prove what the tunnel demands"},
	{"MAC mismatched", 4, "the far end has another pre-shared key"},
	{"no shared key found", 4, "there is no pre-shared key for the far end's identity"},
	{"no private key found", 4, "our private key does not fit our certificate"},
	{"(myself) failed", 3, "we cannot prove who we are: do certificate and private-key fit?"},
	{"no trusted ", 2, "the far end's certificate is not trusted"},
	{"received AUTHENTICATION_FAILED notify", 2,
	 "the far end refuses us: compare the pre-shared keys or certificates, and both "
	 "identities"},
	{"no matching peer config found", 2,
	 "the far end wants a tunnel that we do not have: compare both identities"},
	{"received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built", 3,
	 "the far end accepts none of our esp-proposals"},
	{"received NO_PROPOSAL_CHOSEN notify error", 3,
	 "the far end accepts none of our ike-proposals"},
	{"received proposals unacceptable", 3, "we accept none of the far end's IKE proposals"},
	{"no acceptable proposal found", 3, "we accept none of the far end's ESP proposals"},
	{"received TS_UNACCEPTABLE notify", 3, "the far end does not accept our traffic selectors"},
	{"no acceptable traffic selectors found", 3,
	 "we do not accept the far end's traffic selectors"},
	{"adding an SA failed", 4, "homewardd did not take the keys"},
	{"unable to install", 2, "homewardd did not take the keys"},
	{"giving up after", 1, "the far end does not answer"},
	{"peer not responding", 1, "the far end does not answer"},
};

struct reason {
	uint64_t heard_ns;
	uint8_t rank;
	char unique[16]; /* charon's number of the IKE SA */
	char text[REASON_TEXT_SIZE];
};

struct stranger {
	char unique[16]; /* charon's number of its IKE SA */
	char address[64];
};

struct reasons {
	struct reason *of[SPEC_TUNNELS_MAX + 1]; /* NULL: none */
	struct stranger strangers[STRANGERS];
	unsigned next;
	uint64_t second; /* of the searches */
	unsigned searches;
};

struct reasons *reasons_create(void)
{
	return calloc(1, sizeof(struct reasons));
}

void reasons_destroy(struct reasons *r)
{
	for (unsigned i = 0; r != NULL && i <= SPEC_TUNNELS_MAX; i++)
		free(r->of[i]);
	free(r);
}

/* Does what was heard before count, and not this? */
static bool counts(const struct reason *old, uint8_t rank, const char *unique, uint64_t now_ns)
{
	if (old->rank > rank)
		return now_ns < old->heard_ns + OLD_S * SECOND_NS;
	return old->rank == rank && strcmp(old->unique, unique) == 0;
}

static void note(struct reasons *r, uint16_t tunnel, size_t cause, const char *unique,
		 const char *words, uint64_t now_ns)
{
	struct reason *old = r->of[tunnel];

	if (old == NULL)
		old = r->of[tunnel] = calloc(1, sizeof(*old));
	if (old == NULL || counts(old, causes[cause].rank, unique, now_ns))
		return;
	old->heard_ns = now_ns;
	old->rank = causes[cause].rank;
	snprintf(old->unique, sizeof(old->unique), "%s", unique);
	snprintf(old->text, sizeof(old->text), "%s (charon: %s)", causes[cause].sentence, words);
	for (char *c = old->text; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?'; /* the far end's identity may be in it */
}

/* "192.0.2.18 is initiating an IKE_SA" */
static void meet_stranger(struct reasons *r, const char *unique, const char *words)
{
	struct stranger *s = &r->strangers[r->next++ % STRANGERS];

	snprintf(s->unique, sizeof(s->unique), "%s", unique);
	snprintf(s->address, sizeof(s->address), "%.*s", (int)strcspn(words, " "), words);
}

static const char *address_of(const struct reasons *r, const char *unique)
{
	for (unsigned i = 0; unique[0] != '\0' && i < STRANGERS; i++)
		if (strcmp(r->strangers[i].unique, unique) == 0)
			return r->strangers[i].address;
	return NULL;
}

static bool may_search(struct reasons *r, uint64_t now_ns)
{
	if (r->second != now_ns / SECOND_NS) {
		r->second = now_ns / SECOND_NS;
		r->searches = 0;
	}
	return r->searches++ < SEARCHES_PER_S;
}

void reasons_hear(struct reasons *r, const uint8_t *data, size_t len, uint64_t now_ns,
		  uint16_t (*by_address)(void *arg, const char *address), void *arg)
{
	char words[REASON_TEXT_SIZE / 2], name[CONNECTION_NAME_SIZE] = "", unique[16] = "";
	uint16_t tunnel;

	if (!vici_find(data, len, "msg", words, sizeof(words)))
		return;
	vici_find(data, len, "ikesa-name", name, sizeof(name));
	vici_find(data, len, "ikesa-uniqueid", unique, sizeof(unique));
	if (strstr(words, " is initiating an IKE_SA") != NULL)
		meet_stranger(r, unique, words);
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		const char *address;

		if (strstr(words, causes[i].words) == NULL)
			continue;
		tunnel = connection_tunnel(name, strlen(name));
		address = tunnel == TUNNEL_NONE ? address_of(r, unique) : NULL;
		if (address != NULL && may_search(r, now_ns))
			tunnel = by_address(arg, address);
		if (tunnel != TUNNEL_NONE)
			note(r, tunnel, i, unique, words, now_ns);
		return;
	}
}

const char *reasons_of(const struct reasons *r, uint16_t tunnel)
{
	return r->of[tunnel] == NULL ? NULL : r->of[tunnel]->text;
}

void reasons_forget(struct reasons *r, uint16_t tunnel)
{
	free(r->of[tunnel]);
	r->of[tunnel] = NULL;
}
