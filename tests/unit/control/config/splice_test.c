/*
 * The short way to read a text, and the long one. Whatever is edited, the short way either gives
 * up, or reads the same configuration as config_parse(): every field, every list, and the places in
 * the file. EDITS=n makes the run longer, EDIT_SEED=n repeats one.
 */
#include "control/config/splice.h"

#include "base/err.h"
#include "base/types.h"
#include "control/config/config.h"
#include "dice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LINES_MAX = 400, LINE_SIZE = 160, TEXT_SIZE = LINES_MAX * LINE_SIZE, EDITS = 20000 };

/* --- are two configurations the same? --------------------------------------------------------- */

static bool same_list(const void *a, size_t n_a, const void *b, size_t n_b, size_t size)
{
	return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * size) == 0);
}

#define SAME_LIST(x, y, list)                                                                      \
	same_list((x)->list, (x)->n_##list, (y)->list, (y)->n_##list, sizeof((x)->list[0]))

/* Without the bytes behind its length. */
static bool same_prefix6(const struct prefix6 *a, const struct prefix6 *b)
{
	return addr6_equal(&a->addr, &b->addr) && a->len == b->len;
}

static bool same_prefixes6(const struct prefix6 *a, size_t n_a, const struct prefix6 *b, size_t n_b)
{
	for (size_t i = 0; i < n_a && n_a == n_b; i++)
		if (!same_prefix6(&a[i], &b[i]))
			return false;
	return n_a == n_b;
}

static bool same_prefixes(const struct spec_site *a, const struct spec_site *b)
{
	if (a->n_prefixes != b->n_prefixes || a->n_aliases != b->n_aliases)
		return false;
	for (size_t i = 0; i < a->n_prefixes; i++)
		if (a->prefixes[i].addr != b->prefixes[i].addr ||
		    a->prefixes[i].len != b->prefixes[i].len)
			return false;
	for (size_t i = 0; i < a->n_aliases; i++)
		if (!same_prefix6(&a->aliases[i].alias, &b->aliases[i].alias) ||
		    !same_prefix6(&a->aliases[i].prefix, &b->aliases[i].prefix))
			return false;
	return same_prefixes6(a->prefixes6, a->n_prefixes6, b->prefixes6, b->n_prefixes6) &&
	       same_prefixes6(a->global_prefixes, a->n_global_prefixes, b->global_prefixes,
			      b->n_global_prefixes);
}

static bool same_site(const struct spec_site *a, const struct spec_site *b)
{
	struct spec_site x = *a, y = *b;

	if (!same_prefixes(a, b) || !SAME_LIST(a, b, tunnels))
		return false;
	x.prefixes = y.prefixes = NULL;
	x.prefixes6 = y.prefixes6 = x.global_prefixes = y.global_prefixes = NULL;
	x.tunnels = y.tunnels = NULL;
	x.aliases = y.aliases = NULL;
	x.n_owners = y.n_owners = NULL;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

static bool same_sites(const struct network_spec *a, const struct network_spec *b)
{
	if (a->n_sites != b->n_sites)
		return false;
	for (size_t i = 0; i < a->n_sites; i++)
		if (!same_site(&a->sites[i], &b->sites[i]))
			return false;
	return true;
}

static bool same_pools(const struct network_spec *a, const struct network_spec *b)
{
	if (a->n_pools != b->n_pools)
		return false;
	for (size_t i = 0; i < a->n_pools; i++) {
		struct spec_pool x = a->pools[i], y = b->pools[i];

		if (!SAME_LIST(&x, &y, addresses))
			return false;
		x.addresses = y.addresses = NULL;
		if (memcmp(&x, &y, sizeof(x)) != 0)
			return false;
	}
	return true;
}

/* Virtual networks are never read by the short way. */
static bool same_config(const struct config *a, const struct config *b)
{
	struct config x = *a, y = *b;

	if (!same_sites(&a->network, &b->network) || !same_pools(&a->network, &b->network) ||
	    !SAME_LIST(a, b, ports) || !SAME_LIST(a, b, port_timers) ||
	    strcmp(a->file, b->file) != 0)
		return false;
	x.file = y.file = NULL;
	x.ports = y.ports = NULL;
	x.port_timers = y.port_timers = NULL;
	x.network.sites = y.network.sites = NULL;
	x.network.pools = y.network.pools = NULL;
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* --- texts ------------------------------------------------------------------------------------ */

struct lines {
	char at[LINES_MAX][LINE_SIZE];
	unsigned n;
};

static void add(struct lines *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct lines *l, const char *fmt, ...)
{
	va_list ap;

	if (l->n == LINES_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(l->at[l->n++], LINE_SIZE, fmt, ap);
	va_end(ap);
}

static void add_tunnel(struct lines *l, uint64_t *dice, unsigned i, unsigned k)
{
	switch (dice_roll(dice, 12)) {
	case 0:
		add(l, "      - name: t%u-%u   # by lines", i, k);
		add(l, "        local: 192.0.2.1");
		add(l, "        remote: 192.0.2.%u", i + 2);
		add(l, "        key: %u", k);
		add(l, "        port: lan");
		return;
	case 1:
		add(l,
		    "      - {name: t%u-%u, type: interconnect, port: wan, vlan: %u, address: "
		    "10.9.%u.1, peer: 10.9.%u.2}",
		    i, k, 1 + dice_roll(dice, 4000), i, i);
		return;
	case 2:
		add(l,
		    "      - {name: t%u-%u, local: '2001:db8::1', remote: '2001:db8::%x', key: %u, "
		    "port: lan}",
		    i, k, i + 2, k);
		return;
	default:
		add(l,
		    "      - {name: t%u-%u, local: 192.0.2.1, remote: 192.0.2.%u, key: %u, port: "
		    "%s, mtu: 1400}",
		    i, k, i + 2, k, dice_roll(dice, 4) > 0 ? "lan" : "wan");
	}
}

static void add_site(struct lines *l, uint64_t *dice, unsigned i)
{
	unsigned n = 1 + dice_roll(dice, 3);

	if (dice_roll(dice, 6) == 0)
		add(l, "# site %u", i);
	add(l, "  - name: s%u", i);
	if (dice_roll(dice, 3) > 0)
		add(l, "    prefixes: [10.%u.0.0/16, 10.200.%u.0/24]", i, i);
	if (dice_roll(dice, 40) == 0)
		add(l, "    global-prefixes: ['2001:db8:%x::/48']", i + 1);
	if (dice_roll(dice, 40) == 0)
		add(l, "    aliases: [{alias: 172.16.%u.0/24, prefix: 10.200.%u.0/24}]", i, i);
	if (dice_roll(dice, 8) == 0)
		add(l, "    limits: {flows: %u}", 100 + dice_roll(dice, 100));
	add(l, "    tunnels:");
	for (unsigned k = 0; k < n; k++)
		add_tunnel(l, dice, i, k);
	if (dice_roll(dice, 8) == 0)
		add(l, "%s", "");
}

static void make_file(struct lines *l, uint64_t *dice)
{
	bool first = dice_roll(dice, 2) > 0;
	unsigned n = 3 + dice_roll(dice, 12);

	l->n = 0;
	if (dice_roll(dice, 2) > 0)
		add(l, "flows: {capacity: %u}", 1 << (10 + dice_roll(dice, 4)));
	add(l, "ports:");
	add(l, "  - {name: lan, interface: eth0}");
	add(l, "  - {name: wan, interface: eth1}");
	for (unsigned part = 0; part < 2; part++) {
		if ((part == 0) == first) {
			add(l, "egress:");
			add(l, "  - name: internet");
			add(l, "    port: %s", dice_roll(dice, 2) > 0 ? "wan" : "lan");
			add(l, "    addresses:");
			add(l, "      - {address: 203.0.113.10, slices: [1-15]}");
			if (dice_roll(dice, 8) == 0)
				add(l, "      - {address: '2001:db8:ffff::1', slices: [1-15]}");
			continue;
		}
		add(l, "sites:%s", dice_roll(dice, 4) > 0 ? "" : "   # all");
		for (unsigned i = 0; i < n; i++)
			add_site(l, dice, i);
	}
	if (dice_roll(dice, 20) == 0)
		add(l, "networks: [{name: blue}]");
}

static void insert(struct lines *l, unsigned at, const char *line)
{
	char copy[LINE_SIZE];

	if (l->n == LINES_MAX)
		return;
	strcpy(copy, line);
	memmove(l->at[at + 1], l->at[at], (l->n - at) * LINE_SIZE);
	strcpy(l->at[at], copy);
	l->n++;
}

static void cut(struct lines *l, unsigned at, unsigned n)
{
	memmove(l->at[at], l->at[at + n], (l->n - at - n) * LINE_SIZE);
	l->n -= n;
}

/* One character of a line becomes another, comes or goes. */
static void edit_line(char *line, uint64_t *dice)
{
	static const char other[] = "0123456789 -:{},[]#'abst\t|&*";
	size_t len = strlen(line), at = dice_roll(dice, (uint32_t)len + 1);
	char c = other[dice_roll(dice, sizeof(other) - 1)];

	switch (dice_roll(dice, 4)) {
	case 0:
		if (len + 1 < LINE_SIZE) {
			memmove(line + at + 1, line + at, len - at + 1);
			line[at] = c;
		}
		break;
	case 1:
		if (at < len)
			memmove(line + at, line + at + 1, len - at);
		break;
	default: /* most texts shall stay valid */
		at = strcspn(line, "0123456789");
		if (at < len)
			line[at + dice_roll(dice, (uint32_t)strspn(line + at, "0123456789"))] =
				(char)('0' + dice_roll(dice, 10));
	}
}

/* How many lines belong to what begins at @at. */
static unsigned lines_of(const struct lines *l, unsigned at)
{
	size_t indent = strspn(l->at[at], " ");
	unsigned n = 1;

	while (at + n < l->n && strspn(l->at[at + n], " ") > indent)
		n++;
	return n;
}

static void edit(struct lines *l, uint64_t *dice)
{
	static const char *const lines[] = {
		"",
		"# a comment",
		"    tunnels:",
		"  - name: s77",
		"sites:",
		"  # deeper",
		"-",
		"      - {name: t77-0, local: 192.0.2.1, remote: 192.0.2.77, port: lan}",
		("      - {name: t78-0, type: interconnect, port: lan, address: 10.9.9.1, "
		 "peer: 10.9.9.2}"),
	};
	unsigned at = dice_roll(dice, l->n), n = lines_of(l, at);
	char copy[LINE_SIZE];

	switch (dice_roll(dice, 8)) {
	case 0:
		insert(l, at, lines[dice_roll(dice, ARRAY_SIZE(lines))]);
		break;
	case 1:
		if (l->n - n > 10)
			cut(l, at, n);
		break;
	case 2: /* another place */
		strcpy(copy, l->at[at]);
		cut(l, at, 1);
		insert(l, dice_roll(dice, l->n), copy);
		break;
	case 3: /* a site more */
		for (unsigned i = at; i < l->n; i++) {
			if (strncmp(l->at[i], "  - name: s", 11) != 0)
				continue;
			insert(l, i,
			       "      - {name: n1, local: 192.0.2.1, remote: 192.0.3.1, "
			       "port: lan}");
			insert(l, i, "    tunnels:");
			insert(l, i, "  - name: new");
			break;
		}
		break;
	default:
		edit_line(l->at[at], dice);
	}
}

static size_t join(const struct lines *l, char *text)
{
	size_t len = 0;

	for (unsigned i = 0; i < l->n; i++)
		len += (size_t)sprintf(text + len, "%s\n", l->at[i]);
	return len;
}

/* --- the property ----------------------------------------------------------------------------- */

static struct {
	struct lines lines, before_lines;
	char text[TEXT_SIZE], before_text[TEXT_SIZE];
	struct config *before;
	size_t before_len;
	unsigned spliced, valid, refused;
} run;

static struct config *parse(const char *text, size_t len)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_parse("file", text, len, &errs);

	err_list_fini(&errs);
	return config;
}

static void begin_file(uint64_t *dice)
{
	do {
		config_destroy(run.before);
		make_file(&run.lines, dice);
		run.before_len = join(&run.lines, run.before_text);
		run.before = parse(run.before_text, run.before_len);
	} while (run.before == NULL);
	run.before_lines = run.lines;
}

/* Does the short way give up, or give the same? Returns the configuration of the long way. */
static struct config *compare(size_t len)
{
	const struct config_read_before before = {run.before, run.before_text, run.before_len};
	struct config *spliced = config_splice(&before, "file", run.text, len);
	struct config *whole = parse(run.text, len);

	run.valid += whole != NULL;
	run.refused += whole == NULL;
	if (spliced == NULL)
		return whole;
	run.spliced++;
	if (whole == NULL || !same_config(spliced, whole)) {
		printf("--- before\n%.*s--- after\n%.*s", (int)run.before_len, run.before_text,
		       (int)len, run.text);
		fail_msg("%s", whole == NULL ? "a text with errors was read" : "it was misread");
	}
	config_destroy(whole);
	return spliced; /* the next edits begin with what the short way has read */
}

static unsigned long number_of(const char *name, unsigned long fallback)
{
	const char *text = getenv(name);

	return text == NULL ? fallback : strtoul(text, NULL, 10);
}

static void test_edits(void **state)
{
	unsigned long seed = number_of("EDIT_SEED", 1), edits = number_of("EDITS", EDITS);
	uint64_t dice = seed;
	struct config *now;
	size_t len;

	for (unsigned long i = 0; i < edits; i++) {
		if (run.before == NULL || dice_roll(&dice, 40) == 0)
			begin_file(&dice);
		for (unsigned n = 1 + dice_roll(&dice, 2); n > 0; n--)
			edit(&run.lines, &dice);
		len = join(&run.lines, run.text);
		now = compare(len);
		if (now == NULL || dice_roll(&dice, 4) == 0) { /* back */
			config_destroy(now);
			run.lines = run.before_lines;
			continue;
		}
		config_destroy(run.before);
		run.before = now;
		run.before_lines = run.lines;
		run.before_len = len;
		memcpy(run.before_text, run.text, len);
	}
	config_destroy(run.before);
	printf("EDIT_SEED=%lu: %u valid, %u of them by the short way; %u refused\n", seed,
	       run.valid, run.spliced, run.refused);
	assert_true(run.spliced > edits / 10);
	assert_true(run.refused > edits / 10);
}

/* --- what has to do with other sites ---------------------------------------------------------- */

#define HEAD                                                                                       \
	"ports: [{name: lan, interface: eth0}, {name: wan, interface: eth1}, "                     \
	"{name: far, interface: eth2}, {name: own, interface: eth3}]\n"                            \
	"egress:\n"                                                                                \
	"  - {name: e, port: wan, addresses: [{address: 203.0.113.10, slices: [1-15]}]}\n"         \
	"sites:\n"
#define SITE(name, rest) "  - name: " name "\n    tunnels:\n      - {" rest "}\n"
#define TUNNEL(name, key, port)                                                                    \
	"name: " name ", local: 192.0.2.1, remote: 192.0.2.2, port: " port ", key: " key
#define GRE(name, key) TUNNEL(name, key, "lan")
#define LINK(name, place)                                                                          \
	"name: " name ", type: interconnect, address: 10.9.9.1, peer: 10.9.9.2, " place
#define FIRST                                                                                      \
	SITE("a", TUNNEL("a1", "1", "far"))                                                        \
	SITE("b", LINK("b1", "port: lan, vlan: 7"))                                                \
	SITE("b2", LINK("b2", "port: own")) SITE("c", GRE("c1", "2")) SITE("d", GRE("d1", "3"))
#define LAST                                                                                       \
	SITE("w", GRE("w1", "11"))                                                                 \
	SITE("x", GRE("x1", "7")) SITE("y", GRE("y1", "8")) SITE("z", GRE("z1", "9"))
#define FILE_OF(site) HEAD FIRST site LAST

static const struct {
	const char *why;
	const char *site; /* instead of this one */
	bool spliced, valid;
} rows[] = {
	{"another key", SITE("m", GRE("m1", "6")), true, true},
	{"another site", SITE("n", GRE("n1", "6")), true, true},
	{"no site", "", true, true},
	{"two sites", SITE("m", GRE("m1", "5")) SITE("n", GRE("n1", "6")), true, true},
	{"the name of a site in front", SITE("a", GRE("m1", "5")), false, false},
	{"the name of a site behind", SITE("z", GRE("m1", "5")), false, false},
	{"the name of a tunnel", SITE("m", GRE("a1", "5")), false, false},
	{"the ends of a tunnel", SITE("m", GRE("m1", "1")), false, false},
	{"an interconnect", SITE("m", LINK("m1", "port: lan, vlan: 8")), true, true},
	{"the VLAN of another", SITE("m", LINK("m1", "port: lan, vlan: 7")), false, false},
	{"a port that a tunnel uses", SITE("m", LINK("m1", "port: far")), false, false},
	{"an interconnect's own port", SITE("m", TUNNEL("m1", "5", "own")), false, false},
	{"no such port", SITE("m", "name: m1, local: 192.0.2.1, remote: 192.0.2.9, port: la"),
	 false, false},
	{"an egress address",
	 SITE("m", "name: m1, local: 203.0.113.10, remote: 192.0.2.9, port: lan"), false, false},
	{"a global prefix",
	 "  - name: m\n    global-prefixes: ['2001:db8::/48']\n    tunnels:\n"
	 "      - {" GRE("m1", "5") "}\n",
	 false, true},
	{"outside of the list", "    x: 1\n", false, false},
};

static void test_rows(void **state)
{
	static const char old[] = FILE_OF(SITE("m", GRE("m1", "5")));
	char text[2048];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = parse(old, sizeof(old) - 1), *whole, *spliced;
		const struct config_read_before before = {config, old, sizeof(old) - 1};
		size_t len = (size_t)snprintf(text, sizeof(text), "%s%s%s", HEAD FIRST,
					      rows[i].site, LAST);

		assert_non_null(config);
		whole = parse(text, len);
		spliced = config_splice(&before, "file", text, len);
		if ((spliced != NULL) != rows[i].spliced || (whole != NULL) != rows[i].valid)
			fail_msg("%s: %sread, %svalid", rows[i].why, spliced == NULL ? "not " : "",
				 whole == NULL ? "in" : "");
		config_destroy(config); /* what is shared stays */
		assert_true(spliced == NULL || same_config(spliced, whole));
		config_destroy(spliced);
		config_destroy(whole);
	}
}

/* Without the global prefix of one site, IPv6 is not forwarded, and another cannot be probed so. */
static void test_last_global_prefix(void **state)
{
	static const char probed[] = "  - name: p\n    tunnels:\n      - {" GRE(
		"p1", "12") ", mtu: 1400, address6: 'fd00::1', health: {target: 'fd00::2'}}\n";
	static const char prefix[] = "    global-prefixes: ['2001:db8::/48']\n";
	char old[2048], now[2048];
	size_t old_len = (size_t)snprintf(old, sizeof(old), "%s%s%s%s", HEAD, probed,
					  FIRST SITE("m", GRE("m1", "5")) LAST, prefix);
	size_t len = (size_t)snprintf(now, sizeof(now), "%s%s%s", HEAD, probed,
				      FIRST SITE("m", GRE("m1", "5")) LAST);
	struct config *config = parse(old, old_len);
	const struct config_read_before before = {config, old, old_len};

	assert_non_null(config);
	assert_null(parse(now, len));
	assert_null(config_splice(&before, "file", now, len));
	config_destroy(config);
}

/* Only simple YAML has sites whose lines say all. */
static void test_not_simple(void **state)
{
	static const char old[] =
		HEAD FIRST "  - name: \"m\\x31\"\n    tunnels: [{" GRE("m1", "5") "}]\n" LAST;
	static const char now[] =
		HEAD FIRST "  - name: \"m\\x31\"\n    tunnels: [{" GRE("m1", "6") "}]\n" LAST;
	struct config *config = parse(old, sizeof(old) - 1);
	const struct config_read_before before = {config, old, sizeof(old) - 1};

	assert_non_null(config);
	assert_null(config_splice(&before, "file", now, sizeof(now) - 1));
	config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_last_global_prefix),
		cmocka_unit_test(test_not_simple),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
