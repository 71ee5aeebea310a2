/*
 * homeward peer-config: for each maker the lines that decide whether the two ends find each other; and
 * what it refuses.
 */
#include "base/types.h"
#include "cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

static const char text[] =
	"ports: [{name: underlay, interface: eth0}, {name: uplink, interface: eth1}]\n"
	"sites:\n"
	"- name: berlin\n"
	"  tunnels:\n"
	"  - {name: berlin-gre, port: underlay, local: 192.0.2.1, remote: 192.0.2.18, key: 11,\n"
	"     address: 10.255.0.0, peer: 10.255.0.1, mtu: 1400}\n"
	"  - {name: berlin-psk, type: ipsec, port: underlay, local: 192.0.2.1, remote: "
	"192.0.2.19,\n"
	"     mtu: 1400, ipsec: {psk: /etc/homeward/berlin.psk, identity: hub, peer-identity: "
	"berlin}}\n"
	"  - {name: berlin-any, type: ipsec, port: underlay, local: 192.0.2.1, mtu: 1400,\n"
	"     ipsec: {certificate: /c, private-key: /k, ca: /a, peer-identity: roaming}}\n"
	"  - {name: berlin-name, type: ipsec, port: underlay, local: 192.0.2.1, mtu: 1400,\n"
	"     ipsec: {certificate: /c, private-key: /k, ca: /a, identity: 'C=DE, CN=hub',\n"
	"     peer-identity: a@b.example}}\n"
	"egress: [{name: e, port: uplink, addresses: [{address: 198.51.100.1}]}]\n";

static char file[] = "/tmp/peer-config-XXXXXX";

static int run(const char *words, char **out, char **err)
{
	char *argv[WORDS_MAX + 1] = {NULL}, line[256], *rest = line;
	size_t out_size, err_size;
	struct cli cli = {.socket = CLI_SOCKET};
	int argc = 0, status;

	snprintf(line, sizeof(line), "homeward peer-config --config %s %s", file, words);
	for (char *word; argc < WORDS_MAX && (word = strsep(&rest, " ")) != NULL;)
		argv[argc++] = word;
	cli.out = open_memstream(out, &out_size);
	cli.err = open_memstream(err, &err_size);
	status = cli_parse(&cli, argc, argv) < 0 ? CLI_EXIT_WRONG : cli.command->run(&cli);
	fclose(cli.out);
	fclose(cli.err);
	return status;
}

static const struct {
	const char *words, *lines[5];
} makers[] = {
	{"berlin-gre --for strongswan",
	 {"type gre local 192.0.2.18 remote 192.0.2.1 ttl 64 key 11\n", "mtu 1400 up",
	  "address add 10.255.0.1 peer 10.255.0.0 dev"}},
	{"berlin-gre --for cisco-ios",
	 {"tunnel source 192.0.2.18\n", "tunnel destination 192.0.2.1\n", "tunnel key 11\n",
	  "tcp adjust-mss 1360"}},
	{"berlin-gre --for junos",
	 {"tunnel source 192.0.2.18\n", "tunnel destination 192.0.2.1\n", "tunnel key 11\n",
	  "mtu 1400"}},
	{"berlin-gre --for mikrotik",
	 {"local-address=192.0.2.18 remote-address=192.0.2.1", "RouterOS has no GRE keys"}},
	{"berlin-gre --for fortigate",
	 {"set local-gw 192.0.2.18", "set remote-gw 192.0.2.1\n", "set key-outbound 11",
	  "set remote-ip 10.255.0.0 "}},
	{"berlin-gre --for pfsense", {"GRE remote address    192.0.2.1\n", "MTU 1400, MSS 1360"}},
	{"berlin-psk --for strongswan",
	 {"remote_addrs = 192.0.2.1\n", "id = \"berlin\"\n", "id = \"hub\"\n", "secret = \"KEY\"",
	  "/etc/homeward/berlin.psk"}},
	{"berlin-psk --for cisco-ios",
	 {"encryption aes-gcm-256\n prf sha384\n group 20\n", "esp-gcm 256\n",
	  "identity local fqdn berlin\n", "match identity remote fqdn hub\n"}},
	{"berlin-psk --for junos",
	 {"dh-group group20\n", "encryption-algorithm aes-256-gcm\n",
	  "local-identity hostname berlin", "address 192.0.2.1\n"}},
	{"berlin-psk --for mikrotik",
	 {"enc-algorithm=aes-256 hash-algorithm=sha256 dh-group=ecp256", "aes-256-gcm",
	  "my-id=\"fqdn:berlin\" remote-id=\"fqdn:hub\""}},
	{"berlin-psk --for fortigate",
	 {"set proposal aes256gcm-prfsha384\n", "set dhgrp 20\n", "set psksecret KEY",
	  "set proposal aes256gcm\n"}},
	{"berlin-any --for cisco-ios",
	 {"match identity remote address 192.0.2.1 255.255.255.255\n",
	  "identity local fqdn roaming\n", "tunnel mode ipsec ipv4"}},
	{"berlin-any --for junos",
	 {"local-identity hostname roaming\n", "remote-identity inet 192.0.2.1\n"}},
	{"berlin-any --for fortigate",
	 {"set cn-type ipv4\n        set cn \"192.0.2.1\"\n",
	  "set peertype peer\n        set peer \"homeward\"\n"}},
	{"berlin-name --for cisco-ios",
	 {"subject-name eq C=DE, CN=hub\n", " match certificate homeward\n",
	  "identity local email a@b.example\n"}},
	{"berlin-name --for junos",
	 {"local-identity user-at-hostname a@b.example\n",
	  "remote-identity distinguished-name container \"C=DE, CN=hub\"\n"}},
	{"berlin-name --for mikrotik",
	 {"my-id=\"user-fqdn:a@b.example\" remote-id=\"dn:C=DE, CN=hub\""}},
	{"berlin-name --for fortigate", {"set subject \"C=DE, CN=hub\"\n"}},
	{"berlin-psk --for pfsense",
	 {"DH group 20", "Mutual PSK", "My identifier         berlin\n", "AES-GCM, 256 bits"}},
	{"berlin-any --for strongswan",
	 {"local_addrs = %any\n", "auth = pubkey", "start_action = start", "id = \"roaming\"",
	  "id = \"192.0.2.1\""}},
};

static void test_makers(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		char *out, *err;

		if (run(makers[i].words, &out, &err) != CLI_EXIT_OK)
			fail_msg("%s: %s", makers[i].words, err);
		for (unsigned k = 0; k < 5 && makers[i].lines[k] != NULL; k++)
			if (strstr(out, makers[i].lines[k]) == NULL)
				fail_msg("%s: \"%s\" is not in:\n%s", makers[i].words,
					 makers[i].lines[k], out);
		free(out);
		free(err);
	}
}

static const struct {
	const char *words, *error;
} refused[] = {
	{"berlin-gre", "--for must be strongswan"},
	{"berlin-gre --for windows", "--for must be strongswan"},
	{"berlin-gr --for junos", "there is no tunnel berlin-gr: did you mean berlin-gre?"},
	{"--for junos", "TUNNEL"},
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		char *out, *err;

		assert_int_equal(run(refused[i].words, &out, &err), CLI_EXIT_WRONG);
		if (strstr(err, refused[i].error) == NULL)
			fail_msg("%s: %s", refused[i].words, err);
		free(out);
		free(err);
	}
}

static int write_config(void **state)
{
	int fd = mkstemp(file);

	if (fd < 0 || write(fd, text, sizeof(text) - 1) != (ssize_t)sizeof(text) - 1)
		return -1;
	return close(fd);
}

static int remove_config(void **state)
{
	return unlink(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_makers),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, write_config, remove_config);
}
