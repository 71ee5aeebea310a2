/*
 * Why a tunnel is not up. The words are those of charon 5.9.8, seen in its log.
 */
#include "control/ipsec/reasons.h"

#include "base/types.h"
#include "control/ipsec/vici_message.h"
#include "network/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static const char *searched;
static unsigned searches;

static uint16_t by_address(void *arg, const char *address)
{
	searches++;
	searched = strcmp(address, "192.0.2.18") == 0 ? "found" : "lost";
	return strcmp(address, "192.0.2.18") == 0 ? 18 : TUNNEL_NONE;
}

static void hear_at(struct reasons *r, uint64_t now_ns, const char *name, const char *unique,
		    const char *words)
{
	struct vici_writer w = {0};

	vici_put(&w, "group", "IKE");
	vici_put(&w, "level", "1");
	if (name != NULL)
		vici_put(&w, "ikesa-name", name);
	if (unique != NULL)
		vici_put(&w, "ikesa-uniqueid", unique);
	vici_put(&w, "msg", words);
	reasons_hear(r, w.data, w.len, now_ns, by_address, NULL);
	vici_free(&w);
}

static void hear(struct reasons *r, const char *words)
{
	hear_at(r, SECOND, "homeward-17", "3", words);
}

static void test_words(void **state)
{
	static const struct {
		const char *words, *sentence;
	} rows[] = {
		{"subject certificate invalid (valid from Jan 01 00:00:00 2020 to Jan 02 00:00:00 "
		 "2020)",
		 "a certificate has expired"},
		{"no issuer certificate found for \"CN=berlin\"", "not signed by an authority"},
		{"constraint check failed: identity 'a' required ", "somebody else"},
		{"tried 1 shared key for 'a' - 'b', but MAC mismatched", "another pre-shared key"},
		{"received AUTHENTICATION_FAILED notify error", "refuses us"},
		{"received NO_PROPOSAL_CHOSEN notify error", "none of our ike-proposals"},
		{"received NO_PROPOSAL_CHOSEN notify, no CHILD_SA built",
		 "none of our esp-proposals"},
		{"received proposals unacceptable", "far end's IKE proposals"},
		{"no acceptable proposal found", "far end's ESP proposals"},
		{"received TS_UNACCEPTABLE notify, no CHILD_SA built",
		 "does not accept our traffic selectors"},
		{"giving up after 3 retransmits", "does not answer"},
		{"adding an SA failed: homewardd has no room", "did not take the keys"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reasons *r = reasons_create();

		hear(r, rows[i].words);
		assert_non_null(reasons_of(r, 17));
		assert_non_null(strstr(reasons_of(r, 17), rows[i].sentence));
		assert_non_null(strstr(reasons_of(r, 17), rows[i].words));
		assert_null(reasons_of(r, 18));
		reasons_forget(r, 17);
		assert_null(reasons_of(r, 17));
		reasons_destroy(r);
	}
}

/* The cause comes before its consequences, and is not covered by them; an old one is. */
static void test_most_special(void **state)
{
	struct reasons *r = reasons_create();

	hear(r, "subject certificate invalid (valid from 1 to 2)");
	hear(r, "no trusted ECDSA public key found for 'berlin'");
	hear(r, "giving up after 3 retransmits");
	assert_non_null(strstr(reasons_of(r, 17), "expired"));
	hear(r, "no issuer certificate found for \"CN=berlin\"");
	assert_non_null(strstr(reasons_of(r, 17), "expired"));
	hear_at(r, SECOND, "homeward-17", "4", "no issuer certificate found for \"CN=berlin\"");
	assert_non_null(strstr(reasons_of(r, 17), "authority"));
	hear_at(r, 62 * SECOND, "homeward-17", "3", "giving up after 3 retransmits");
	assert_non_null(strstr(reasons_of(r, 17), "does not answer"));
	reasons_destroy(r);
}

static void test_nothing(void **state)
{
	struct reasons *r = reasons_create();

	hear(r, "establishing CHILD_SA homeward-17{1}");
	hear_at(r, SECOND, "other-17", NULL, "giving up after 3 retransmits");
	hear_at(r, SECOND, NULL, NULL, "giving up after 3 retransmits");
	hear_at(r, SECOND, "homeward-99999", NULL, "giving up after 3 retransmits");
	assert_null(reasons_of(r, 17));
	reasons_hear(r, (const uint8_t *)"\377", 1, SECOND, by_address, NULL);
	reasons_hear(r, NULL, 0, SECOND, by_address, NULL);
	assert_int_equal(searches, 0);
	reasons_destroy(r);
}

/* Before it has said who it is, a far end is known by its address. */
static void test_stranger(void **state)
{
	struct reasons *r = reasons_create();

	searches = 0;
	hear_at(r, SECOND, "(unnamed)", "7", "192.0.2.18 is initiating an IKE_SA");
	hear_at(r, SECOND, "(unnamed)", "8", "192.0.2.19 is initiating an IKE_SA");
	hear_at(r, SECOND, "(unnamed)", "8", "received proposals unacceptable");
	assert_string_equal(searched, "lost");
	assert_null(reasons_of(r, 18));
	hear_at(r, SECOND, "(unnamed)", "7", "received proposals unacceptable");
	assert_non_null(strstr(reasons_of(r, 18), "far end's IKE proposals"));
	assert_int_equal(searches, 2);
	for (unsigned i = 0; i < 100; i++)
		hear_at(r, SECOND, "(unnamed)", "8", "received proposals unacceptable");
	assert_int_equal(searches, 10);
	hear_at(r, 2 * SECOND, "(unnamed)", "8", "received proposals unacceptable");
	assert_int_equal(searches, 11);
	reasons_destroy(r);
}

/* Words of the far end, such as its identity, go to terminals. */
static void test_printable(void **state)
{
	struct reasons *r = reasons_create();

	hear(r, "no shared key found for '\033[2J\377' - 'b'");
	assert_non_null(strstr(reasons_of(r, 17), "'?[2J?'"));
	reasons_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	  cmocka_unit_test(test_most_special),
		cmocka_unit_test(test_nothing),	  cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
