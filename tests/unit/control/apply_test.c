/*
 * How a change is carried out: the order of its steps, and the state after one of them has failed.
 *
 * Configurations, networks, the registry and the publisher are real. Ports, neighbours, paths,
 * keepalives and workers are fakes that record each call, and fail if a test asks for it.
 */
#include "base/err.h"
#include "base/mono.h"
#include "control/apply.h"
#include "control/config/config.h"
#include "control/health/health.h"
#include "control/keepalive.h"
#include "control/kernel/neighbours.h"
#include "control/kernel/path_mtu.h"
#include "control/port/change.h"
#include "control/publish.h"
#include "control/registry.h"
#include "control/settings.h"
#include "network/nexthop.h"
#include "network/renewal.h"
#include "worker/change_sweep.h"
#include "worker/worker.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <event2/event.h>

enum { WORKERS = 2, TRACE_SIZE = 2048, NEXT_SIZE = 8, PATIENCE_MS = 10000 };

/* The daemon around the code under test. */
static struct {
	char trace[TRACE_SIZE]; /* the steps so far, each with a blank behind it */
	const char *fails; /* the step that fails; NULL: none */
	unsigned when; /* the number of the call that fails; 0: all calls */
	unsigned calls; /* calls of that step so far */
	unsigned networks, nexts, configs; /* that exist */
	bool swept; /* are the sweeps complete? */
	bool followed; /* with which network */
	const struct network *followed_net;
	const struct config *followed_config;
	int result; /* result of the job; 1: it is not done */
	struct event_base *base;
	struct ids *ids;
	struct publisher publisher;
	struct registry *registry;
	struct worker *workers[WORKERS];
	struct apply *apply;
	const struct config *config; /* that runs */
	struct err_list errs;
} bed;

static void note(const char *step)
{
	size_t len = strlen(bed.trace);

	snprintf(bed.trace + len, sizeof(bed.trace) - len, "%s ", step);
}

/* Records the step. True: it has to fail. */
static bool step(const char *name)
{
	note(name);
	if (bed.fails == NULL || strcmp(bed.fails, name) != 0)
		return false;
	bed.calls++;
	return bed.when == 0 || bed.when == bed.calls;
}

static void expect_trace(const char *why, const char *expected)
{
	if (strcmp(bed.trace, expected) != 0)
		fail_msg("%s:\nthese steps: %s\nnot these: %s", why, bed.trace, expected);
	bed.trace[0] = '\0';
}

/* --- who is called ---------------------------------------------------------------------------- */

/* clang-format off */
int __wrap_ports_plan(const struct port_set *set, const struct config *config,
		      struct port_plan *out, struct err_list *errs);
int __wrap_ports_prepare(struct port_set *set, struct port_life *life, const struct config *config,
			 const struct network *net, const struct port_plan *plan,
			 struct err_list *errs);
void __wrap_ports_commit(struct port_set *set, struct port_life *life, const struct config *config,
			 const struct network *net, const struct port_plan *plan);
void __wrap_ports_abort(struct port_set *set, struct port_life *life, const struct port_plan *plan);
int __real_registry_plan(struct registry *r, const struct network_spec *spec,
			 struct registry_plan *out);
int __wrap_registry_plan(struct registry *r, const struct network_spec *spec,
			 struct registry_plan *out);
void __real_registry_commit(struct registry *r, uint32_t now_s);
void __wrap_registry_commit(struct registry *r, uint32_t now_s);
void __real_registry_abort(struct registry *r);
void __wrap_registry_abort(struct registry *r);
int __real_renewal_create(struct renewal *r, const struct network *current,
			  const struct network_spec *wanted);
int __wrap_renewal_create(struct renewal *r, const struct network *current,
			  const struct network_spec *wanted);
struct network *__real_network_create(const struct network_spec *spec,
				      const struct network_ids *ids);
struct network *__wrap_network_create(const struct network_spec *spec,
				      const struct network_ids *ids);
void __real_network_destroy(struct network *net);
void __wrap_network_destroy(struct network *net);
void __real_config_destroy(struct config *config);
void __wrap_config_destroy(struct config *config);
struct nexthops *__wrap_neighbours_prepare(struct neighbours *n, const struct network *net);
void __wrap_neighbours_commit(struct neighbours *n);
void __wrap_neighbours_follow_ports(struct neighbours *n, const struct network *before);
void __wrap_path_mtus_follow(struct path_mtus *p, const struct network *net);
void __wrap_keepalives_follow(struct keepalives *k, const struct network *net);
void __wrap_health_follow(struct health *h, const struct network *net);
struct worker_next *__wrap_worker_create_next(struct worker *w, const struct network *net,
					      const struct worker_heirs *heirs);
void __wrap_worker_destroy_next(struct worker_next *next);
void __wrap_worker_publish(struct worker *w, const struct snapshot *snapshot,
			   struct worker_next *next);
void __wrap_worker_synchronize(struct worker *const *workers, size_t n);
void __wrap_worker_sweep_start(struct worker *w, struct change_sweep *sweep);
bool __wrap_worker_sweep_done(const struct change_sweep *sweep);
/* clang-format on */

int __wrap_ports_plan(const struct port_set *set, const struct config *config,
		      struct port_plan *out, struct err_list *errs)
{
	memset(out, 0, sizeof(*out));
	if (!step("ports_plan"))
		return 0;
	err_add(errs, NULL, 0, 0, "the port needs a restart");
	return -ENOTSUP;
}

int __wrap_ports_prepare(struct port_set *set, struct port_life *life, const struct config *config,
			 const struct network *net, const struct port_plan *plan,
			 struct err_list *errs)
{
	if (!step("ports_prepare"))
		return 0;
	err_add(errs, NULL, 0, 0, "the port does not open");
	return -EBUSY;
}

/* The replaced network is destroyed only after this call. */
void __wrap_ports_commit(struct port_set *set, struct port_life *life, const struct config *config,
			 const struct network *net, const struct port_plan *plan)
{
	note("ports_commit");
	assert_ptr_equal(publisher_current(&bed.publisher)->net, net);
}

void __wrap_ports_abort(struct port_set *set, struct port_life *life, const struct port_plan *plan)
{
	note("ports_abort");
}

int __wrap_registry_plan(struct registry *r, const struct network_spec *spec,
			 struct registry_plan *out)
{
	return step("registry_plan") ? -ENOMEM : __real_registry_plan(r, spec, out);
}

void __wrap_registry_commit(struct registry *r, uint32_t now_s)
{
	note("registry_commit");
	__real_registry_commit(r, now_s);
}

void __wrap_registry_abort(struct registry *r)
{
	note("registry_abort");
	__real_registry_abort(r);
}

int __wrap_renewal_create(struct renewal *r, const struct network *current,
			  const struct network_spec *wanted)
{
	return step("renewal") ? -ENOMEM : __real_renewal_create(r, current, wanted);
}

struct network *__wrap_network_create(const struct network_spec *spec,
				      const struct network_ids *ids)
{
	struct network *net = NULL;

	errno = ENOMEM;
	if (!step("network"))
		net = __real_network_create(spec, ids);
	bed.networks += net != NULL;
	return net;
}

void __wrap_network_destroy(struct network *net)
{
	if (net == NULL)
		return;
	note("-network");
	bed.networks--;
	__real_network_destroy(net);
}

void __wrap_config_destroy(struct config *config)
{
	bed.configs -= config != NULL;
	__real_config_destroy(config);
}

struct nexthops *__wrap_neighbours_prepare(struct neighbours *n, const struct network *net)
{
	return step("nexthops") ? NULL : nexthops_create(&(struct nexthops_spec){0});
}

void __wrap_neighbours_commit(struct neighbours *n)
{
	note("neighbours_commit");
}

void __wrap_neighbours_follow_ports(struct neighbours *n, const struct network *before)
{
	note("programs");
	assert_ptr_not_equal(publisher_current(&bed.publisher)->net, before);
	assert_true(before->max_tunnel > 0); /* it is not destroyed yet */
}

void __wrap_path_mtus_follow(struct path_mtus *p, const struct network *net)
{
	note("paths");
}

void __wrap_health_follow(struct health *h, const struct network *net)
{
	note("health");
}

void __wrap_keepalives_follow(struct keepalives *k, const struct network *net)
{
	note("keepalives");
}

struct worker_next *__wrap_worker_create_next(struct worker *w, const struct network *net,
					      const struct worker_heirs *heirs)
{
	if (step("next"))
		return NULL;
	bed.nexts++;
	return malloc(NEXT_SIZE);
}

void __wrap_worker_destroy_next(struct worker_next *next)
{
	bed.nexts -= next != NULL;
	free(next);
}

void __wrap_worker_publish(struct worker *w, const struct snapshot *snapshot,
			   struct worker_next *next)
{
	note("publish");
	assert_non_null(next);
	assert_non_null(snapshot->nexthops);
	assert_false(bed.followed);
}

void __wrap_worker_synchronize(struct worker *const *workers, size_t n)
{
	note("synchronize");
	assert_int_equal(n, WORKERS);
}

void __wrap_worker_sweep_start(struct worker *w, struct change_sweep *sweep)
{
	note("sweep");
	*sweep = (struct change_sweep){0};
}

bool __wrap_worker_sweep_done(const struct change_sweep *sweep)
{
	return bed.swept;
}

static void follow(void *arg, const struct config *config, const struct network *net)
{
	note("follow");
	bed.followed = true;
	bed.followed_net = net;
	bed.followed_config = config;
}

static void save_identities(void *arg)
{
	note("save");
}

static void job_done(void *arg, int result)
{
	note("done");
	bed.result = result;
}

/* --- the bed ---------------------------------------------------------------------------------- */

#define PORT "ports: [{name: p, driver: memory, next-hop-mac: 02:00:00:00:00:09}]\n"
#define SITE(name, n)                                                                              \
	"  - {name: " name ", tunnels: [{name: t" n ", local: 192.0.2.1, remote: 192.0.2." n "}]}" \
	"\n"
#define POOL(size)                                                                                 \
	"egress: [{name: x, slice-size: " size ", addresses: [{address: 203.0.113.1}]}]\n"
#define BEFORE PORT POOL("2048") "sites:\n" SITE("a", "10") SITE("b", "11")

static const char before[] = BEFORE;
static const char third_site[] = BEFORE SITE("c", "12");
static const char site_removed[] = PORT POOL("2048") "sites:\n" SITE("a", "10");
static const char other_size[] = PORT POOL("1024") "sites:\n" SITE("a", "10") SITE("b", "11");
static const char other_timeout[] = "flows: {timeouts: {udp: 77s}}\n" BEFORE;

static struct config *parse(const char *text)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_parse("test", text, strlen(text), &errs);

	if (config == NULL)
		fail_msg("%s\n%s", errs.errs[0].text, text);
	err_list_fini(&errs);
	bed.configs++;
	return config;
}

static int set_up(void **state)
{
	struct config *config;
	struct settings settings;
	struct apply_parts parts = {.publisher = &bed.publisher,
				    .workers = bed.workers,
				    .n_workers = WORKERS,
				    .follow = follow,
				    .done = save_identities};
	struct registry_plan plan;

	memset(&bed, 0, sizeof(bed));
	config = parse(before);
	settings = settings_of(config);
	bed.base = event_base_new();
	bed.ids = ids_create(1, NEXTHOP_LAST);
	bed.registry = parts.registry = registry_create(bed.ids);
	assert_int_equal(registry_plan(bed.registry, &config->network, &plan), 0);
	publisher_init(&bed.publisher, network_create(&config->network, &plan.ids), &settings, 1);
	registry_commit(bed.registry, 1);
	publisher_serve(&bed.publisher, bed.workers, WORKERS);
	bed.config = config;
	bed.apply = apply_create(bed.base, &parts, config);
	assert_non_null(bed.apply);
	bed.trace[0] = '\0';
	bed.swept = true;
	return 0;
}

static int tear_down(void **state)
{
	publisher_fini(&bed.publisher);
	registry_destroy(bed.registry);
	ids_destroy(bed.ids);
	apply_destroy(bed.apply);
	event_base_free(bed.base);
	err_list_fini(&bed.errs);
	assert_int_equal(bed.networks, 0);
	assert_int_equal(bed.nexts, 0);
	assert_int_equal(bed.configs, 0);
	return 0;
}

/* Begins the change to @text, which runs once the change is done. */
static int begin(const char *text)
{
	struct config *after = parse(text);
	struct difference d;
	int ret;

	err_list_fini(&bed.errs);
	bed.followed = false;
	bed.result = 1;
	bed.calls = 0;
	assert_int_equal(difference_make(&d, bed.config, after), 0);
	ret = apply_target.apply(bed.apply, after, &d, &bed.errs, job_done, NULL);
	difference_fini(&d);
	if (ret == 0)
		bed.config = after;
	else
		config_destroy(after);
	return ret;
}

static void run_ms(unsigned ms)
{
	const struct timeval time = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

	event_base_loopexit(bed.base, &time);
	event_base_dispatch(bed.base);
}

static void settle(void)
{
	uint64_t until_ms = mono_ms() + PATIENCE_MS;

	while (bed.result == 1 && mono_ms() < until_ms)
		event_base_loop(bed.base, EVLOOP_ONCE);
	assert_int_equal(bed.result, 0);
}

#define PREPARED "network next next ports_prepare nexthops "
#define PUBLISHED                                                                                  \
	"publish publish synchronize paths neighbours_commit ports_commit programs keepalives "    \
	"health follow -network "
#define FINISHED "registry_commit save done "

/* --- tests ------------------------------------------------------------------------------------ */

/* Steps that may fail come first. Ids are retired when all flows are swept. */
static void in_order(void **state)
{
	bed.swept = false;
	assert_int_equal(begin(site_removed), 0);
	expect_trace("begun", "ports_plan registry_plan " PREPARED PUBLISHED "sweep sweep ");
	assert_ptr_equal(bed.followed_net, publisher_current(&bed.publisher)->net);
	assert_ptr_equal(bed.followed_config, bed.config);
	assert_int_equal(bed.followed_net->n_sites, 1);
	run_ms(30);
	expect_trace("workers still sweep", "");
	assert_int_equal(ids_n_retired(bed.ids), 0);
	bed.swept = true;
	settle();
	expect_trace("swept", FINISHED);
	assert_int_equal(ids_n_retired(bed.ids), 1);
}

/* Settings concern no flow. */
static void settings_need_no_sweep(void **state)
{
	bed.swept = false;
	assert_int_equal(begin(other_timeout), 0);
	expect_trace("begun", "ports_plan registry_plan " PREPARED PUBLISHED);
	assert_int_equal(bed.result, 1); /* done() is never called before apply() has returned */
	assert_int_equal(publisher_current(&bed.publisher)->settings.timers.state_s[FLOW_UDP], 77);
	settle();
	expect_trace("done", FINISHED);
}

#define BACK "-network registry_abort "

/* clang-format off */
static const struct {
	const char *fails;
	unsigned when;
	const char *text, *trace, *says;
} failures[] = {
	{"ports_plan", 0, third_site, "ports_plan ", "the port needs a restart"},
	{"registry_plan", 0, third_site, "ports_plan registry_plan ", "not enough memory"},
	{"renewal", 0, other_size, "ports_plan renewal ", "not enough memory"},
	{"network", 0, third_site, "ports_plan registry_plan network registry_abort ",
	 "not enough memory"},
	{"next", 1, third_site, "ports_plan registry_plan network next " BACK,
	 "not enough memory"},
	{"next", 2, third_site, "ports_plan registry_plan network next next " BACK,
	 "not enough memory"},
	{"ports_prepare", 0, third_site,
	 "ports_plan registry_plan network next next ports_prepare " BACK,
	 "the port does not open"},
	{"nexthops", 0, third_site,
	 "ports_plan registry_plan " PREPARED "ports_abort " BACK, "not enough memory"},
	{"nexthops", 0, other_size,
	 "ports_plan renewal registry_plan " PREPARED "ports_abort " BACK, "not enough memory"},
};
/* clang-format on */

/*
 * A failed change leaves all as before, with a sentence. The same change succeeds when there is
 * memory.
 */
static void nothing_is_left(void **state)
{
	const struct snapshot was = *publisher_current(&bed.publisher);
	struct ids *sites = registry_sites(bed.registry);
	size_t free_ids = ids_n_free(bed.ids), free_sites = ids_n_free(sites);

	for (size_t i = 0; i < ARRAY_SIZE(failures); i++) {
		bed.fails = failures[i].fails;
		bed.when = failures[i].when;
		assert_true(begin(failures[i].text) < 0);
		expect_trace(failures[i].fails, failures[i].trace);
		assert_int_equal(bed.errs.n, 1);
		if (strstr(bed.errs.errs[0].text, failures[i].says) == NULL)
			fail_msg("%s: %s", failures[i].fails, bed.errs.errs[0].text);
		assert_int_equal(publisher_current(&bed.publisher)->generation, was.generation);
		assert_ptr_equal(publisher_current(&bed.publisher)->net, was.net);
		assert_int_equal(ids_n_free(bed.ids), free_ids);
		assert_int_equal(ids_n_free(sites), free_sites);
		assert_int_equal(bed.networks, 1);
		assert_int_equal(bed.nexts, 0);
		run_ms(5);
		expect_trace("nothing follows", "");
		assert_int_equal(bed.result, 1);
	}
	bed.fails = NULL;
	assert_int_equal(begin(third_site), 0);
	settle();
	assert_int_equal(ids_n_free(bed.ids), free_ids - 1);
	assert_int_equal(publisher_current(&bed.publisher)->net->max_tunnel, 3);
}

/* The address is absent while its flows are swept. Then it comes back with other slices. */
static void renewed(void **state)
{
	bed.swept = false;
	assert_int_equal(begin(other_size), 0);
	expect_trace("begun",
		     "ports_plan renewal registry_plan " PREPARED PUBLISHED "sweep sweep ");
	assert_int_equal(bed.followed_net->n_addresses, 0);
	bed.swept = true;
	bed.followed = false;
	settle();
	expect_trace("renewed", PREPARED PUBLISHED "sweep sweep " FINISHED);
	assert_int_equal(bed.followed_net->n_addresses, 1);
	assert_int_equal(bed.followed_net->slices[0].size, 1024);
}

/* Without memory for the second network the first one stays, and the second one is tried again. */
static void renewed_later(void **state)
{
	bed.fails = "network";
	bed.when = 2;
	assert_int_equal(begin(other_size), 0);
	bed.trace[0] = '\0';
	bed.followed = false;
	run_ms(200);
	expect_trace("no memory", "network ");
	assert_int_equal(bed.result, 1);
	settle();
	expect_trace("a second later", PREPARED PUBLISHED "sweep sweep " FINISHED);
	assert_int_equal(bed.followed_net->n_addresses, 1);
}

/* The daemon stops while workers sweep: nothing leaks (AddressSanitizer watches). */
static void ended_half_way(void **state)
{
	bed.swept = false;
	assert_int_equal(begin(other_size), 0);
	assert_int_equal(bed.result, 1);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(in_order), CASE(settings_need_no_sweep), CASE(nothing_is_left),
		CASE(renewed),	CASE(renewed_later),	      CASE(ended_half_way),
	};

	return cmocka_run_group_tests_name("control/apply", tests, NULL, NULL);
}
