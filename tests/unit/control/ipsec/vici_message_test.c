/*
 * Messages of vici: what is written is read again, the bytes are those of strongSwan's description,
 * and what breaks the format ends the reading.
 */
#include "control/ipsec/vici_message.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_bytes(void **state)
{
	static const uint8_t expected[] = {
		3, 4, 'k', 'e', 'y', '1', 0, 2, 'v', '1', /* key1 = v1 */
		1, 3, 's', 'u', 'b', /* sub { */
		4, 4, 'l', 'i', 's', 't', /* list = [ */
		5, 0, 1,   'a', 5,   0,	  0, /* "a", "" */
		6, 2, /* ] } */
	};
	struct vici_writer w = {0};

	vici_put(&w, "key1", "v1");
	vici_section(&w, "sub");
	vici_list(&w, "list");
	vici_item(&w, "a");
	vici_item(&w, "");
	vici_list_end(&w);
	vici_end(&w);
	assert_false(w.failed);
	assert_int_equal(w.len, sizeof(expected));
	assert_memory_equal(w.data, expected, sizeof(expected));
	vici_free(&w);
	assert_null(w.data);
}

static void test_round(void **state)
{
	char value[VICI_VALUE_MAX + 2], text[16];
	struct vici_writer w = {0};
	struct vici_reader r;

	memset(value, 'x', sizeof(value));
	value[VICI_VALUE_MAX] = '\0';
	vici_section(&w, "outside");
	vici_put(&w, "long", value);
	vici_putf(&w, "number", "%u", 17);
	vici_end(&w);
	vici_put(&w, "number", "18");
	r = vici_read(w.data, w.len);
	assert_int_equal(vici_next(&r), VICI_SECTION);
	assert_true(vici_named(&r, "outside"));
	assert_false(vici_named(&r, "outsid"));
	assert_int_equal(vici_next(&r), VICI_KEY);
	assert_int_equal(r.value_len, VICI_VALUE_MAX);
	assert_int_equal(vici_next(&r), VICI_KEY);
	assert_true(vici_valued(&r, "17"));
	assert_int_equal(vici_next(&r), VICI_SECTION_END);
	assert_int_equal(vici_next(&r), VICI_KEY);
	assert_int_equal(vici_next(&r), VICI_DONE);
	assert_int_equal(vici_next(&r), VICI_DONE);
	assert_true(vici_find(w.data, w.len, "number", text, sizeof(text)));
	assert_string_equal(text, "18"); /* not the one in the section */
	assert_false(vici_find(w.data, w.len, "long", text, sizeof(text)));
	vici_free(&w);
}

static void test_too_long(void **state)
{
	char value[VICI_VALUE_MAX + 2];
	struct vici_writer w = {0};

	memset(value, 'x', sizeof(value));
	value[VICI_VALUE_MAX + 1] = '\0';
	vici_put(&w, "key", value);
	assert_true(w.failed);
	vici_free(&w);
	value[VICI_NAME_MAX + 1] = '\0';
	vici_section(&w, value);
	assert_true(w.failed);
	vici_free(&w);
}

static const struct {
	uint8_t bytes[8];
	size_t len;
	const char *why;
} broken[] = {
	{{1, 1, 'a'}, 3, "a section without its end"},
	{{2}, 1, "an end without its section"},
	{{3, 1, 'a', 0}, 4, "a value without its length"},
	{{3, 1, 'a', 0, 2, 'b'}, 6, "a value cut short"},
	{{3, 5, 'a'}, 3, "a name cut short"},
	{{3}, 1, "nothing behind the type"},
	{{5, 0, 0}, 3, "an item without a list"},
	{{4, 1, 'a', 3, 1, 'b', 0, 0}, 8, "a key in a list"},
	{{4, 1, 'a', 4, 1, 'b'}, 6, "a list in a list"},
	{{4, 1, 'a', 2}, 4, "the end of a section in a list"},
	{{6}, 1, "the end of no list"},
	{{4, 1, 'a'}, 3, "a list without its end"},
	{{0}, 1, "type 0"},
	{{7}, 1, "type 7"},
};

static void test_broken(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		struct vici_reader r = vici_read(broken[i].bytes, broken[i].len);
		enum vici_element e;

		while ((e = vici_next(&r)) != VICI_DONE && e != VICI_BROKEN)
			continue;
		if (e != VICI_BROKEN)
			fail_msg("%s", broken[i].why);
		assert_int_equal(vici_next(&r), VICI_BROKEN);
	}
}

static void test_depth(void **state)
{
	struct vici_writer w = {0};
	struct vici_reader r;

	for (unsigned i = 0; i <= VICI_DEPTH_MAX; i++)
		vici_section(&w, "s");
	r = vici_read(w.data, w.len);
	for (unsigned i = 0; i < VICI_DEPTH_MAX; i++)
		assert_int_equal(vici_next(&r), VICI_SECTION);
	assert_int_equal(vici_next(&r), VICI_BROKEN);
	vici_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),	 cmocka_unit_test(test_round),
		cmocka_unit_test(test_too_long), cmocka_unit_test(test_broken),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
