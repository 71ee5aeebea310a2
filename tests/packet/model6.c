/* IPv6 packets under IPv4 names: see model6.h. */
#include "model6.h"

#include <setjmp.h>
#include <stdarg.h>

#include <arpa/inet.h>
#include <cmocka.h>

bool model6_is_global(const struct frame *f)
{
	return f->src >> 24 == 11;
}

static void put_address(struct ip6 *to, const char *net, uint32_t last)
{
	assert_int_equal(inet_pton(AF_INET6, net, to), 1);
	for (unsigned i = 0; i < 4; i++)
		to->b[12 + i] = (uint8_t)(last >> (24 - 8 * i));
}

static const char *net_of(uint32_t addr)
{
	switch (addr >> 24) {
	case 10:
		return "fd00::";
	case 11:
		return MODEL6_GLOBAL;
	case 198:
		return MODEL6_OUTER;
	case 192:
		return "2001:db8::";
	default:
		return MODEL6_EGRESS;
	}
}

static uint32_t take_address(const struct ip6 *from)
{
	uint32_t last = IP((uint32_t)from->b[12], (uint32_t)from->b[13], (uint32_t)from->b[14],
			   from->b[15]);
	struct ip6 whole;

	put_address(&whole, net_of(last), last);
	assert_memory_equal(&whole, from, sizeof(whole));
	return last;
}

size_t model6_build(const struct frame *f, uint8_t *bytes)
{
	struct frame six = *f;

	if (f->outer_six) {
		put_address(&six.outer_src6, MODEL6_OUTER, f->outer_src);
		put_address(&six.outer_dst6, MODEL6_OUTER, f->outer_dst);
	}
	if (!f->six)
		return frame_build(&six, bytes);
	put_address(&six.src6, net_of(f->src), f->src);
	put_address(&six.dst6, net_of(f->dst), f->dst);
	if (f->proto == 1) {
		six.proto = 58;
		six.icmp_type = f->icmp_type == 8 ? 128 : 129;
	}
	return frame_build(&six, bytes);
}

bool model6_parse(const uint8_t *bytes, size_t len, struct frame *f, const char **why)
{
	if (!frame_parse(bytes, len, f, why))
		return false;
	if (f->outer_six) {
		f->outer_src = take_address(&f->outer_src6);
		f->outer_dst = take_address(&f->outer_dst6);
	}
	if (f->six) {
		f->src = take_address(&f->src6);
		f->dst = take_address(&f->dst6);
		f->proto = f->proto == 58 ? 1 : f->proto;
	}
	return true;
}
