/* The shape of a network: see shape.h. */
#include "shape.h"

#include "../packet/frame.h"
#include "rig.h"

enum {
	HOSTS = 4000,
	FIRST_PORT = 10000,
	FIRST_NET =
		16, /* routes begin with the bytes from here on: no special address among them */
	NETS = 80,
};

const struct shape shape_usual = {.tunnels = RIG_SITES, .tunnels_per_site = 1, .servers = 4096};

uint32_t shape_remote(unsigned tunnel)
{
	return IP(192, 0, 2, 1) + tunnel;
}

/* Number of the flow among those of its site. */
static uint32_t number(const struct shape *s, uint32_t flow)
{
	return flow / s->tunnels * s->tunnels_per_site + flow % s->tunnels_per_site;
}

uint32_t shape_src(const struct shape *s, uint32_t flow)
{
	return IP(10, 0, 0, 1) + number(s, flow) % HOSTS;
}

uint16_t shape_sport(const struct shape *s, uint32_t flow)
{
	return (uint16_t)(FIRST_PORT + number(s, flow) / HOSTS);
}

uint32_t shape_dst(const struct shape *s, uint32_t flow)
{
	uint32_t server = (flow * UINT32_C(0x9e3779b1) >> 8) / ((1 << 24) / s->servers);

	uint64_t routes = s->routes + s->vnet_routes;

	if (routes == 0)
		return IP(8, 8, 0, 0) + server;
	return ntohl(shape_route((unsigned)(server * routes / s->servers)).addr) + 1;
}

/* On the Internet three of five routes have 24 bits, and the others are spread over 16 to 23. */
struct prefix4 shape_route(unsigned i)
{
	uint64_t z = (i + 1) * UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
	uint32_t addr, len;

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	len = z >> 32 & 7 ? 16 + (uint32_t)(z >> 35) % 14 : 24;
	len = len < 24 ? len : 24;
	addr = (FIRST_NET + (uint32_t)(z >> 56) % NETS) << 24 | ((uint32_t)z & 0xffffff);
	return (struct prefix4){htonl(addr & ~UINT32_C(0) << (32 - len)), (uint8_t)len};
}
