/* Types of identities, by a word before them and by their form. */
#include "peer_identity.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_types(void **state)
{
	static const struct {
		const char *identity, *value;
		enum peer_identity_type type;
	} rows[] = {
		{"berlin", "berlin", PEER_ID_NAME},
		{"@berlin", "berlin", PEER_ID_NAME},
		{"FQDN:berlin", "berlin", PEER_ID_NAME},
		{"192.0.2.1", "192.0.2.1", PEER_ID_IPV4},
		{"2001:db8::1", "2001:db8::1", PEER_ID_IPV6},
		{"a@b.example", "a@b.example", PEER_ID_EMAIL},
		{"@@a@b.example", "a@b.example", PEER_ID_EMAIL},
		{"C=DE, CN=berlin", "C=DE, CN=berlin", PEER_ID_SUBJECT},
		{"keyid:berlin", "berlin", PEER_ID_KEY},
		{"a:b", "a:b", PEER_ID_KEY},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *value;

		assert_int_equal(peer_identity_read(rows[i].identity, &value), rows[i].type);
		assert_string_equal(value, rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
