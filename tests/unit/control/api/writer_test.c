/* What a writer writes is JSON: jansson reads it back, and it has the values that were given. */
#include "control/api/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <event2/buffer.h>
#include <jansson.h>

static struct writer w;

static struct evbuffer *begin(void)
{
	struct evbuffer *out = evbuffer_new();

	writer_init(&w, out);
	return out;
}

/* The text so far; frees @out. */
static void finish(struct evbuffer *out, char *text, size_t size)
{
	int len;

	writer_flush(&w);
	assert_false(w.failed);
	len = evbuffer_remove(out, text, size - 1);
	text[len < 0 ? 0 : len] = '\0';
	evbuffer_free(out);
}

static void test_commas(void **state)
{
	struct evbuffer *out = begin();
	char text[256];

	writer_open(&w, NULL, '{');
	writer_open(&w, "empty", '[');
	writer_close(&w, ']');
	writer_number(&w, "zero", 0);
	writer_number(&w, "most", UINT64_MAX);
	writer_bool(&w, "yes", true);
	writer_bool(&w, "no", false);
	writer_open(&w, "list", '[');
	writer_text(&w, NULL, "a");
	writer_open(&w, NULL, '{');
	writer_close(&w, '}');
	writer_text(&w, NULL, NULL);
	writer_close(&w, ']');
	writer_text(&w, "last", "z");
	writer_close(&w, '}');
	writer_line(&w);
	writer_number(&w, NULL, 7);
	finish(out, text, sizeof(text));
	assert_string_equal(
		text,
		"{\"empty\":[],\"zero\":0,\"most\":18446744073709551615,\"yes\":true,\"no\":false,"
		"\"list\":[\"a\",{},null],\"last\":\"z\"}\n7");
}

static void test_texts(void **state)
{
	static const char *const texts[] = {
		"",
		"plain",
		"with \"quotes\" and \\",
		"\x01\x02\t\n\x1f\x7f",
		"\xc3\xa4\xe2\x82\xac",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct evbuffer *out = begin();
		char text[256];
		json_t *back;

		writer_text(&w, NULL, texts[i]);
		finish(out, text, sizeof(text));
		assert_null(strpbrk(text, "\x01\x02\t\n\x1f\x7f"));
		back = json_loads(text, JSON_DECODE_ANY, NULL);
		assert_non_null(back);
		assert_string_equal(json_string_value(back), texts[i]);
		json_decref(back);
	}
}

static void test_addresses(void **state)
{
	struct prefix6 four = {addr6_from_ipv4(inet_addr("10.0.0.0")), MAPPED_BITS + 8}, six;
	struct evbuffer *out = begin();
	char text[256];

	inet_pton(AF_INET6, "2001:db8::", &six.addr);
	six.len = 32;
	writer_open(&w, NULL, '[');
	writer_address4(&w, NULL, inet_addr("255.0.100.9"));
	writer_address(&w, NULL, &four.addr);
	writer_address(&w, NULL, &six.addr);
	writer_prefix(&w, NULL, &four);
	writer_prefix(&w, NULL, &six);
	writer_close(&w, ']');
	finish(out, text, sizeof(text));
	assert_string_equal(text, "[\"255.0.100.9\",\"10.0.0.0\",\"2001:db8::\",\"10.0.0.0/8\","
				  "\"2001:db8::/32\"]");
}

/* Far more than it holds. */
static void test_long(void **state)
{
	enum { N = 5000 };
	static char text[64 * N];
	struct evbuffer *out = begin();
	json_t *back;

	writer_open(&w, NULL, '[');
	for (uint64_t i = 0; i < N; i++)
		writer_number(&w, NULL, i);
	writer_close(&w, ']');
	finish(out, text, sizeof(text));
	back = json_loads(text, 0, NULL);
	assert_int_equal(json_array_size(back), N);
	for (size_t i = 0; i < N; i++)
		assert_int_equal(json_integer_value(json_array_get(back, i)), i);
	json_decref(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commas),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
