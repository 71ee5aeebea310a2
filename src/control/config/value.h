/*
 * Converts texts to values and back, for all types of settings.
 *
 * Each value_*() takes one text of the file and returns 0, or -EINVAL if it is not of this type;
 * then the value is unchanged. Settings, ranges and places are not known here.
 */
#pragma once

#include "base/addr6.h"
#include "base/types.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal, or hexadecimal with 0x; no sign, no leading zeros, at most 2^64 - 1. */
int value_number(const char *text, uint64_t *value);

/* Seconds: 90, 90s, 5m, 2h4m, 1h0m30s; hours, minutes and seconds in this order. */
int value_duration(const char *text, uint64_t *seconds);

/* a.b.c.d, nothing else. */
int value_address(const char *text, be32_t *addr);

/* a.b.c.d/len. -EDOM: host bits are set; then @prefix holds the prefix without them. */
int value_prefix(const char *text, struct prefix4 *prefix);

/* The same for IPv6, in the forms of RFC 4291 section 2.2 and 2.3. */
int value_address6(const char *text, struct addr6 *addr);
int value_prefix6(const char *text, struct prefix6 *prefix);

/*
 * The same for either family; IPv4 is mapped, and its length counts from the beginning of the
 * IPv6 address. A mapped prefix in the form of IPv6 is refused.
 */
int value_prefix_any(const char *text, struct prefix6 *prefix);

/* Six bytes in hexadecimal with colons between. */
int value_mac(const char *text, uint8_t mac[6]);

/* A number, or two with a dash between: "5" is 5 to 5, "5-7" is 5 to 7. */
int value_range(const char *text, uint64_t *first, uint64_t *last);

/* The address of a PCI device: 0000:01:00.0. */
bool value_is_pci(const char *text);

/* One, or the name of a virtual device of DPDK, which begins with net_; at most @max characters. */
bool value_is_device(const char *text, size_t max);

/* Letters, digits, '.', '_' and '-', 1 to @max of them. */
bool value_is_name(const char *text, size_t max);

/*
 * Printable ASCII without ',', '[' and ']', 1 to @max characters: DPDK's device arguments cannot
 * quote these three.
 */
bool value_is_path(const char *text, size_t max);

/* Printable ASCII without quotes and backslash, 1 to @max characters. */
bool value_is_text(const char *text, size_t max);

/* Why @addr cannot be the address of one host, such as "a multicast address"; NULL if it can. */
const char *value_not_unicast(be32_t addr);
const char *value_not_unicast6(const struct addr6 *addr);

/* The shortest text that value_duration() reads as @seconds, such as 2h4m. */
enum { VALUE_DURATION_SIZE = 32 };
const char *value_duration_text(uint64_t seconds, char buf[static VALUE_DURATION_SIZE]);
