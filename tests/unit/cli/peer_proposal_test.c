/* Proposals in strongSwan's words: what they mean, and which of a list a maker can do. */
#include "peer_proposal.h"

#include "base/types.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *text;
	bool known;
	struct peer_proposal means;
} rows[] = {
	{"aes256gcm16-prfsha384-ecp384", true, {256, true, 384, 20}},
	{"aes128gcm16", true, {128, true, 0, 0}},
	{"aes256-sha256-modp2048", true, {256, false, 256, 14}},
	{"aes192-sha512", true, {192, false, 512, 0}},
	{"chacha20poly1305-x25519", true, {0, false, 0, 31}},
	{"chacha20poly1305-prfsha256-curve25519", true, {0, false, 256, 31}},
	{"3des-sha1-modp1024", false, {0}},
	{"aes256-", true, {256, false, 0, 0}},
	{"aes", false, {0}},
};

static void test_read(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct peer_proposal *m = &rows[i].means;
		struct peer_proposal p;
		bool known = peer_proposal_read(rows[i].text, strlen(rows[i].text), &p);

		if (known != rows[i].known)
			fail_msg("%s", rows[i].text);
		if (known && (p.bits != m->bits || p.gcm != m->gcm || p.hash != m->hash ||
			      p.group != m->group))
			fail_msg("%s: %u %d %u %u", rows[i].text, p.bits, p.gcm, p.hash, p.group);
	}
}

static void test_choose(void **state)
{
	const char *list = "chacha20poly1305-curve25519,aes256gcm16-prfsha256-curve25519,3des,"
			   "aes256gcm16-prfsha384-ecp384,aes256-sha256-ecp256";
	struct peer_proposal p;

	assert_true(peer_proposal_choose(list, PEER_ANYTHING, true, &p));
	assert_int_equal(p.bits, 0);
	assert_true(peer_proposal_choose(list, PEER_IKE_GCM | PEER_CURVE25519, true, &p));
	assert_int_equal(p.group, 31);
	assert_true(p.gcm);
	assert_true(peer_proposal_choose(list, PEER_IKE_GCM, true, &p));
	assert_int_equal(p.group, 20);
	assert_true(peer_proposal_choose(list, 0, true, &p));
	assert_false(p.gcm);
	assert_true(peer_proposal_choose(list, 0, false, &p)); /* GCM in ESP everybody has */
	assert_true(p.gcm);
	assert_false(peer_proposal_choose("3des-sha1,chacha20poly1305", 0, false, &p));
	assert_false(peer_proposal_choose("", PEER_ANYTHING, false, &p));
}

static void test_groups(void **state)
{
	assert_string_equal(peer_group_name(20), "ecp384");
	assert_string_equal(peer_group_name(31), "curve25519");
	assert_string_equal(peer_group_name(0), "");
	assert_string_equal(peer_group_name(2), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_choose),
		cmocka_unit_test(test_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
