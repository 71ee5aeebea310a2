/* A word before the identity says its type; without one its form does. See peer_identity.h. */
#include "peer_identity.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

static const struct {
	const char *word;
	enum peer_identity_type type;
} words[] = {
	{"ipv4:", PEER_ID_IPV4},   {"ipv6:", PEER_ID_IPV6},	 {"rfc822:", PEER_ID_EMAIL},
	{"email:", PEER_ID_EMAIL}, {"userfqdn:", PEER_ID_EMAIL}, {"fqdn:", PEER_ID_NAME},
	{"dns:", PEER_ID_NAME},	   {"asn1dn:", PEER_ID_SUBJECT}, {"keyid:", PEER_ID_KEY},
	{"@#", PEER_ID_KEY},	   {"@@", PEER_ID_EMAIL},	 {"@", PEER_ID_NAME},
};

static enum peer_identity_type type_of(const char *text)
{
	struct in6_addr addr;

	if (strchr(text, '=') != NULL)
		return PEER_ID_SUBJECT;
	if (strchr(text, '@') != NULL)
		return PEER_ID_EMAIL;
	if (inet_pton(AF_INET, text, &addr) == 1)
		return PEER_ID_IPV4;
	if (inet_pton(AF_INET6, text, &addr) == 1)
		return PEER_ID_IPV6;
	return strchr(text, ':') != NULL ? PEER_ID_KEY : PEER_ID_NAME;
}

enum peer_identity_type peer_identity_read(const char *identity, const char **value)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i].word);

		if (strncasecmp(identity, words[i].word, len) == 0) {
			*value = identity + len;
			return words[i].type;
		}
	}
	*value = identity;
	return type_of(identity);
}
