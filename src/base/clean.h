/* Text of others, made fit to be shown. */
#pragma once

#include <stddef.h>

/*
 * A copy of @in that a terminal may be shown: control characters (C0, DEL, C1) and what is not
 * UTF-8 become "?". At most @size bytes, NUL included, never half a character.
 */
void clean_text(const char *in, char *out, size_t size);
