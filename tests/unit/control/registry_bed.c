/* A registry for tests: see registry_bed.h. */
#include "registry_bed.h"

#include "network/spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add_tunnel(struct spec_site *site, char *text)
{
	struct spec_tunnel *t = &site->tunnels[site->n_tunnels++];
	char *at = strchr(text, '@'), *key = strchr(text, '#');
	bool six = at[1] == '~', link = at[1] == '%';
	uint8_t number = (uint8_t)atoi(at + 1 + (six || link));

	memcpy(t->name, text, (size_t)(at - text));
	t->mtu = 1400;
	if (link) { /* an interconnect, and its VLAN */
		t->type = TUNNEL_INTERCONNECT;
		t->address = addr6_from_ipv4(htonl(0xc0000200u));
		t->peer = addr6_from_ipv4(htonl(0xc0000200u + number));
		t->vlan = key != NULL ? (uint16_t)atoi(key + 1) : 0;
		return;
	}
	t->has_key = key != NULL;
	t->key = key != NULL ? (uint32_t)atoi(key + 1) : 0;
	if (six) {
		inet_pton(AF_INET6, "2001:db8::1", &t->local);
		inet_pton(AF_INET6, "2001:db8::2", &t->remote);
		t->remote.half[1] += htobe64(number);
	} else {
		t->local = addr6_from_ipv4(htonl(0xc0000201u));
		t->remote = addr6_from_ipv4(htonl(0xc6336400u + number));
	}
}

/* The number of the virtual network @name, which is new where it is not known; "": the default. */
static uint16_t vnet_called(struct network_spec *spec, const char *name)
{
	if (spec->n_vnets == 0)
		spec->vnets[spec->n_vnets++] = spec_vnet_default;
	for (size_t v = 1; v < spec->n_vnets; v++)
		if (strcmp(spec->vnets[v].name, name) == 0)
			return (uint16_t)v;
	snprintf(spec->vnets[spec->n_vnets].name, SPEC_NAME_SIZE, "%s", name);
	return (uint16_t)spec->n_vnets++;
}

/* "/guests": a virtual network. "berlin/guests:b1@1": a site of it. */
struct network_spec registry_bed_parse(const char *text)
{
	struct network_spec spec = {.sites = calloc(8, sizeof(struct spec_site)),
				    .vnets = calloc(8, sizeof(struct spec_vnet))};
	char copy[TEXT_MAX], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")) != NULL && *word != '\0') {
		char *name = strsep(&word, ":"), *tunnel, *vnet = strchr(name, '/');
		struct spec_site *site = &spec.sites[spec.n_sites];
		uint16_t index = 0;

		if (vnet != NULL) {
			*vnet = '\0';
			index = vnet_called(&spec, vnet + 1);
		}
		if (*name == '\0')
			continue;
		spec.n_sites++;
		site->vnet = index;
		snprintf(site->name, sizeof(site->name), "%s", name);
		site->tunnels = calloc(8, sizeof(struct spec_tunnel));
		while ((tunnel = strsep(&word, ",")) != NULL && *tunnel != '\0')
			add_tunnel(site, tunnel);
	}
	return spec;
}

/* "berlin=1:1,2 madrid=2:3": each site's number and those of its tunnels. */
static void print(const struct network_spec *spec, const struct network_ids *ids, char *out)
{
	const uint16_t *tunnel = ids->tunnels;
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; i < spec->n_sites; i++) {
		len += (size_t)sprintf(out + len, "%s%s=%u", i == 0 ? "" : " ", spec->sites[i].name,
				       ids->sites[i]);
		for (size_t k = 0; k < spec->sites[i].n_tunnels; k++)
			len += (size_t)sprintf(out + len, "%c%u", k == 0 ? ':' : ',', *tunnel++);
	}
	for (size_t v = 1; v < spec->n_vnets; v++)
		len += (size_t)sprintf(out + len, " /%s=%u", spec->vnets[v].name, ids->vnets[v]);
}

/* "3@1>2": tunnel 3 of site 1 is gone, tunnel 2 takes its flows. */
static void print_retired(const struct network_ids *ids, char *out)
{
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; i < ids->n_retired; i++)
		len += (size_t)sprintf(out + len, "%s%u@%u>%u", i == 0 ? "" : " ",
				       ids->retired[i].id, ids->retired[i].site,
				       ids->retired[i].successor);
}

void registry_bed_begin(struct registry_bed *b)
{
	b->nexthops = ids_create(FIRST, LAST);
	b->r = registry_create(b->nexthops);
	assert_non_null(b->nexthops);
	assert_non_null(b->r);
}

void registry_bed_end(struct registry_bed *b)
{
	registry_destroy(b->r);
	ids_destroy(b->nexthops);
}

/* Applies @text. Writes the ids of its sites and tunnels to @out. */
void registry_bed_apply(struct registry_bed *b, const char *text, uint32_t now_s, char *out)
{
	struct network_spec spec = registry_bed_parse(text);
	struct registry_plan plan;
	struct network *net;

	assert_int_equal(registry_plan(b->r, &spec, &plan), 0);
	print(&spec, &plan.ids, out);
	print_retired(&plan.ids, b->retired);
	spec.pools = NULL;
	net = network_create(&spec, &plan.ids);
	assert_non_null(net); /* no id is there twice */
	network_destroy(net);
	registry_commit(b->r, now_s); /* ids are freed although nothing is published */
	network_spec_fini(&spec);
}
