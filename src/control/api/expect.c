/* Looks for one header, and forgets each of the others when the next one begins: see expect.h. */
#include "control/api/expect.h"

#include <string.h>
#include <strings.h>

static void add(char *to, size_t size, size_t *to_len, const char *text, size_t len)
{
	if (*to_len + len <= size)
		memcpy(to + *to_len, text, len);
	*to_len += len;
}

static bool is_it(const char *text, size_t len, const char *wanted)
{
	return len == strlen(wanted) && strncasecmp(text, wanted, len) == 0;
}

void expect_end(struct expect *e)
{
	if (is_it(e->name, e->name_len, "Expect") && is_it(e->value, e->value_len, "100-continue"))
		e->is_asked = true;
	e->name_len = e->value_len = 0;
	e->has_value = false;
}

void expect_name(struct expect *e, const char *text, size_t len)
{
	if (e->has_value)
		expect_end(e);
	add(e->name, sizeof(e->name), &e->name_len, text, len);
}

void expect_value(struct expect *e, const char *text, size_t len)
{
	e->has_value = true;
	add(e->value, sizeof(e->value), &e->value_len, text, len);
}
