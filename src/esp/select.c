/*
 * Traffic selectors.
 *
 * A list has eight at most, and most SAs have none or 0.0.0.0/0 alone, which control leaves out. So
 * the list is searched from its start.
 *
 * IPv4 addresses are mapped ones, which are within ::/0. So the version is compared, too.
 */
#include "esp/select.h"

#include "base/wire.h"

struct end {
	struct addr6 addr;
	uint16_t port;
};

struct inner {
	struct end src, dst;
	bool six;
	uint8_t protocol;
	bool has_ports;
};

static bool fits(const struct esp_selectors *s, const struct inner *p, const struct end *e)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct esp_selector *at = &s->at[i];
		bool any_port = at->first_port == 0 && at->last_port == UINT16_MAX;

		if (addr6_is_mapped(&at->first) == !p->six &&
		    addr6_compare(&at->first, &e->addr) <= 0 &&
		    addr6_compare(&e->addr, &at->last) <= 0 &&
		    (at->protocol == 0 || at->protocol == p->protocol) &&
		    (any_port ||
		     (p->has_ports && at->first_port <= e->port && e->port <= at->last_port)))
			return true;
	}
	return s->n == 0;
}

static bool read_ipv4(const uint8_t *ip, size_t len, struct inner *p, size_t *header)
{
	if (len < IPV4_LEN)
		return false;
	*header = (size_t)(ip[IPV4_VERSION_IHL] & 0xf) * 4;
	p->src.addr = addr6_from_ipv4(wire_be32(ip + IPV4_SRC));
	p->dst.addr = addr6_from_ipv4(wire_be32(ip + IPV4_DST));
	p->protocol = ip[IPV4_PROTO];
	p->has_ports = (wire_16(ip + IPV4_FRAGMENT) & IPV4_OFFSET) == 0;
	return true;
}

static bool read_ipv6(const uint8_t *ip, size_t len, struct inner *p, size_t *header)
{
	if (len < IPV6_LEN)
		return false;
	*header = IPV6_LEN;
	p->six = true;
	p->src.addr = addr6_read(ip + IPV6_SRC);
	p->dst.addr = addr6_read(ip + IPV6_DST);
	p->protocol = ip[IPV6_NEXT];
	p->has_ports = true;
	return true;
}

enum drop esp_select(const struct esp_spec *spec, const uint8_t *ip, size_t len)
{
	struct inner p = {0};
	size_t header = 0;

	if (!(ip[IPV6_VERSION] >> 4 == 6 ? read_ipv6 : read_ipv4)(ip, len, &p, &header))
		return DROP_ESP_SELECTOR;
	p.has_ports =
		p.has_ports && len >= header + 4 &&
		(p.protocol == PROTO_TCP || p.protocol == PROTO_UDP || p.protocol == PROTO_SCTP);
	if (p.has_ports) {
		p.src.port = wire_16(ip + header);
		p.dst.port = wire_16(ip + header + 2);
	}
	return fits(&spec->remote, &p, &p.src) && fits(&spec->local, &p, &p.dst)
		       ? DROP_NONE
		       : DROP_ESP_SELECTOR;
}
