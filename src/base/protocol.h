/*
 * The protocols that have a name here, one line each: the API reads and writes these, and its
 * description and the help of the command line list them. Any other protocol is its number.
 *
 * X(enum name of base/wire.h without PROTO_, name)
 */
#pragma once

#include <stdint.h>

#define PROTOCOL_LIST(X)                                                                           \
	X(TCP, "tcp")                                                                              \
	X(UDP, "udp")                                                                              \
	X(ICMP, "icmp")                                                                            \
	X(ICMPV6, "icmpv6")

#define PROTOCOL_AND_COMMA(id, name) name ", "
#define PROTOCOL_WORDS PROTOCOL_LIST(PROTOCOL_AND_COMMA) "or a number from 0 to 255"

/* NULL: it has none. */
const char *protocol_name(uint8_t proto);

/* By its name, in letters of either case; -1: none is called @name. */
int protocol_number(const char *name);
