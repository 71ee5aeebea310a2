/* Which id a site or tunnel keeps through a change, and through a file. */
#include "control/registry.h"

#include "base/types.h"
#include "network/nexthop.h"

#include "network/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { FIRST = 1, LAST = 60, NOW = 1000, TEXT_MAX = 512 };

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

static struct network_spec parse(const char *text)
{
	struct network_spec spec = {.sites = calloc(8, sizeof(struct spec_site))};
	char copy[TEXT_MAX], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&rest, " ")) != NULL && *word != '\0') {
		struct spec_site *site = &spec.sites[spec.n_sites++];
		char *name = strsep(&word, ":"), *tunnel;

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

struct bed {
	struct ids *nexthops;
	struct registry *r;
	char retired[TEXT_MAX];
};

static void begin(struct bed *b)
{
	b->nexthops = ids_create(FIRST, LAST);
	b->r = registry_create(b->nexthops);
	assert_non_null(b->nexthops);
	assert_non_null(b->r);
}

static void end(struct bed *b)
{
	registry_destroy(b->r);
	ids_destroy(b->nexthops);
}

/* Applies @text. Writes the ids of its sites and tunnels to @out. */
static void apply(struct bed *b, const char *text, uint32_t now_s, char *out)
{
	struct network_spec spec = parse(text);
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

/* Runs a census at @now_s: flows have the ids in @sites and @nexthops. */
static void census(struct bed *b, uint32_t now_s, uint16_t site, uint16_t nexthop)
{
	uint64_t sites[IDS_WORDS] = {0}, nexthops[IDS_WORDS] = {0};

	ids_mark(sites, site);
	ids_mark(nexthops, nexthop);
	ids_census_begin(b->nexthops, now_s);
	ids_census_begin(registry_sites(b->r), now_s);
	ids_census_end(b->nexthops, nexthops);
	ids_census_end(registry_sites(b->r), sites);
}

/* clang-format off */
static const struct {
	const char *why, *before, *first, *after, *then, *retired;
} rows[] = {
	{"nothing changes",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", ""},
	{"an interconnect is renamed",
	 "a:a1@%1#100,a2@%1", "a=1:1,2", "a:b2@%1,b1@%1#100", "a=1:2,1", ""},
	{"another VLAN is another tunnel under a new name",
	 "a:a1@%1#100,a2@2", "a=1:1,2", "a:b1@%1#101,a2@2", "a=1:3,2", "1@1>3"},
	{"sites in another order",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "b:b1@3 a:a1@1,a2@2", "b=2:3 a=1:1,2", ""},
	{"tunnels in another order",
	 "a:a1@1,a2@2", "a=1:1,2", "a:a2@2,a1@1", "a=1:2,1", ""},
	{"a site comes, in front of all",
	 "b:b1@3", "b=1:1", "a:a1@1 b:b1@3", "a=2:2 b=1:1", ""},
	{"a site goes: its tunnel has no successor",
	 "a:a1@1 b:b1@3", "a=1:1 b=2:2", "b:b1@3", "b=2:2", "1@0>0"},
	{"a tunnel goes: the site's first one takes its flows",
	 "a:a1@1,a2@2,a3@3", "a=1:1,2,3", "a:a3@3,a1@1", "a=1:3,1", "2@1>3"},
	{"the first tunnel goes",
	 "a:a1@1,a2@2", "a=1:1,2", "a:a2@2", "a=1:2", "1@1>2"},
	{"a site loses all its tunnels",
	 "a:a1@1", "a=1:1", "a:", "a=1", "1@1>0"},
	{"a tunnel is renamed",
	 "a:a1@1,a2@2", "a=1:1,2", "a:x@1,a2@2", "a=1:1,2", ""},
	{"a site is renamed",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "c:a1@1,a2@2 b:b1@3", "c=1:1,2 b=2:3", ""},
	{"both are",
	 "a:a1@1", "a=1:1", "c:c1@1", "c=1:1", ""},
	{"another key is another tunnel under a new name",
	 "a:a1@1#7", "a=1:1", "a:x@1#8", "a=1:2", "1@1>2"},
	{"a key of 0 is not none",
	 "a:a1@1#0", "a=1:1", "a:x@1", "a=1:2", "1@1>2"},
	{"so over IPv6",
	 "a:a1@~1", "a=1:1", "a:x@~1", "a=1:1", ""},
	{"another far end, the same name",
	 "a:a1@1", "a=1:1", "a:a1@9", "a=1:1", ""},
	{"two swap their names: each keeps its own, as they are asked for by name",
	 "a:a1@1,a2@2", "a=1:1,2", "a:a2@1,a1@2", "a=1:2,1", ""},
	{"a tunnel moves to another site: flows of the first must not come to the second",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "a:a1@1 b:b1@3,a2@2", "a=1:1 b=2:3,4", "2@1>1"},
	{"so under a new name",
	 "a:a1@1,a2@2 b:b1@3", "a=1:1,2 b=2:3", "a:a1@1 b:b1@3,x@2", "a=1:1 b=2:3,4", "2@1>1"},
	{"two sites swap their names",
	 "a:a1@1 b:b1@3", "a=1:1 b=2:2", "b:a1@1 a:b1@3", "b=2:3 a=1:4", "1@1>4 2@2>3"},
	{"everything goes",
	 "a:a1@1 b:b1@3", "a=1:1 b=2:2", "", "", "1@0>0 2@0>0"},
};
/* clang-format on */

static void test_changes(void **state)
{
	char first[TEXT_MAX], then[TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bed b;

		begin(&b);
		apply(&b, rows[i].before, NOW, first);
		if (strcmp(first, rows[i].first) != 0)
			fail_msg("%s: first %s", rows[i].why, first);
		apply(&b, rows[i].after, NOW, then);
		if (strcmp(then, rows[i].then) != 0)
			fail_msg("%s: then %s", rows[i].why, then);
		if (strcmp(b.retired, rows[i].retired) != 0)
			fail_msg("%s: retired %s", rows[i].why, b.retired);
		end(&b);
	}
}

/*
 * A site that is removed and comes back gets another id, as long as a flow may have the first one.
 */
static void test_comes_back(void **state)
{
	const uint32_t rested = NOW + REGISTRY_REST_S;
	char text[TEXT_MAX];
	struct bed b;

	begin(&b);
	apply(&b, "a:a1@1 b:b1@3", NOW, text);
	apply(&b, "b:b1@3", NOW, text);
	apply(&b, "a:a1@1 b:b1@3", NOW, text);
	assert_string_equal(text, "a=3:3 b=2:2");
	assert_string_equal(b.retired, "1@0>0"); /* it is not related to the new a */

	census(&b, rested - 1, 0, 0); /* too early */
	apply(&b, "a:a1@1 b:b1@3 c:c1@4", NOW, text);
	assert_string_equal(text, "a=3:3 b=2:2 c=4:4");
	census(&b, rested, 1, 0); /* a flow has the site's id, none has the tunnel's */
	assert_int_equal(ids_state(registry_sites(b.r), 1), IDS_RETIRED);
	assert_int_equal(ids_state(b.nexthops, 1), IDS_FREE);
	apply(&b, "a:a1@1 b:b1@3 d:d1@5", rested, text);
	assert_string_equal(text, "a=3:3 b=2:2 d=5:1");
	assert_string_equal(b.retired, "4@0>0"); /* id 1 has an owner again */
	census(&b, rested, 0, 0);
	apply(&b, "e:e1@6", rested, text);
	assert_string_equal(text, "e=1:5");
	end(&b);
}

/*
 * A tunnel is removed, then its site. Another site gets the site's id before the tunnel's id is
 * free.
 */
static void test_site_follows(void **state)
{
	const uint32_t rested = NOW + REGISTRY_REST_S;
	char text[TEXT_MAX];
	struct bed b;

	begin(&b);
	apply(&b, "a:a1@1,a2@2", NOW, text);
	apply(&b, "a:a1@1", NOW, text);
	assert_string_equal(b.retired, "2@1>1");
	apply(&b, "b:b1@3", NOW, text);
	assert_string_equal(b.retired, "1@0>0 2@0>0");
	census(&b, rested, 0, 2);
	apply(&b, "b:b1@3 c:c1@4", rested, text);
	assert_string_equal(text, "b=2:3 c=1:1");
	assert_string_equal(b.retired, "2@0>0"); /* not of c, which has the id of its site now */
	end(&b);
}

/* A plan that is given up leaves no trace. */
static void test_abort(void **state)
{
	struct network_spec two = parse("a:a1@1 c:c1@4,c2@5"), many = parse("z:z1@8");
	char text[TEXT_MAX];
	struct registry_plan plan;
	struct bed b;
	size_t n_free;

	begin(&b);
	apply(&b, "a:a1@1 b:b1@3", NOW, text);
	n_free = ids_n_free(b.nexthops);
	assert_int_equal(registry_plan(b.r, &two, &plan), 0);
	assert_int_equal(plan.n_new_sites, 1);
	assert_int_equal(plan.new_sites[0], 3);
	assert_int_equal(plan.n_new_tunnels, 2);
	assert_int_equal(plan.new_tunnels[0], 3);
	assert_int_equal(plan.new_tunnels[1], 4);
	registry_abort(b.r);
	assert_int_equal(ids_n_free(b.nexthops), n_free);
	apply(&b, "a:a1@1 b:b1@3 c:c1@4", NOW, text);
	assert_string_equal(text, "a=1:1 b=2:2 c=3:3");
	assert_string_equal(b.retired, "");

	while (ids_take(b.nexthops) != IDS_NONE) /* neighbours have all other ids */
		;
	assert_int_equal(registry_plan(b.r, &many, &plan), -ENOSPC);
	assert_int_equal(ids_state(registry_sites(b.r), 4), IDS_FREE);
	apply(&b, "b:b1@3 a:a1@1 c:c1@4", NOW, text);
	assert_string_equal(text, "b=2:2 a=1:1 c=3:3");
	end(&b);
	network_spec_fini(&two);
	network_spec_fini(&many);
}

/* A network has no tunnel with an id above SPEC_TUNNELS_MAX, a neighbour may have one. */
static void test_last_ids_are_neighbours(void **state)
{
	struct network_spec one = parse("a:a1@1");
	struct registry_plan plan;
	struct bed b = {.nexthops = ids_create(SPEC_TUNNELS_MAX + 1, SPEC_TUNNELS_MAX + 3)};

	b.r = registry_create(b.nexthops);
	assert_non_null(b.r);
	assert_int_equal(registry_plan(b.r, &one, &plan), -ENOSPC);
	assert_int_equal(ids_n_free(b.nexthops), 3);
	assert_int_equal(ids_take(b.nexthops), SPEC_TUNNELS_MAX + 1);
	end(&b);
	network_spec_fini(&one);
}

/* --- the file --------------------------------------------------------------------------------- */

static char path[64];

static int make_folder(void **state)
{
	char folder[] = "/tmp/registry-XXXXXX";

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/identities", folder);
	return 0;
}

static int remove_folder(void **state)
{
	unlink(path);
	*strrchr(path, '/') = '\0';
	return rmdir(path);
}

static void write_text(const char *text, size_t len)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	fclose(out);
}

/* A change of what is not in the file needs no other file. */
static void test_saved(void **state)
{
	static const char *const others[] = {
		"a:a1@1,a2@2#5 b:b1@3", "a:a1@1,a2@2#5 c:b1@3", "a:a1@1,a3@2#5 b:b1@3",
		"a:a1@1,a2@2#6 b:b1@3", "a:a1@1,a2@2 b:b1@3",	"a:a1@4,a2@2#5 b:b1@3",
		"b:b1@3 a:a1@1,a2@2#5", "a:a1@1,a2@2#5",
	};
	char text[TEXT_MAX];
	struct bed b;

	begin(&b);
	apply(&b, others[0], NOW, text);
	assert_false(registry_is_saved(b.r));
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		apply(&b, others[0], NOW, text);
		assert_int_equal(registry_save(b.r, path), 0);
		apply(&b, others[i], NOW, text);
		assert_int_equal(registry_is_saved(b.r), i == 0);
	}
	apply(&b, others[0], NOW, text); /* the file has not what came before */
	assert_false(registry_is_saved(b.r));
	end(&b);
}

static void test_restart(void **state)
{
	char text[TEXT_MAX];
	struct bed b;
	unsigned line;

	begin(&b);
	assert_int_equal(registry_load(b.r, path, &line), -ENOENT);
	apply(&b, "a:a1@1,a2@~2 b:b1@3#7 c:", NOW, text);
	apply(&b, "b:b1@3#7 a:a2@~2 d:d1@1#4294967", NOW, text);
	assert_string_equal(text, "b=2:3 a=1:2 d=4:4");
	assert_int_equal(registry_save(b.r, path), 0);
	assert_int_equal(registry_save(b.r, path), 0); /* over the existing file */
	end(&b);

	begin(&b);
	assert_int_equal(registry_load(b.r, path, &line), 0);
	apply(&b, "a:x@~2 e:e1@9 c:b1@3#7", NOW, text); /* the tunnel was renamed in the meantime */
	assert_string_equal(text, "a=1:2 e=3:1 c=2:3");
	assert_string_equal(b.retired, ""); /* no flow can have it since the start */
	assert_int_equal(ids_n_retired(b.nexthops), 0);
	assert_int_equal(ids_state(b.nexthops, 4), IDS_FREE);
	end(&b);
}

/* clang-format off */
#define HEAD "homeward-identities 1\n"
#define T1 "tunnel 7 192.0.2.1 198.51.100.1 - t1\n"
static const struct {
	const char *why, *text;
	unsigned line;
} damages[] = {
	{"nothing", "", 1},
	{"another version", "homeward-identities 2\nend 0\n", 1},
	{"no end", HEAD "site 1 a\n", 2},
	{"cut off in the last line", HEAD "site 1 a\nend 1", 3},
	{"a line is missing", HEAD "site 1 a\nend 2\n", 3},
	{"more after the end", HEAD "end 0\nsite 1 a\n", 3},
	{"two ends", HEAD "end 0\nend 0\n", 3},
	{"another word", HEAD "port 1 a\nend 1\n", 2},
	{"an empty line", HEAD "\nend 0\n", 2},
	{"a site without a name", HEAD "site 1\nend 1\n", 2},
	{"two words for a name", HEAD "site 1 a b\nend 1\n", 2},
	{"two spaces", HEAD "site  1 a\nend 1\n", 2},
	{"a name that none has", HEAD "site 1 a/b\nend 1\n", 2},
	{"site 0", HEAD "site 0 a\nend 1\n", 2},
	{"a negative number", HEAD "site -1 a\nend 1\n", 2},
	{"a zero in front", HEAD "site 01 a\nend 1\n", 2},
	{"too large", HEAD "site 65535 a\nend 1\n", 2},
	{"far too large", HEAD "site 99999999999999999999999 a\nend 1\n", 2},
	{"a number twice", HEAD "site 1 a\nsite 1 b\nend 2\n", 3},
	{"a name twice", HEAD "site 1 a\nsite 2 b\nsite 3 a\nend 3\n", 5},
	{"a tunnel of no site", HEAD T1 "end 1\n", 2},
	{"a tunnel's number twice", HEAD "site 1 a\n" T1 "tunnel 7 192.0.2.1 198.51.100.2 - t2\nend 3\n", 4},
	{"a tunnel's name twice", HEAD "site 1 a\n" T1 "site 2 b\ntunnel 8 192.0.2.1 198.51.100.2 - t1\nend 4\n", 6},
	{"a number that no tunnel can have", HEAD "site 1 a\ntunnel 61 192.0.2.1 198.51.100.1 - t1\nend 2\n", 3},
	{"two families", HEAD "site 1 a\ntunnel 7 192.0.2.1 2001:db8::1 - t1\nend 2\n", 3},
	{"no far end", HEAD "site 1 a\ntunnel 7 192.0.2.1 0.0.0.0 - t1\nend 2\n", 3},
	{"a mapped address", HEAD "site 1 a\ntunnel 7 ::ffff:192.0.2.1 ::ffff:192.0.2.2 - t1\nend 2\n", 3},
	{"a VLAN that none can be", HEAD "site 1 a\ninterconnect 7 192.0.2.0 192.0.2.1 4095 t1\nend 2\n", 3},
	{"an interconnect without a site", HEAD "interconnect 7 192.0.2.0 192.0.2.1 1 t1\nend 1\n", 2},
	{"an interconnect of two families", HEAD "site 1 a\ninterconnect 7 192.0.2.0 fd00::1 1 t1\nend 2\n", 3},
	{"an interconnect without a VLAN", HEAD "site 1 a\ninterconnect 7 192.0.2.0 192.0.2.1 - t1\nend 2\n", 3},
	{"no address", HEAD "site 1 a\ntunnel 7 192.0.2.1 here - t1\nend 2\n", 3},
	{"a key too large", HEAD "site 1 a\ntunnel 7 192.0.2.1 198.51.100.1 4294967296 t1\nend 2\n", 3},
	{"a word too many", HEAD "site 1 a\ntunnel 7 192.0.2.1 198.51.100.1 - t1 x\nend 2\n", 3},
	{"a word too few", HEAD "site 1 a\ntunnel 7 192.0.2.1 198.51.100.1 t1\nend 2\n", 3},
};
/* clang-format on */

static void check_damage(const char *why, const char *text, size_t len, unsigned expected)
{
	char got[TEXT_MAX];
	unsigned line = 0;
	struct bed b;
	int ret;

	write_text(text, len);
	begin(&b);
	ret = registry_load(b.r, path, &line);
	if (ret != -EBADMSG || line != expected)
		fail_msg("%s: %d in line %u", why, ret, line);
	apply(&b, "a:t1@1", NOW, got); /* the registry is empty again */
	if (strcmp(got, "a=1:1") != 0)
		fail_msg("%s: %s", why, got);
	end(&b);
}

static void test_damage(void **state)
{
	static const char nul[] = HEAD "site 1 a\0b\nend 1\n";
	char text[TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(damages); i++)
		check_damage(damages[i].why, damages[i].text, strlen(damages[i].text),
			     damages[i].line);
	check_damage("a NUL", nul, sizeof(nul) - 1, 2);
	memset(text, 'x', sizeof(text));
	memcpy(text, HEAD "site 1 ", strlen(HEAD "site 1 "));
	check_damage("a line without end", text, sizeof(text), 2);
}

/* The daemon's pool of ids is larger than what a tunnel may have. */
static void test_id_of_a_neighbour(void **state)
{
	static const char text[] =
		HEAD "site 1 a\ntunnel 65001 192.0.2.1 198.51.100.1 - t1\nend 2\n";
	struct bed b = {.nexthops = ids_create(1, NEXTHOP_LAST)};
	unsigned line = 0;

	write_text(text, sizeof(text) - 1);
	b.r = registry_create(b.nexthops);
	assert_non_null(b.r);
	assert_int_equal(registry_load(b.r, path, &line), -EBADMSG);
	assert_int_equal(line, 3);
	end(&b);
}

/* A file that is truncated anywhere counts as damaged. */
static void test_cut(void **state)
{
	static const char whole[] =
		HEAD "site 1 a\n" T1 "site 2 b\ntunnel 8 2001:db8::1 2001:db8::2 5 t2\nend 4\n";
	unsigned line;
	struct bed b;

	for (size_t len = 0; len < sizeof(whole); len++) {
		write_text(whole, len);
		begin(&b);
		assert_int_equal(registry_load(b.r, path, &line),
				 len == sizeof(whole) - 1 ? 0 : -EBADMSG);
		end(&b);
	}
}

/* Errors of reading and writing are returned, and the last file stays. */
static void test_unwritable(void **state)
{
	char text[TEXT_MAX], new_path[80];
	unsigned line;
	struct bed b;

	write_text(HEAD "site 9 a\nend 1\n", strlen(HEAD "site 9 a\nend 1\n"));
	snprintf(new_path, sizeof(new_path), "%s.new", path);
	assert_int_equal(mkdir(new_path, 0700), 0); /* a folder in the way of the new file */
	begin(&b);
	apply(&b, "b:b1@1", NOW, text);
	assert_int_equal(registry_save(b.r, path), -EEXIST);
	end(&b);
	assert_int_equal(rmdir(new_path), 0);

	begin(&b);
	assert_int_equal(registry_load(b.r, "/nowhere/identities", &line), -ENOENT);
	assert_int_equal(registry_load(b.r, "/tmp", &line), -EIO);
	assert_int_equal(registry_load(b.r, path, &line), 0);
	apply(&b, "a:", NOW, text);
	assert_string_equal(text, "a=9");
	end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_site_follows),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_last_ids_are_neighbours),
		cmocka_unit_test_setup_teardown(test_saved, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_restart, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_damage, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_id_of_a_neighbour, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_cut, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_unwritable, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
