/* What charon tells of tunnels, by its events. */
#include "control/ipsec/told.h"

#include "control/ipsec/vici_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

enum { BERLIN = 17, MADRID, LISBON };

/* To berlin one tunnel, to one address of madrid and lisbon two. */
static const struct network *make_net(void)
{
	static struct spec_tunnel specs[3];
	static const struct spec_tunnel *by_id[LISBON + 1];
	static uint16_t ids[] = {BERLIN, MADRID, LISBON};
	static struct network net;

	for (unsigned i = 0; i < 3; i++) {
		specs[i].type = TUNNEL_IPSEC;
		specs[i].remote = addr6_from_ipv4(inet_addr(i == 0 ? "192.0.2.18" : "192.0.2.34"));
		by_id[ids[i]] = &specs[i];
	}
	net = (struct network){.n_tunnels = 3, .tunnel_ids = ids, .max_tunnel = LISBON};
	net.tunnel_specs = (void *)by_id;
	return &net;
}

static void tell_sa(struct told *t, const char *event, const char *name, const char *unique,
		    bool up)
{
	struct vici_writer w = {0};

	if (strcmp(event, "ike-updown") == 0 && up)
		vici_put(&w, "up", "yes");
	vici_section(&w, name);
	vici_put(&w, "uniqueid", unique);
	vici_put(&w, "state", "ESTABLISHED");
	vici_end(&w);
	told_event(t, make_net(), event, w.data, w.len);
	vici_free(&w);
}

static void tell_log(struct told *t, const char *name, const char *words)
{
	struct vici_writer w = {0};

	vici_put(&w, "ikesa-name", name);
	vici_put(&w, "ikesa-uniqueid", "5");
	vici_put(&w, "msg", words);
	told_event(t, make_net(), "log", w.data, w.len);
	vici_free(&w);
}

/* An SA that another one has replaced goes down later: the tunnel still has the other. */
static void test_ike(void **state)
{
	struct told *t = told_create();

	assert_null(told_ike(t, BERLIN));
	tell_sa(t, "ike-updown", "homeward-17", "1", true);
	assert_string_equal(told_ike(t, BERLIN)->unique, "1");
	tell_sa(t, "ike-rekey", "homeward-17", "2", true);
	tell_sa(t, "ike-updown", "homeward-17", "1", false);
	assert_string_equal(told_ike(t, BERLIN)->unique, "2");
	tell_sa(t, "ike-updown", "homeward-17", "2", false);
	assert_null(told_ike(t, BERLIN));
	tell_sa(t, "list-sa", "homeward-17", "3", true);
	tell_sa(t, "list-sa", "someone", "4", true);
	assert_non_null(told_ike(t, BERLIN));
	told_forget_ikes(t);
	assert_null(told_ike(t, BERLIN));
	assert_null(told_ike(t, UINT16_MAX));
	told_destroy(t);
}

static void test_why(void **state)
{
	struct told *t = told_create();

	tell_log(t, "homeward-17", "giving up after 3 retransmits");
	assert_non_null(told_why(t, BERLIN));
	told_forget_why(t, BERLIN);
	assert_null(told_why(t, BERLIN));
	tell_log(t, "(unnamed)", "192.0.2.18 is initiating an IKE_SA");
	tell_log(t, "(unnamed)", "received proposals unacceptable");
	assert_non_null(told_why(t, BERLIN));
	told_forget(t, BERLIN);
	assert_null(told_why(t, BERLIN));
	told_destroy(t);
}

/* Two tunnels lead to this address, and none to the other: nobody is blamed. */
static void test_not_alone(void **state)
{
	static const char *const from[] = {"192.0.2.34", "192.0.2.99", "2001:db8::1", "nonsense"};
	struct told *t = told_create();

	for (unsigned i = 0; i < 4; i++) {
		char words[64];

		snprintf(words, sizeof(words), "%s is initiating an IKE_SA", from[i]);
		tell_log(t, "(unnamed)", words);
		tell_log(t, "(unnamed)", "received proposals unacceptable");
		told_forget_why(t, BERLIN);
		assert_null(told_why(t, MADRID));
		assert_null(told_why(t, LISBON));
	}
	told_destroy(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ike),
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_not_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
