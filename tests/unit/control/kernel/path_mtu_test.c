/*
 * ICMP errors about our tunnel packets: each row is an embedded packet, the MTU that the error
 * reports, and the tunnel's MTU afterwards. All but the first rows may be forged and change
 * nothing.
 */
#include "base/checksum.h"
#include "base/wire.h"
#include "control/kernel/path_mtu.h"
#include "esp/sa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define LOCAL 0xc0000201 /* 192.0.2.1 */
#define BERLIN 0xc0000212
#define MADRID 0xc0000222
#define LISBON 0xc0000232

enum { T_BERLIN = 1, T_MADRID, T_LISBON, T_MALMO, T_OSLO, T_FARO, QUOTE = 28, QUOTE6 = 48 };

static struct spec_tunnel berlin[] = {{.name = "b", .mtu = 1476}};
static struct spec_tunnel madrid[] = {{.name = "m", .mtu = 1472, .has_key = true, .key = 7}};
static struct spec_tunnel lisbon[] = {{.name = "l", .mtu = 1476, .outer_df = OUTER_DF_CLEAR}};
static struct spec_tunnel malmo[] = {{.name = "o", .mtu = 560, .has_key = true, .key = 9}};
static struct spec_tunnel oslo[] = {{.name = "s", .mtu = 1452, .has_key = true, .key = 5}};
static struct spec_tunnel faro[] = {{.name = "f", .mtu = 1472, .has_key = true, .key = 11}};
static struct prefix6 six[] = {{.len = 64}};
static struct prefix4 four[] = {{.len = 24}};
static struct spec_site sites[] = {
	{.name = "berlin", .tunnels = berlin, .n_tunnels = 1},
	{.name = "madrid", .tunnels = madrid, .n_tunnels = 1, .prefixes6 = six, .n_prefixes6 = 1},
	{.name = "lisbon", .tunnels = lisbon, .n_tunnels = 1},
	{.name = "malmo", .tunnels = malmo, .n_tunnels = 1},
	{.name = "oslo", .tunnels = oslo, .n_tunnels = 1, .prefixes = four, .n_prefixes = 1},
	{.name = "faro",
	 .tunnels = faro,
	 .n_tunnels = 1,
	 .prefixes = four,
	 .n_prefixes = 1,
	 .global_prefixes = six,
	 .n_global_prefixes = 1},
};

struct row {
	const char *why;
	uint32_t src, dst;
	uint16_t flags, type; /* of GRE */
	uint32_t key;
	uint32_t size; /* of the embedded packet */
	uint32_t mtu; /* that the error reports */
	uint16_t tunnel; /* that changes */
	uint16_t inner; /* what fits into it then */
	size_t len; /* of the embedded part; 0: up to the key */
	uint8_t at, value; /* a byte that is changed; at 0: none */
	bool six; /* the outer header is IPv6's: 2001:db8::src to 2001:db8::dst */
};

/* clang-format off */
static const struct row rows[] = {
	{"a smaller path",           LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, T_BERLIN, 1376},
	{"one byte less",            LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1499, T_BERLIN, 1475},
	{"a packet with a key",      LOCAL, MADRID, 0x2000, 0x0800, 7, 1500, 1400, T_MADRID, 1372},
	{"IPv6 inside",              LOCAL, MADRID, 0x2000, 0x86dd, 7, 1500, 1400, T_MADRID, 1372},
	{"never below what every path takes",
				     LOCAL, BERLIN, 0,      0x0800, 0, 1500, 68,   T_BERLIN, 576},
	{"where a site has IPv6, that is 1280",
				     LOCAL, MADRID, 0x2000, 0x0800, 7, 1500, 68,   T_MADRID, 1280},
	{"or has it untranslated alone",
				     LOCAL, BERLIN, 0x2000, 0x0800, 11, 1500, 68,  T_FARO, 1280},
	{"less than the headers",    LOCAL, BERLIN, 0,      0x0800, 0, 1500, 20,   T_BERLIN, 576},
	{"a router that does not say what fits: the next common size",
				     LOCAL, BERLIN, 0,      0x0800, 0, 1500, 0,    T_BERLIN, 1468},
	{"the same of a smaller packet",
				     LOCAL, BERLIN, 0,      0x0800, 0, 1492, 0,    T_BERLIN, 982},

	{"over IPv6",                LOCAL, BERLIN, 0x2000, 0x0800, 5, 1500, 1400, T_OSLO, 1352, .six = true},
	{"over IPv6, never less than its links have (RFC 8201)",
				     LOCAL, BERLIN, 0x2000, 0x0800, 5, 1500, 600,  T_OSLO, 1232, .six = true},
	{"over IPv6, a router that says 0",
				     LOCAL, BERLIN, 0x2000, 0x0800, 5, 1500, 0,    T_OSLO, 1232, .six = true},
	{"over IPv6, it would have fitted",
				     LOCAL, BERLIN, 0x2000, 0x0800, 5, 1300, 1400, .six = true},
	{"over IPv6, larger than any we send",
				     LOCAL, BERLIN, 0x2000, 0x0800, 5, 1501, 1400, .six = true},
	{"over IPv6, a wrong key",   LOCAL, BERLIN, 0x2000, 0x0800, 6, 1500, 1400, .six = true},
	{"over IPv6, without a key", LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .six = true},
	{"over IPv6, to nobody's",   LOCAL, MADRID, 0x2000, 0x0800, 5, 1500, 1400, .six = true},
	{"over IPv6, what the site sent us",
				     BERLIN, LOCAL, 0x2000, 0x0800, 5, 1500, 1400, .six = true},
	{"over IPv6, not GRE",       LOCAL, BERLIN, 0x2000, 0x0800, 5, 1500, 1400, .at = IPV6_NEXT, .value = 44,
	 .six = true},
	{"over IPv6, cut within the key",
				     LOCAL, BERLIN, 0x2000, 0x0800, 5, 1500, 1400, .len = QUOTE6 - 1, .six = true},
	{"the tunnel over IPv6, quoted as IPv4",
				     LOCAL, BERLIN, 0x2000, 0x0800, 5, 1500, 1400},
	{"nobody's address",         0,     0,      0x2000, 0x0800, 5, 1500, 1400},

	{"no news: it fits already", LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1500},
	{"more than we let in",      LOCAL, BERLIN, 0,      0x0800, 0, 1500, 9000},
	{"it would have fitted",     LOCAL, BERLIN, 0,      0x0800, 0, 1300, 1400},
	{"larger than any we send",  LOCAL, BERLIN, 0,      0x0800, 0, 1501, 1400},
	{"a tunnel that is below the floor already",
				     LOCAL, MADRID, 0x2000, 0x0800, 9, 588, 300},
	{"a tunnel whose packets may be cut",
				     LOCAL, LISBON, 0,      0x0800, 0, 1500, 1400},
	{"a wrong key",              LOCAL, MADRID, 0x2000, 0x0800, 8, 1500, 1400},
	{"no key where there is one",LOCAL, MADRID, 0,      0x0800, 0, 1500, 1400},
	{"a key where there is none",LOCAL, BERLIN, 0x2000, 0x0800, 0, 1500, 1400},
	{"a checksum, which we do not send",
				     LOCAL, BERLIN, 0x8000, 0x0800, 0, 1500, 1400},
	{"neither IPv4 nor IPv6 inside",
				     LOCAL, BERLIN, 0,      0x6558, 0, 1500, 1400},
	{"to nobody's tunnel",       LOCAL, 0xc0000299, 0,  0x0800, 0, 1500, 1400},
	{"what the site sent us",    BERLIN, LOCAL, 0,      0x0800, 0, 1500, 1400},
	{"without DF",               LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .at = IPV4_FRAGMENT, .value = 0},
	{"a fragment",               LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .at = IPV4_FRAGMENT + 1, .value = 9},
	{"not GRE",                  LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .at = IPV4_PROTO, .value = 4},
	{"another version of IP",    LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .at = 0xff, .value = 0x65},
	{"a header that is too short",
				     LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .at = 0xff, .value = 0x44},
	{"a header longer than the quote",
				     LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .at = 0xff, .value = 0x4f},
	{"cut within GRE",           LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .len = QUOTE - 1},
	{"cut within IPv4",          LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .len = 19},
	{"one byte",                 LOCAL, BERLIN, 0,      0x0800, 0, 1500, 1400, .len = 1},
};
/* clang-format on */

static struct network *net;
static struct path_mtus *paths;

static struct addr6 outer6(uint32_t last)
{
	uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8};

	wire_put_be32(bytes + 12, htonl(last));
	return addr6_read(bytes);
}

static int set_up(void **state)
{
	const uint32_t remotes[] = {BERLIN, MADRID, LISBON, MADRID};

	for (size_t i = 0; i < ARRAY_SIZE(remotes); i++) {
		sites[i].tunnels[0].local = addr6_from_ipv4(htonl(LOCAL));
		sites[i].tunnels[0].remote = addr6_from_ipv4(htonl(remotes[i]));
	}
	faro[0].local = addr6_from_ipv4(htonl(LOCAL));
	faro[0].remote = addr6_from_ipv4(htonl(BERLIN));
	oslo[0].local = outer6(LOCAL);
	oslo[0].remote = outer6(BERLIN);
	net = network_create(&(struct network_spec){.sites = sites, .n_sites = ARRAY_SIZE(sites)},
			     NULL);
	paths = net == NULL ? NULL : path_mtus_create(net);
	return paths == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	path_mtus_destroy(paths);
	network_destroy(net);
	return 0;
}

static size_t write_ipv4(const struct row *row, uint8_t *quote)
{
	quote[IPV4_VERSION_IHL] = 0x45;
	wire_put_be16(quote + IPV4_LENGTH, htons((uint16_t)row->size));
	wire_put_be16(quote + IPV4_FRAGMENT, htons(IPV4_DF));
	quote[IPV4_TTL] = 60;
	quote[IPV4_PROTO] = PROTO_GRE;
	wire_put_be32(quote + IPV4_SRC, htonl(row->src));
	wire_put_be32(quote + IPV4_DST, htonl(row->dst));
	return IPV4_LEN;
}

static size_t write_ipv6(const struct row *row, uint8_t *quote)
{
	const struct addr6 src = outer6(row->src), dst = outer6(row->dst);

	quote[0] = 0x60;
	wire_put_be16(quote + IPV6_LENGTH, htons((uint16_t)(row->size - IPV6_LEN)));
	quote[IPV6_NEXT] = PROTO_GRE;
	memcpy(quote + IPV6_SRC, &src, sizeof(src));
	memcpy(quote + IPV6_DST, &dst, sizeof(dst));
	return IPV6_LEN;
}

static size_t write_quote(const struct row *row, uint8_t *quote)
{
	uint8_t *gre;

	memset(quote, 0, QUOTE6);
	gre = quote + (row->six ? write_ipv6(row, quote) : write_ipv4(row, quote));
	wire_put_be16(gre, htons(row->flags));
	wire_put_be16(gre + 2, htons(row->type));
	wire_put_be32(gre + 4, htonl(row->key));
	if (row->at != 0)
		quote[row->at == 0xff ? 0 : row->at] = row->value;
	return (size_t)(gre + 8 - quote);
}

static uint16_t learn(const struct row *row, uint64_t now_s)
{
	uint8_t quote[QUOTE6];
	size_t len = write_quote(row, quote);

	len = row->len != 0 ? row->len : len;
	/* at the end of the buffer, so that ASan finds a read beyond it */
	memmove(quote + QUOTE6 - len, quote, len);
	return path_mtu_learn(paths, quote + QUOTE6 - len, len, row->mtu, now_s);
}

static void every_row(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		uint16_t tunnel = learn(row, 100);

		if (tunnel != row->tunnel)
			fail_msg("%s: tunnel %u changed", row->why, tunnel);
		for (uint16_t id = 1; id <= net->n_tunnels; id++) {
			uint16_t expected = id == row->tunnel ? row->inner : net->tunnels[id].mtu;

			if (path_mtu_of(paths, net, id).mtu != expected)
				fail_msg("%s: tunnel %u has %u", row->why, id,
					 path_mtu_of(paths, net, id).mtu);
		}
		path_mtus_age(paths, 100 + PATH_MTU_KEPT_S);
	}
}

/* A learned MTU only decreases until it is forgotten. */
static void down_and_not_up(void **state)
{
	struct row row = rows[0];

	assert_int_equal(learn(&row, 0), T_BERLIN);
	row.mtu = 1450;
	assert_int_equal(learn(&row, 0), TUNNEL_NONE);
	assert_int_equal(path_mtu_of(paths, net, T_BERLIN).mtu, 1376);
	row.mtu = 1300;
	assert_int_equal(learn(&row, 0), T_BERLIN);
	assert_int_equal(path_mtu_of(paths, net, T_BERLIN).mtu, 1276);
	path_mtus_age(paths, PATH_MTU_KEPT_S);
}

/* --- IPsec ------------------------------------------------------------------------------------- */

enum { SPI = 0x12345678, MAX = 128 };

/* clang-format off */
static const struct {
	const char *why;
	bool six, udp, df;
	uint32_t spi, size, mtu;
	uint16_t remote_port;
	unsigned len; /* of the quote; 0: up to the SPI */
	uint16_t inner; /* what fits into the tunnel then; 0: nothing has changed */
} sealed_rows[] = {
	{"protocol 50",             false, false, true, SPI, 1480, 1400, 0, 0, 1326},
	{"in UDP",                  false, true, true, SPI, 1480, 1400, 31000, 0, 1326},
	{"over IPv6",               true, false, true, SPI, 1480, 1400, 0, 0, 1310},
	{"over IPv6 in UDP",        true, true, true, SPI, 1480, 1400, 31000, 0, 1310},
	{"the largest of SHA-512",  false, true, true, SPI, 1508, 1400, 31000, 0, 1326},
	{"an SPI that is not ours", false, false, true, SPI + 1, 1480, 1400, 0, 0, 0},
	{"the same in UDP",         false, true, true, SPI + 1, 1480, 1400, 31000, 0, 0},
	{"another port",            false, true, true, SPI, 1480, 1400, 31001, 0, 0},
	{"the other form",          false, false, true, SPI, 1480, 1400, 31000, 0, 0},
	{"without DF",              false, false, false, SPI, 1480, 1400, 0, 0, 0},
	{"larger than any",         false, false, true, SPI, 1524, 1400, 0, 0, 0},
	{"it would have fitted",    false, false, true, SPI, 1300, 1400, 0, 0, 0},
	{"less than 576",           false, false, true, SPI, 1480, 575, 0, 0, 0},
	{"576",                     false, false, true, SPI, 1480, 576, 0, 0, 576},
	{"a router that does not say what fits", false, false, true, SPI, 1480, 0, 0, 0, 0},
	{"eight bytes of UDP",      false, true, true, SPI, 1480, 1400, 31000, 28, 0},
	{"cut within the SPI",      false, false, true, SPI, 1480, 1400, 0, 23, 0},
};
/* clang-format on */

static struct esp_ends sealed_ends(size_t i)
{
	bool over_ipv6 = sealed_rows[i].six;

	return (struct esp_ends){
		.local = over_ipv6 ? outer6(LOCAL) : addr6_from_ipv4(htonl(LOCAL)),
		.remote = over_ipv6 ? outer6(BERLIN) : addr6_from_ipv4(htonl(BERLIN)),
		/* "the other form": the SA sends in UDP */
		.udp = sealed_rows[i].remote_port != 0,
		.local_port = 4500,
		.remote_port = 31000,
	};
}

static size_t write_sealed(size_t i, uint8_t *quote)
{
	struct row row = {.src = LOCAL, .dst = BERLIN, .size = sealed_rows[i].size};
	uint8_t *at;

	memset(quote, 0, MAX);
	at = quote + (sealed_rows[i].six ? write_ipv6(&row, quote) : write_ipv4(&row, quote));
	quote[sealed_rows[i].six ? IPV6_NEXT : IPV4_PROTO] =
		sealed_rows[i].udp ? PROTO_UDP : PROTO_ESP;
	if (!sealed_rows[i].six && !sealed_rows[i].df)
		wire_put_be16(quote + IPV4_FRAGMENT, 0);
	if (sealed_rows[i].udp) {
		wire_put_be16(at + UDP_SPORT, htons(4500));
		wire_put_be16(at + UDP_DPORT, htons(sealed_rows[i].remote_port));
		at += UDP_LEN;
	}
	wire_put_be32(at, htonl(sealed_rows[i].spi));
	return sealed_rows[i].len != 0 ? sealed_rows[i].len : (size_t)(at + 4 - quote);
}

static void check_sealed(size_t i)
{
	static const uint8_t key[36] = {1};
	struct esp_table *sas = esp_table_create(1);
	struct esp_spec spec = {
		.outbound = true,
		.spi = SPI,
		.tunnel = 1,
		.encryption = ESP_AES_GCM_16,
		.key = key,
		.key_len = sizeof(key),
		.ends = sealed_ends(i),
	};
	struct spec_tunnel tunnel = {.name = "t",
				     .type = TUNNEL_IPSEC,
				     .mtu = 1422,
				     .local = spec.ends.local,
				     .remote = spec.ends.remote};
	struct spec_site site = {.name = "s", .tunnels = &tunnel, .n_tunnels = 1};
	struct network *one =
		network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, NULL);
	struct path_mtus *p = path_mtus_create(one);
	uint8_t quote[MAX];
	size_t len = write_sealed(i, quote);
	uint32_t handle;
	const char *why;

	memmove(quote + MAX - len, quote, len);
	assert_int_equal(path_mtu_learn(p, quote + MAX - len, len, sealed_rows[i].mtu, 1),
			 TUNNEL_NONE); /* no SA is known yet */
	path_mtus_know_sas(p, sas);
	assert_int_equal(esp_add(sas, &spec, &handle, &why), 0);
	path_mtu_learn(p, quote + MAX - len, len, sealed_rows[i].mtu, 1);
	if (path_mtu_of(p, one, 1).mtu != (sealed_rows[i].inner != 0 ? sealed_rows[i].inner : 1422))
		fail_msg("%s: %u", sealed_rows[i].why, path_mtu_of(p, one, 1).mtu);
	path_mtus_destroy(p);
	network_destroy(one);
	esp_table_destroy(sas);
}

static void sealed(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sealed_rows); i++)
		check_sealed(i);
}

/* It is forgotten ten minutes after the last report. */
static void forgotten(void **state)
{
	assert_false(path_mtus_age(paths, 1000));
	assert_int_equal(learn(&rows[0], 1000), T_BERLIN);
	assert_int_equal(learn(&rows[2], 1100), T_MADRID);
	assert_int_equal(learn(&rows[0], 1200), TUNNEL_NONE); /* the same MTU, reported again */
	assert_false(path_mtus_age(paths, 1699));
	assert_true(path_mtus_age(paths, 1700));
	assert_int_equal(path_mtu_of(paths, net, T_MADRID).mtu, 1472);
	assert_false(path_mtus_age(paths, 1799));
	assert_int_equal(path_mtu_of(paths, net, T_BERLIN).mtu, 1376);
	assert_true(path_mtus_age(paths, 1800));
	assert_int_equal(path_mtu_of(paths, net, T_BERLIN).mtu, 1476);
	assert_int_equal(path_mtu_of(NULL, net, T_BERLIN).mtu, 1476);
}

/* clang-format off */
static const struct {
	const char *why;
	uint16_t tunnel, port, route; /* bounds of its outer packets */
	uint32_t path; /* what a router reports; 0: no report */
	uint16_t mtu;
	enum mtu_bound bound;
} lower_rows[] = {
	{"room for all of it",             T_BERLIN, 1500, 0,    0,    1476, MTU_BY_TUNNEL},
	{"more room than that",            T_BERLIN, 9000, 9000, 0,    1476, MTU_BY_TUNNEL},
	{"a byte less in the port",        T_BERLIN, 1499, 0,    0,    1475, MTU_BY_PORT},
	{"a port of 1,450",                T_BERLIN, 1450, 0,    0,    1426, MTU_BY_PORT},
	{"a key takes four bytes more",    T_MADRID, 1450, 0,    0,    1422, MTU_BY_PORT},
	{"over IPv6 with a key, 48",       T_OSLO,   1450, 0,    0,    1402, MTU_BY_PORT},
	{"a tunnel whose packets may be fragmented on the way",
					   T_LISBON, 1400, 0,    0,    1376, MTU_BY_PORT},
	{"a route that names less",        T_BERLIN, 1450, 1400, 0,    1376, MTU_BY_ROUTE},
	{"a route that names more",        T_BERLIN, 1450, 1460, 0,    1426, MTU_BY_PORT},
	{"a route, over IPv6",             T_OSLO,   1500, 1400, 0,    1352, MTU_BY_ROUTE},
	{"a path with less",               T_BERLIN, 1450, 1440, 1400, 1376, MTU_BY_PATH},
	{"a path with more changes nothing",
					   T_BERLIN, 1450, 0,    1460, 1426, MTU_BY_PORT},
	{"a path over IPv6",               T_OSLO,   1450, 0,    1400, 1352, MTU_BY_PATH},
	{"a tunnel of 560 over a port of 576",
					   T_MALMO,  576,  0,    0,    548,  MTU_BY_PORT},
	{"no room for anything",           T_OSLO,   40,   0,    0,    0,    MTU_BY_PORT},
};
/* clang-format on */

/* The smallest of tunnel, port, route and path, and which of them it is. */
static void folded(void **state)
{
	static const struct row said[] = {
		[T_BERLIN] = {.why = "", .src = LOCAL, .dst = BERLIN, .type = 0x0800, .size = 1500},
		[T_OSLO] = {.why = "",
			    .src = LOCAL,
			    .dst = BERLIN,
			    .flags = 0x2000,
			    .type = 0x0800,
			    .key = 5,
			    .size = 1500,
			    .six = true},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lower_rows); i++) {
		uint16_t id = lower_rows[i].tunnel;
		struct tunnel_mtu mtu;

		path_mtus_set_lower(paths, id, lower_rows[i].port, lower_rows[i].route);
		if (lower_rows[i].path != 0) {
			struct row row = said[id];

			row.mtu = lower_rows[i].path;
			learn(&row, 100);
		}
		mtu = path_mtu_of(paths, net, id);
		if (mtu.mtu != lower_rows[i].mtu || mtu.bound != lower_rows[i].bound)
			fail_msg("%s: %u bytes by its %s", lower_rows[i].why, mtu.mtu,
				 mtu_bound_names[mtu.bound]);
		path_mtus_age(paths, 100 + PATH_MTU_KEPT_S);
		path_mtus_set_lower(paths, id, 0, 0);
		assert_int_equal(path_mtu_of(paths, net, id).mtu, net->tunnels[id].mtu);
	}
}

/*
 * What a change does to the MTU that was learned for berlin's tunnel. A row is the tunnel after the
 * change.
 */
/* clang-format off */
static const struct {
	const char *why;
	uint32_t remote;
	uint16_t id; /* of the tunnel in the new network; 0: it is removed */
	uint16_t mtu, port;
	bool has_ipv6;
	uint16_t fits; /* what fits into the tunnel with that id */
} changes[] = {
	{"nothing of it changes",        BERLIN, T_BERLIN, 1476, 0, false, 1176},
	{"its mtu is larger than that",  BERLIN, T_BERLIN, 1400, 0, false, 1176},
	{"its mtu is smaller than that", BERLIN, T_BERLIN, 1000, 0, false, 1000},
	{"its far end moves: another path", LISBON, T_BERLIN, 1476, 0, false, 1476},
	{"it goes by another port",      BERLIN, T_BERLIN, 1476, 1, false, 1476},
	{"it has IPv6, for which that is too small", BERLIN, T_BERLIN, 1476, 0, true, 1476},
	{"it is gone, and another one has its ends", BERLIN, 40000, 1476, 0, false, 1476},
};
/* clang-format on */

static void expect_mtu(const struct network *of, uint16_t id, uint16_t mtu, const char *why)
{
	if (path_mtu_of(paths, of, id).mtu != mtu)
		fail_msg("%s: %u fit, not %u", why, path_mtu_of(paths, of, id).mtu, mtu);
}

/*
 * The MTUs of a new network are known before it is published. If it is given up, nothing is lost.
 */
static void follows_a_change(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct row small = {
			.src = LOCAL, .dst = BERLIN, .type = 0x0800, .size = 1500, .mtu = 1200};
		struct spec_tunnel tunnel = {.name = "b",
					     .local = addr6_from_ipv4(htonl(LOCAL)),
					     .remote = addr6_from_ipv4(htonl(changes[i].remote)),
					     .mtu = changes[i].mtu,
					     .port = changes[i].port};
		struct spec_site site = {.name = "berlin",
					 .tunnels = &tunnel,
					 .n_tunnels = 1,
					 .prefixes6 = six,
					 .n_prefixes6 = changes[i].has_ipv6};
		const uint16_t one = 1;
		const struct network_ids ids = {.sites = &one, .tunnels = &changes[i].id};
		struct network *next =
			network_create(&(struct network_spec){.sites = &site, .n_sites = 1}, &ids);

		assert_non_null(next);
		assert_int_equal(learn(&small, 5), T_BERLIN);
		path_mtus_set_lower(paths, changes[i].id, 9000, 8000);
		expect_mtu(next, changes[i].id, changes[i].fits, changes[i].why);
		expect_mtu(net, T_BERLIN, 1176, changes[i].why);
		path_mtus_follow(paths, next);
		expect_mtu(next, changes[i].id, changes[i].fits, changes[i].why);
		path_mtus_set_lower(paths, changes[i].id, 0, 0);
		path_mtus_follow(paths, net);
		network_destroy(next);
		path_mtus_age(paths, 5 + PATH_MTU_KEPT_S);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(folded),    cmocka_unit_test(every_row),
		cmocka_unit_test(sealed),    cmocka_unit_test(down_and_not_up),
		cmocka_unit_test(forgotten), cmocka_unit_test(follows_a_change),
	};

	return cmocka_run_group_tests_name("path mtu", tests, set_up, tear_down);
}
