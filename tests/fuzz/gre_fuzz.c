/*
 * Any bytes as a GRE header: a header that gre_open() accepts lies within them, and its fields are
 * those of its bytes.
 */
#include "tunnel/gre.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void stop_if(bool wrong, const char *what)
{
	if (wrong) {
		fprintf(stderr, "%s\n", what);
		abort();
	}
}

static uint32_t read32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* RFC 2784 section 2.1 and RFC 2890 section 2, in simple code. */
static void check_accepted(const uint8_t *p, size_t size, const struct tunnel_opened *gre)
{
	size_t at = 4;

	stop_if(size < 4, "accepted without a header");
	stop_if((p[1] & 7) != 0, "accepted another version");
	stop_if((p[0] & 0x4c) != 0, "accepted what routing made of it");
	at += p[0] & 0x80 ? 4 : 0;
	stop_if(gre->has_key != ((p[0] & 0x20) != 0), "the key bit is another");
	if (gre->has_key) {
		stop_if(size < at + 4 || gre->key != read32(p + at), "the key is another");
		at += 4;
	}
	at += p[0] & 0x10 ? 4 : 0;
	stop_if(gre->len != at || at > size, "the header ends elsewhere");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tunnel_opened gre = {0};
	enum drop drop = gre_open(data, size, &gre);

	stop_if(drop >= DROP_COUNT, "a reason without a name");
	if (drop == DROP_NONE)
		check_accepted(data, size, &gre);
	return 0;
}
