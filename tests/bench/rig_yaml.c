/*
 * The rig's configuration, in the operator's own language: sites that share their addresses, and
 * egress addresses with slices from port 2048 on.
 */
#include "rig.h"

#include <stdio.h>

enum { CAPACITY_MIN = 1024 /* a configuration may not ask for less */ };

static void print_address(FILE *out, uint32_t addr)
{
	fprintf(out, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 255, addr >> 8 & 255, addr & 255);
}

static void print_tunnel(FILE *out, const struct shape *shape, unsigned tunnel)
{
	fprintf(out, "      - {name: t%u, local: 198.51.100.1, remote: ", tunnel);
	print_address(out, shape_remote(tunnel));
	if (shape->is_sealed)
		fputs(", port: underlay, type: ipsec, ipsec: {psk: /none}}\n", out);
	else
		fprintf(out, ", port: underlay, key: %u}\n", tunnel);
}

static void print_sites(FILE *out, const struct shape *shape)
{
	for (unsigned t = 0; t < shape->tunnels; t++) {
		if (t % shape->tunnels_per_site == 0)
			fprintf(out, "  - name: s%u\n    prefixes: [10.0.0.0/8]\n    tunnels:\n",
				t / shape->tunnels_per_site);
		print_tunnel(out, shape, t);
	}
}

/* The site of private servers, and the route to it. */
static void print_private(FILE *out)
{
	fputs("  - name: dc\n    prefixes: [8.8.0.0/16]\n    tunnels:\n"
	      "      - {name: dc, type: interconnect, port: uplink, address: 192.0.0.0, peer: "
	      "192.0.0.1}\n"
	      "networks:\n  - name: default\n    routes:\n"
	      "      - {prefix: 8.8.0.0/16, to: [{site: dc}]}\n",
	      out);
}

char *rig_yaml(uint32_t capacity, const struct rig_egress *egress, const struct shape *shape)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		rig_fail("no memory");
	if (capacity < CAPACITY_MIN)
		capacity = CAPACITY_MIN;
	fprintf(out,
		"flows: {capacity: %u, limits: {new-flows-per-second: 100000000}}\nports:\n"
		"  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}\n"
		"  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}\n"
		"sites:\n",
		capacity);
	print_sites(out, shape);
	if (shape->is_private)
		print_private(out);
	fprintf(out,
		"egress:\n  - name: internet\n    port: %s\n    slice-size: %u\n    "
		"addresses:\n",
		shape->is_private ? "underlay" : "uplink", egress->slice_size);
	for (unsigned a = 0; a < egress->addresses; a++) {
		/* from port 2048 on */
		unsigned first = 2048 / egress->slice_size;

		fprintf(out, "      - {address: 203.0.113.%u, slices: [%u-%u]}\n", a + 1, first,
			first + egress->slices - 1);
	}
	fclose(out);
	return text;
}
