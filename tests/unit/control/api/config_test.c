/*
 * /v1/config on a real socket, with the change engine and a target that applies everything. Both run
 * in a thread of their own; the test is a client.
 */
#include "change_bed.h"

#include "base/types.h"
#include "control/api/api.h"
#include "fakes.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <jansson.h>

enum { PATH_SIZE = 512, POLL_US = 10000, POLLS_MAX = 500 };

static struct bed *bed;
static struct network *net;
static struct api *api;
static struct worker *workers[] = {&fake_workers[0], &fake_workers[1]};
static pthread_t thread;
static json_t *got; /* the last answer */

static size_t keep(char *data, size_t size, size_t n, void *arg)
{
	char **text = arg;
	size_t old = *text != NULL ? strlen(*text) : 0;

	*text = realloc(*text, old + n + 1);
	memcpy(*text + old, data, n);
	(*text)[old + n] = '\0';
	return n;
}

/* @body NULL: GET. Returns the status; the answer is in @got. */
static long ask(const char *path, const char *body, size_t len)
{
	char url[PATH_SIZE], *text = NULL;
	CURL *curl = curl_easy_init();
	struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
	long status = 0;

	snprintf(url, sizeof(url), "http://localhost/v1/config%s", path);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, bed->runs->api_socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	if (body != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)len);
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &text);
	curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	json_decref(got);
	got = text != NULL ? json_loads(text, 0, NULL) : NULL;
	free(text);
	assert_non_null(got);
	return status;
}

static long post(const char *path, const char *text)
{
	return ask(path, text, strlen(text));
}

static const char *text_of(const char *field)
{
	const char *text = json_string_value(json_object_get(got, field));

	return text != NULL ? text : "";
}

static json_int_t number_of(const char *field)
{
	return json_integer_value(json_object_get(got, field));
}

/* A configuration of this bed with @sites sites. */
static const char *text(unsigned sites)
{
	char more[2 * BED_PATH_SIZE + 64];

	snprintf(more, sizeof(more), "state-directory: %s\napi: {socket: %s/sock}\n",
		 bed->directory, bed->folder);
	return bed_text(sites, more);
}

/* Waits until no change is being applied. */
static void settle(void)
{
	for (int i = 0; i < POLLS_MAX; i++) {
		assert_int_equal(ask("", NULL, 0), 200);
		if (strcmp(text_of("state"), "applying") != 0)
			return;
		usleep(POLL_US);
	}
	fail_msg("it is applied for ever");
}

static void test_checked(void **state)
{
	json_t *first;

	assert_int_equal(post("/check", text(2)), 200);
	assert_int_equal(number_of("sites"), 2);
	assert_int_equal(number_of("tunnels"), 2);
	assert_int_equal(post("/check?file=new.yaml", "ports: 7\nnonsense: 1\n"), 422);
	first = json_array_get(json_object_get(got, "errors"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "file")), "new.yaml");
	assert_int_equal(json_integer_value(json_object_get(first, "line")), 1);
	assert_true(json_integer_value(json_object_get(first, "column")) > 0);
	assert_string_equal(text_of("error"), json_string_value(json_object_get(first, "error")));
	assert_true(json_array_size(json_object_get(got, "errors")) > 2);
	assert_int_equal(post("/check", ""), 422);
	assert_int_equal(post("/check?file=a%0ab", "x"), 422); /* a name with a line break */
	first = json_array_get(json_object_get(got, "errors"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "file")), "a?b");
}

static void test_changed(void **state)
{
	json_t *one;

	assert_int_equal(post("/diff", text(2)), 200);
	assert_int_equal(number_of("added"), 1);
	assert_int_equal(post("/apply?comment=more%20sites", text(2)), 202);
	assert_int_equal(number_of("added"), 1);
	one = json_array_get(json_object_get(got, "changes"), 0);
	assert_non_null(json_object_get(one, "name"));
	settle();
	assert_int_equal(number_of("revision"), 2);
	assert_string_equal(text_of("text"), text(2));
	assert_int_equal(ask("?text=false", NULL, 0), 200);
	assert_null(json_object_get(got, "text"));
	assert_int_equal(ask("/history", NULL, 0), 200);
	one = json_array_get(json_object_get(got, "revisions"), 0);
	assert_string_equal(json_string_value(json_object_get(one, "state")), "running");
	assert_string_equal(json_string_value(json_object_get(one, "comment")), "more sites");
	assert_string_equal(json_string_value(json_object_get(one, "who")), "root");
	assert_int_equal(strlen(json_string_value(json_object_get(one, "time"))),
			 strlen("2026-11-27T12:00:00Z"));
	assert_int_equal(post("/apply", text(2)), 200); /* nothing changes */
	assert_int_equal(json_array_size(json_object_get(got, "changes")), 0);
	assert_int_equal(post("/rollback", ""), 202);
	settle();
	assert_int_equal(number_of("revision"), 3);
	assert_string_equal(text_of("text"), text(1));
}

static void test_confirmed(void **state)
{
	assert_int_equal(post("/confirm", ""), 422);
	assert_string_equal(text_of("error"), "no revision awaits confirmation");
	assert_int_equal(post("/apply?confirm=60", text(2)), 202);
	settle();
	assert_string_equal(text_of("state"), "awaiting confirmation");
	assert_in_range(number_of("confirm_s"), 50, 60);
	assert_string_equal(text_of("who"), "root");
	assert_int_equal(post("/apply", text(3)), 409);
	assert_non_null(strstr(text_of("error"), "awaits confirmation"));
	assert_int_equal(post("/confirm", ""), 200);
	assert_string_equal(text_of("state"), "idle");
}

static void test_refused(void **state)
{
	static const struct {
		const char *path, *body;
		long status;
		const char *says;
	} rows[] = {
		{"/apply", NULL, 405, "POST"},
		{"", "x", 405, "GET"},
		{"/history", "x", 405, "GET"},
		{"/apply?confirm=0", "x", 400, "confirm must be a number from 1 to 86400"},
		{"/apply?confirm=86401", "x", 400, "from 1 to 86400"},
		{"/apply?conform=5", "x", 400, "did you mean confirm?"},
		{"/apply", "x", 422, ""},
		{"/diff", "x", 422, ""},
		{"/rollback?revision=0", "", 400, "from 1"},
		{"/rollback?revision=7", "", 422, "there is no revision 7"},
		{"/rollback", "", 422, "there is no revision before"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *body = rows[i].body;
		long status = ask(rows[i].path, body, body != NULL ? strlen(body) : 0);

		if (status != rows[i].status || strstr(text_of("error"), rows[i].says) == NULL)
			fail_msg("%s: %ld, \"%s\"", rows[i].path, status, text_of("error"));
	}
	assert_int_equal(ask("", NULL, 0), 200);
	assert_int_equal(number_of("revision"), 1);
	assert_string_equal(text_of("text"), text(1));
}

/* A body that is too long; and ten bodies that are too long together. */
static void test_long(void **state)
{
	const size_t len = CONFIG_FILE_MAX + 1, part = 20 << 20;
	char *body = malloc(len);

	memset(body, '#', len);
	body[0] = '\t'; /* no YAML: refused at once */
	assert_int_equal(ask("/check", body, len), 413);
	for (int i = 0; i < 10; i++)
		assert_int_equal(ask("/check", body, part), 422);
	assert_int_equal(ask("/rollback", body, 4097), 413); /* no body is needed there */
	free(body);
}

static void *serve(void *arg)
{
	event_base_dispatch(bed->base);
	return NULL;
}

static int start(void **state)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct api_context ctx = {.workers = workers, .n_workers = FAKE_WORKERS};
	FILE *f;

	if (bed_set_up(state) < 0)
		return -1;
	bed = *state;
	evthread_use_pthreads();
	f = fopen(bed->file, "we");
	assert_non_null(f);
	fputs(text(1), f);
	fclose(f);
	bed_start(bed);
	ctx.config = bed->runs;
	ctx.alarms = bed->alarms;
	ctx.change = bed->change;
	ctx.net = net = network_create(&bed->runs->network, NULL);
	api = api_create(bed->base, &ctx, &errs);
	err_print(&errs, stderr);
	return api == NULL || pthread_create(&thread, NULL, serve, NULL) != 0;
}

static int stop(void **state)
{
	event_base_loopbreak(bed->base);
	pthread_join(thread, NULL);
	api_destroy(api);
	network_destroy(net);
	json_decref(got);
	got = NULL;
	return bed_tear_down(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_checked), TEST(test_changed), TEST(test_confirmed),
		TEST(test_refused), TEST(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
