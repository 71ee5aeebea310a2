/* Numbers and names in a form for people. Each function fills and returns @buf. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { TEXT_SIZE = 128 };

struct text {
	char buf[TEXT_SIZE];
};

struct text text_count(uint64_t n); /* 1,234,567 */
/* 1 packet, 1,234 packets: @n and the noun in singular or plural. */
struct text text_counted(uint64_t n, const char *one, const char *many);
struct text text_bytes(uint64_t bytes); /* 999 B, 1.0 kB, 12.3 MB, 123 GB: powers of 1,000 */
struct text text_duration(uint64_t seconds); /* 59 s, 1 min 05 s, 2 h 04 min, 3 d 04 h */
struct text text_share(uint64_t part, uint64_t whole); /* 12.3 %; 0 % if the whole is 0 */

/* Width of @s in columns: its number of characters. */
size_t text_width(const char *s);
