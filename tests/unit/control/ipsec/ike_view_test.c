/*
 * What charon says about its IKE SAs. The messages are made as charon 5.9.8 makes them: seen in its
 * events, shortened.
 */
#include "control/ipsec/ike_view.h"

#include "control/ipsec/vici_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

struct seen {
	unsigned n;
	uint16_t tunnel;
	struct ike_view view;
};

static void note(void *arg, uint16_t tunnel, const struct ike_view *view)
{
	struct seen *s = arg;

	s->n++;
	s->tunnel = tunnel;
	s->view = *view;
}

static struct seen read_all(struct vici_writer *w)
{
	struct seen s = {0};

	ike_view_read(w->data, w->len, 100 * SECOND, note, &s);
	vici_free(w);
	return s;
}

static void put_sa(struct vici_writer *w, const char *unique, const char *port)
{
	vici_put(w, "uniqueid", unique);
	vici_put(w, "version", "2");
	vici_put(w, "state", "ESTABLISHED");
	vici_put(w, "local-host", "192.0.2.1");
	vici_put(w, "local-id", "gw.example.net");
	vici_put(w, "remote-host", "192.0.2.7");
	vici_put(w, "remote-port", port);
	vici_put(w, "remote-id", "berlin.example.net");
	vici_put(w, "initiator", "yes");
	vici_put(w, "nat-remote", "yes");
	vici_put(w, "encr-alg", "AES_GCM_16");
	vici_put(w, "encr-keysize", "256");
	vici_put(w, "prf-alg", "PRF_HMAC_SHA2_384");
	vici_put(w, "dh-group", "ECP_384");
	vici_put(w, "established", "30");
	vici_section(w, "child-sas");
	vici_section(w, "homeward-17-1");
	vici_put(w, "uniqueid", "9");
	vici_put(w, "state", "INSTALLED");
	vici_put(w, "encr-alg", "AES_CBC");
	vici_end(w);
	vici_end(w);
}

static void test_up(void **state)
{
	struct vici_writer w = {0};
	struct seen s;

	vici_put(&w, "up", "yes");
	vici_section(&w, "homeward-17");
	put_sa(&w, "3", "4500");
	vici_end(&w);
	assert_true(ike_view_is_up(w.data, w.len));
	s = read_all(&w);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.tunnel, 17);
	assert_true(s.view.established && s.view.initiator && s.view.nat_remote);
	assert_false(s.view.nat_local);
	assert_string_equal(s.view.unique, "3"); /* and not that of the CHILD SA */
	assert_string_equal(s.view.remote_host, "192.0.2.7");
	assert_string_equal(s.view.remote_id, "berlin.example.net");
	assert_string_equal(s.view.algorithms, "AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384");
	assert_int_equal(s.view.established_ns, 70 * SECOND);
}

static void test_down(void **state)
{
	struct vici_writer w = {0};

	vici_section(&w, "homeward-17");
	put_sa(&w, "3", "4500");
	vici_end(&w);
	assert_false(ike_view_is_up(w.data, w.len));
	assert_int_equal(read_all(&w).n, 1);
}

static void test_rekey(void **state)
{
	struct vici_writer w = {0};
	struct seen s;

	vici_section(&w, "homeward-17");
	vici_section(&w, "old");
	put_sa(&w, "3", "4500");
	vici_end(&w);
	vici_section(&w, "new");
	put_sa(&w, "4", "4501");
	vici_end(&w);
	vici_end(&w);
	s = read_all(&w);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.view.unique, "4");
	assert_string_equal(s.view.remote_port, "4501");
}

/* Connections that the operator made, and several in one message. */
static void test_others(void **state)
{
	struct vici_writer w = {0};
	struct seen s;

	vici_section(&w, "office");
	put_sa(&w, "1", "4500");
	vici_end(&w);
	vici_section(&w, "homeward-5");
	put_sa(&w, "2", "4500");
	vici_end(&w);
	vici_section(&w, "homeward-6");
	put_sa(&w, "3", "4500");
	vici_end(&w);
	s = read_all(&w);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.tunnel, 6);
}

static void test_cut(void **state)
{
	struct vici_writer w = {0};

	vici_section(&w, "homeward-17");
	put_sa(&w, "3", "4500");
	vici_end(&w);
	for (size_t len = 0; len < w.len; len++) {
		struct seen s = {0};

		ike_view_read(w.data, len, 0, note, &s);
		assert_true(s.n <= 1);
	}
	vici_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_up),    cmocka_unit_test(test_down),
		cmocka_unit_test(test_rekey), cmocka_unit_test(test_others),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
