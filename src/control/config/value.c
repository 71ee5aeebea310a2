/*
 * The types of values: see value.h.
 *
 * It is strict on purpose: some programs read 010 as eight and others as ten, so it is refused.
 */
#include "control/config/value.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* Reads digits of @base at *@text and moves *@text behind them. */
static int take_digits(const char **text, unsigned base, uint64_t *value)
{
	const char *p = *text;
	uint64_t v = 0;

	for (; digit_value(*p) < (int)base; p++) {
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit_value(*p), &v))
			return -EINVAL;
	}
	if (p == *text)
		return -EINVAL;
	*text = p;
	*value = v;
	return 0;
}

static int take_number(const char **text, uint64_t *value)
{
	const char *p = *text;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		*text = p + 2;
		return take_digits(text, 16, value);
	}
	if (p[0] == '0' && isdigit((unsigned char)p[1]))
		return -EINVAL;
	return take_digits(text, 10, value);
}

int value_number(const char *text, uint64_t *value)
{
	uint64_t v;

	if (take_number(&text, &v) < 0 || *text != '\0')
		return -EINVAL;
	*value = v;
	return 0;
}

int value_duration(const char *text, uint64_t *seconds)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'h', 3600}, {'m', 60}, {'s', 1}};
	uint64_t sum = 0, v;
	size_t u = 0;

	if (value_number(text, seconds) == 0)
		return 0;

	while (*text != '\0') {
		if (take_digits(&text, 10, &v) < 0)
			return -EINVAL;
		while (u < ARRAY_SIZE(units) && units[u].unit != *text)
			u++;
		if (u == ARRAY_SIZE(units) || __builtin_mul_overflow(v, units[u].seconds, &v) ||
		    __builtin_add_overflow(sum, v, &sum))
			return -EINVAL;
		u++;
		text++;
	}
	if (u == 0)
		return -EINVAL;
	*seconds = sum;
	return 0;
}

int value_address(const char *text, be32_t *addr)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		return -EINVAL;
	*addr = in.s_addr;
	return 0;
}

int value_address6(const char *text, struct addr6 *addr)
{
	return inet_pton(AF_INET6, text, addr) == 1 ? 0 : -EINVAL;
}

/* The address before the slash, and the length after it, at most @max. */
static int split_prefix(const char *text, char addr[static INET6_ADDRSTRLEN], uint8_t max,
			uint8_t *len)
{
	const char *slash = strchr(text, '/');
	uint64_t value;

	if (slash == NULL || (size_t)(slash - text) >= INET6_ADDRSTRLEN)
		return -EINVAL;
	if (slash[1] == '0' && slash[2] != '\0')
		return -EINVAL; /* 024, 0x18 */
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = '\0';
	if (value_number(slash + 1, &value) < 0 || value > max)
		return -EINVAL;
	*len = (uint8_t)value;
	return 0;
}

int value_prefix(const char *text, struct prefix4 *prefix)
{
	char addr_text[INET6_ADDRSTRLEN];
	uint8_t len;
	be32_t addr;

	if (split_prefix(text, addr_text, 32, &len) < 0 || value_address(addr_text, &addr) < 0)
		return -EINVAL;
	prefix->len = len;
	prefix->addr = addr & htonl(prefix4_mask(prefix->len));
	return prefix->addr == addr ? 0 : -EDOM;
}

int value_prefix6(const char *text, struct prefix6 *prefix)
{
	char addr_text[INET6_ADDRSTRLEN];
	struct addr6 addr;
	uint8_t len;

	if (split_prefix(text, addr_text, 128, &len) < 0 || value_address6(addr_text, &addr) < 0)
		return -EINVAL;
	*prefix = (struct prefix6){addr6_masked(&addr, len), len};
	return addr6_equal(&prefix->addr, &addr) ? 0 : -EDOM;
}

int value_prefix_any(const char *text, struct prefix6 *prefix)
{
	struct prefix4 four;
	struct prefix6 six;
	int rc;

	if (strchr(text, ':') == NULL) {
		rc = value_prefix(text, &four);
		if (rc != -EINVAL)
			*prefix = (struct prefix6){addr6_from_ipv4(four.addr),
						   (uint8_t)(MAPPED_BITS + four.len)};
		return rc;
	}
	rc = value_prefix6(text, &six);
	if (rc != -EINVAL && six.len >= MAPPED_BITS && addr6_is_mapped(&six.addr))
		return -EINVAL;
	if (rc != -EINVAL)
		*prefix = six;
	return rc;
}

int value_mac(const char *text, uint8_t mac[6])
{
	uint8_t bytes[6];

	if (strlen(text) != strlen("00:00:00:00:00:00"))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(bytes); i++, text += 3) {
		int high = digit_value(text[0]), low = digit_value(text[1]);

		if (high > 15 || low > 15 || text[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(mac, bytes, sizeof(bytes));
	return 0;
}

int value_range(const char *text, uint64_t *first, uint64_t *last)
{
	uint64_t a, b;

	if (take_number(&text, &a) < 0)
		return -EINVAL;
	b = a;
	if (*text == '-') {
		text++;
		if (take_number(&text, &b) < 0)
			return -EINVAL;
	}
	if (*text != '\0')
		return -EINVAL;
	*first = a;
	*last = b;
	return 0;
}

bool value_is_pci(const char *text)
{
	static const char form[] = "xxxx:xx:xx.x", digits[] = "0123456789abcdefABCDEF";

	if (strlen(text) != strlen(form))
		return false;
	for (size_t i = 0; form[i] != '\0'; i++)
		if (form[i] == 'x' ? strchr(digits, text[i]) == NULL : text[i] != form[i])
			return false;
	return true;
}

bool value_is_device(const char *text, size_t max)
{
	static const char drivers[] = "net_";

	return value_is_pci(text) ||
	       (strncmp(text, drivers, strlen(drivers)) == 0 && value_is_name(text, max));
}

/* A large file has tens of thousands of names: strspn() would first make this table for each. */
static bool is_of_name(char c)
{
	static const bool allowed[256] = {
		['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true,
		['.'] = true,	      ['_'] = true,	    ['-'] = true,
	};

	return allowed[(unsigned char)c];
}

bool value_is_name(const char *text, size_t max)
{
	size_t len = 0;

	while (len <= max && is_of_name(text[len]))
		len++;
	return len > 0 && len <= max && text[len] == '\0';
}

/* Printable ASCII with none of @but in it, 1 to @max characters. */
static bool is_printable(const char *text, size_t max, const char *but)
{
	size_t len = 0;

	for (; text[len] != '\0'; len++) {
		if (text[len] < 0x20 || text[len] > 0x7e || strchr(but, text[len]) != NULL)
			return false;
	}
	return len > 0 && len <= max;
}

bool value_is_path(const char *text, size_t max)
{
	return is_printable(text, max, ",[]");
}

bool value_is_text(const char *text, size_t max)
{
	return is_printable(text, max, "'\"\\");
}

const char *value_not_unicast(be32_t addr)
{
	static const struct {
		uint32_t addr;
		uint8_t len;
		const char *what;
	} rows[] = {
		{0xffffffff, 32, "the broadcast address"},
		{0xf0000000, 4, "a reserved address"},
		{0xe0000000, 4, "a multicast address"},
		{0x7f000000, 8, "a loopback address"},
		{0x00000000, 8, "an address of \"this network\""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (((ntohl(addr) ^ rows[i].addr) & prefix4_mask(rows[i].len)) == 0)
			return rows[i].what;
	}
	return NULL;
}

const char *value_not_unicast6(const struct addr6 *addr)
{
	const struct addr6 loopback = {{0, htobe64(1)}};

	if (addr6_is_multicast(addr))
		return "a multicast address";
	if (addr6_is_link_local(addr))
		return "a link-local address";
	if (addr6_equal(addr, &loopback))
		return "the loopback address";
	if (addr6_is_zero(addr))
		return "the unspecified address";
	return addr6_is_host(addr) ? NULL : "an IPv4 address in disguise";
}

const char *value_duration_text(uint64_t seconds, char buf[static VALUE_DURATION_SIZE])
{
	unsigned long long h = seconds / 3600;
	unsigned m = (unsigned)(seconds / 60 % 60), s = (unsigned)(seconds % 60);
	int n = 0;

	buf[0] = '\0';
	if (h > 0)
		n += snprintf(buf + n, VALUE_DURATION_SIZE - (size_t)n, "%lluh", h);
	if (m > 0)
		n += snprintf(buf + n, VALUE_DURATION_SIZE - (size_t)n, "%um", m);
	if (s > 0 || n == 0)
		snprintf(buf + n, VALUE_DURATION_SIZE - (size_t)n, "%us", s);
	return buf;
}
