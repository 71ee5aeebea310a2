/*
 * IKE identities: see identity.h.
 *
 * charon finds the type of a text by its form, or by a name before it. Here types are forgotten:
 * two identities that differ only in that are rather refused than taken for two far ends.
 */
#include "control/config/identity.h"

#include "base/types.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const types[] = {
	"ipv4:",     "ipv6:",	 "rfc822:",  "email:",	   "userfqdn:",
	"fqdn:",     "dns:",	 "asn1dn:",  "asn1gn:",	   "keyid:",
	"xmppaddr:", "ipv4net:", "ipv6net:", "ipv4range:", "ipv6range:",
};

/* Behind the type: its name, or its number in braces. */
static const char *value_of(const char *identity)
{
	const char *end;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strncasecmp(identity, types[i], strlen(types[i])) == 0)
			return identity + strlen(types[i]);
	end = identity[0] == '{' ? strstr(identity, "}:") : NULL;
	return end != NULL ? end + 2 : identity;
}

/* The address that @text, @len characters, is. 0: it is none. */
static int read_address(const char *text, size_t len, struct in6_addr *addr)
{
	char part[INET6_ADDRSTRLEN];

	*addr = (struct in6_addr){0};
	if (len >= sizeof(part))
		return 0;
	memcpy(part, text, len);
	part[len] = '\0';
	if (inet_pton(AF_INET, part, addr) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, part, addr) == 1 ? AF_INET6 : 0;
}

bool identity_is_wide(const char *identity)
{
	const char *value = value_of(identity);
	size_t len = strlen(value), first = strcspn(value, "/-");
	struct in6_addr addr;

	if (len == 0 || value[0] == '%' || value[0] == '^' || strchr(value, '*') != NULL)
		return true;
	if (read_address(value, len, &addr) != 0)
		return IN6_IS_ADDR_UNSPECIFIED(&addr);
	return first < len && read_address(value, first, &addr) != 0;
}

void identity_fold(const char *identity, char out[static IDENTITY_FOLDED_SIZE])
{
	const char *value = value_of(identity);
	struct in6_addr addr;
	int family = read_address(value, strlen(value), &addr);
	bool is_name = strchr(value, '=') != NULL; /* C=DE, CN=berlin or /C=DE/CN=berlin */
	size_t n = 0;

	if (family != 0) {
		inet_ntop(family, &addr, out, IDENTITY_FOLDED_SIZE);
		return;
	}
	value += strspn(value, is_name ? "/ " : "@");
	for (; *value != '\0' && n < IDENTITY_FOLDED_SIZE - 1; value++)
		if (!is_name || *value != ' ')
			out[n++] = is_name && *value == '/' ? ','
							    : (char)tolower((unsigned char)*value);
	out[n] = '\0';
}
