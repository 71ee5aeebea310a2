/* Integer types that name their byte order, so that a mix-up is visible. */
#pragma once

#include <arpa/inet.h>
#include <stdint.h>

typedef uint16_t be16_t; /* network byte order */
typedef uint32_t be32_t;

/* An IPv4 prefix. Host bits of addr are zero; len is 0 to 32. */
struct prefix4 {
	be32_t addr;
	uint8_t len;
};

static inline uint32_t prefix4_mask(uint8_t len)
{
	return len == 0 ? 0 : ~UINT32_C(0) << (32 - len);
}

static inline int prefix4_contains(const struct prefix4 *p, be32_t addr)
{
	return ((ntohl(addr) ^ ntohl(p->addr)) & prefix4_mask(p->len)) == 0;
}

/*
 * For a function in a stage's loop that has other callers, too: forces the compiler to inline it.
 */
#define ALWAYS_INLINE inline __attribute__((always_inline))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CACHE_LINE 64
