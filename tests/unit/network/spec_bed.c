/* A small specification: see spec_bed.h. */
#include "spec_bed.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct prefix4 berlin_prefixes[2] = {{ADDR(10, 0, 1, 0), 24}, {ADDR(172, 16, 0, 0), 12}};

static struct spec_tunnel berlin_tunnels[3] = {
	{.name = "b1",
	 .local = MAPPED(ADDR(198, 51, 100, 1)),
	 .remote = MAPPED(ADDR(198, 51, 100, 10)),
	 .address = MAPPED(ADDR(10, 255, 0, 1)),
	 .mtu = 1476,
	 .port = 3},
	{.name = "b2",
	 .local = MAPPED(ADDR(198, 51, 100, 1)),
	 .remote = MAPPED(ADDR(198, 51, 100, 10)),
	 .has_key = true,
	 .key = 0,
	 .mtu = 1472},
	{.name = "b3",
	 .local = MAPPED(ADDR(198, 51, 100, 1)),
	 .remote = MAPPED(ADDR(198, 51, 100, 10)),
	 .has_key = true,
	 .key = 7,
	 .mtu = 1472},
};
static struct spec_tunnel madrid_tunnels[1] = {
	{.name = "m1",
	 .local = MAPPED(ADDR(198, 51, 100, 2)),
	 .remote = MAPPED(ADDR(198, 51, 100, 20)),
	 .has_key = true,
	 .key = 7,
	 .mtu = 576},
};
static struct spec_site sites[3] = {
	{.name = "berlin",
	 .prefixes = berlin_prefixes,
	 .n_prefixes = 2,
	 .tunnels = berlin_tunnels,
	 .n_tunnels = 3},
	{.name = "madrid", .tunnels = madrid_tunnels, .n_tunnels = 1},
	{.name = "tokyo"},
};
static struct spec_address wide[2] = {
	{.addr = MAPPED(ADDR(203, 0, 113, 1)), .slices = {UINT64_C(1) << 1 | UINT64_C(1) << 31}},
	{.addr = MAPPED(ADDR(203, 0, 113, 2)), .slices = {UINT64_C(1) << 5}},
};
static struct spec_address narrow[1] = {
	{.addr = MAPPED(ADDR(203, 0, 113, 3)), .slices = {[15] = UINT64_C(1) << 63}},
};
static struct spec_pool pools[2] = {
	{.name = "wide", .port = 1, .slice_size = 2048, .addresses = wide, .n_addresses = 2},
	{.name = "narrow", .port = 2, .slice_size = 64, .addresses = narrow, .n_addresses = 1},
};
const struct network_spec bed_spec = {.sites = sites, .n_sites = 3, .pools = pools, .n_pools = 2};

be32_t bed_ip(const char *text)
{
	be32_t addr;

	assert_int_equal(inet_pton(AF_INET, text, &addr), 1);
	return addr;
}
