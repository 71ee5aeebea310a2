/* A network from text: see routing_bed.h. */
#include "routing_bed.h"

#include "base/err.h"
#include "control/config/config.h"
#include "control/config/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bed_network bed_network(const char *networks)
{
	static const char rest[] =
		"\nports: [{name: p, interface: eth0}]\n"
		"sites:\n"
		"- {name: one, tunnels: [{name: one-1, local: 192.0.2.1, remote: 192.0.2.11},\n"
		"    {name: one-2, local: 192.0.2.1, remote: 192.0.2.12}]}\n"
		"- {name: two, tunnels: [{name: two-1, local: 192.0.2.1, remote: 192.0.2.21}],\n"
		"    aliases: [{alias: 100.64.2.0/24, prefix: 10.0.1.0/24}]}\n"
		"- {name: far, network: other, tunnels: [{name: far-1, local: 192.0.2.1, remote: "
		"192.0.2.31}],\n"
		"    aliases: [{alias: 100.64.3.0/24, prefix: 10.0.1.0/24}]}\n"
		"egress: [{name: internet, addresses: [{address: 198.51.100.1}]},\n"
		"  {name: special, addresses: [{address: 198.51.100.2}]}]\n";
	size_t len = strlen(networks) + sizeof(rest) + sizeof("networks: ");
	struct err_list errs = ERR_LIST_EMPTY;
	char *text = malloc(len);
	struct bed_network b;

	assert_non_null(text);
	snprintf(text, len, "networks: %s%s", networks, rest);
	b.config = config_parse("f", text, strlen(text), &errs);
	if (b.config == NULL)
		fail_msg("%s", errs.errs[0].text);
	b.net = network_create(&b.config->network, NULL);
	assert_non_null(b.net);
	free(text);
	err_list_fini(&errs);
	return b;
}

void bed_network_fini(struct bed_network *b)
{
	network_destroy(b->net);
	config_destroy(b->config);
}

struct spec_target bed_tunnel(const struct network *net, const char *tunnel, uint32_t priority)
{
	struct spec_target t = {.kind = TARGET_TUNNEL, .weight = 1, .priority = priority};

	for (uint16_t i = 0; i < net->spec.n_sites; i++) {
		for (uint16_t k = 0; k < net->spec.sites[i].n_tunnels; k++) {
			if (strcmp(net->spec.sites[i].tunnels[k].name, tunnel) != 0)
				continue;
			t.index = i;
			t.tunnel = k;
			return t;
		}
	}
	fail_msg("there is no tunnel %s", tunnel);
	return t;
}

struct prefix6 bed_prefix(const char *text)
{
	struct prefix6 prefix;

	assert_int_equal(value_prefix_any(text, &prefix), 0);
	return prefix;
}

struct addr6 bed_address(const char *text)
{
	struct addr6 six;
	be32_t four;

	if (value_address(text, &four) == 0)
		return addr6_from_ipv4(four);
	assert_int_equal(value_address6(text, &six), 0);
	return six;
}
