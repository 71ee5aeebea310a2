/*
 * A tunnel as a connection of charon: the messages have what the tunnel says, and name it by its
 * number.
 */
#include "control/ipsec/connection.h"

#include "base/types.h"
#include "network/network.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct spec_tunnel make_tunnel(void)
{
	return (struct spec_tunnel){
		.type = TUNNEL_IPSEC,
		.local = addr6_from_ipv4(htonl(0xc0000201)),
		.remote = addr6_from_ipv4(htonl(0xc0000202)),
		.outer_df = OUTER_DF_SET,
		.ipsec = {.ike_proposals = "a,b",
			  .esp_proposals = "aes256gcm16",
			  .rekey = 3600,
			  .ike_rekey = 14400,
			  .dpd = 10,
			  .replay_window = 1024},
	};
}

/* The message as one line: names, values, [lists], {sections}. */
static const char *line_of(const struct vici_writer *w)
{
	static char line[4096];
	struct vici_reader r = vici_read(w->data, w->len);
	size_t at = 0;

	line[0] = '\0';
	for (;;) {
		enum vici_element e = vici_next(&r);
		char *to = line + at;
		size_t room = sizeof(line) - at;

		if (e == VICI_DONE)
			return line;
		if (e == VICI_SECTION)
			snprintf(to, room, "%.*s{ ", (int)r.name_len, r.name);
		else if (e == VICI_SECTION_END)
			snprintf(to, room, "} ");
		else if (e == VICI_KEY)
			snprintf(to, room, "%.*s=%.*s ", (int)r.name_len, r.name, (int)r.value_len,
				 r.value);
		else if (e == VICI_LIST)
			snprintf(to, room, "%.*s[ ", (int)r.name_len, r.name);
		else if (e == VICI_ITEM)
			snprintf(to, room, "%.*s ", (int)r.value_len, r.value);
		else if (e == VICI_LIST_END)
			snprintf(to, room, "] ");
		else
			fail_msg("broken behind %s", line);
		at += strlen(to);
	}
}

static void expect(const char *line, const char *part)
{
	if (strstr(line, part) == NULL)
		fail_msg("\"%s\" is not in: %s", part, line);
}

static void test_psk(void **state)
{
	struct spec_tunnel tunnel = make_tunnel();
	struct credentials c = {.psk = (uint8_t *)"secret", .psk_len = 6};
	struct vici_writer w = {0};
	const char *line;

	connection_write(&w, &tunnel, 17, &c);
	assert_false(w.failed);
	line = line_of(&w);
	expect(line, "homeward-17{ version=2 local_addrs[ 192.0.2.1 ] remote_addrs[ 192.0.2.2 ] ");
	expect(line, "proposals[ a b ] dpd_delay=10s rekey_time=14400s ");
	expect(line, "local-1{ auth=psk id=192.0.2.1 } remote-1{ auth=psk id=192.0.2.2 } ");
	expect(line, "children{ homeward-17{ mode=tunnel local_ts[ 0.0.0.0/0 ::/0 ] ");
	expect(line, "esp_proposals[ aes256gcm16 ] rekey_time=3600s replay_window=1024 ");
	expect(line, "start_action=start close_action=start dpd_action=restart copy_df=yes ");
	expect(line, "if_id_in=17 if_id_out=17 } } } ");
	assert_null(strstr(line, "secret"));
	vici_free(&w);
	connection_write_secret(&w, &tunnel, 17, &c);
	assert_string_equal(line_of(&w),
			    "id=homeward-17 type=IKE data=secret owners[ 192.0.2.2 ] ");
	vici_free(&w);
}

static void test_certificate(void **state)
{
	struct spec_tunnel tunnel = make_tunnel();
	struct credentials c = {.certificate = (uint8_t *)"CERT",
				.certificate_len = 4,
				.ca = (uint8_t *)"CA",
				.ca_len = 2,
				.key = (uint8_t *)"KEY",
				.key_len = 3};
	struct vici_writer w = {0};
	const char *line;

	tunnel.remote = (struct addr6){{0, 0}};
	tunnel.outer_df = OUTER_DF_CLEAR;
	tunnel.ipsec.initiate = INITIATE_NO;
	strcpy(tunnel.ipsec.peer_identity, "C=DE, CN=berlin");
	strcpy(tunnel.ipsec.identity, "gw.example.net");
	connection_write(&w, &tunnel, 1, &c);
	line = line_of(&w);
	expect(line, "remote_addrs[ %any ]");
	expect(line, "local-1{ auth=pubkey id=gw.example.net certs[ CERT ] } ");
	expect(line, "remote-1{ auth=pubkey id=C=DE, CN=berlin cacerts[ CA ] } ");
	expect(line, "start_action=none close_action=none dpd_action=clear copy_df=no");
	vici_free(&w);
	connection_write_key(&w, &c);
	assert_string_equal(line_of(&w), "type=any data=KEY ");
	vici_free(&w);
}

static void test_on_demand(void **state)
{
	struct spec_tunnel tunnel = make_tunnel();
	struct credentials c = {.psk = (uint8_t *)"secret", .psk_len = 6};
	struct vici_writer w = {0};

	tunnel.ipsec.initiate = INITIATE_ON_DEMAND;
	connection_write(&w, &tunnel, 17, &c);
	expect(line_of(&w), "start_action=trap close_action=trap dpd_action=trap ");
	vici_free(&w);
}

static const struct {
	const char *name;
	uint16_t tunnel;
} names[] = {
	{"homeward-1", 1},
	{"homeward-60000", 60000},
	{"homeward-0", TUNNEL_NONE},
	{"homeward-", TUNNEL_NONE},
	{"homeward-01", TUNNEL_NONE},
	{"homeward-1x", TUNNEL_NONE},
	{"homeward-99999", TUNNEL_NONE},
	{"homeward-4294967297", TUNNEL_NONE},
	{"office", TUNNEL_NONE},
	{"", TUNNEL_NONE},
};

static void test_names(void **state)
{
	char name[CONNECTION_NAME_SIZE];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(connection_tunnel(names[i].name, strlen(names[i].name)),
				 names[i].tunnel);
	assert_string_equal(connection_name(60000, name), "homeward-60000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_psk),
		cmocka_unit_test(test_certificate),
		cmocka_unit_test(test_on_demand),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
