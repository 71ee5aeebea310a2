/* Names of protocols: see protocol.h. */
#include "base/protocol.h"

#include "base/wire.h"

#include <strings.h>

static const struct {
	const char *name;
	uint8_t proto;
} protocols[] = {
#define X(id, name) {name, PROTO_##id},
	PROTOCOL_LIST(X)
#undef X
};

const char *protocol_name(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].proto == proto)
			return protocols[i].name;
	return NULL;
}

int protocol_number(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (strcasecmp(protocols[i].name, name) == 0)
			return protocols[i].proto;
	return -1;
}
