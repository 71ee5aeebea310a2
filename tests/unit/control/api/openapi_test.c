/*
 * The description of the API as linters and client generators require it: every operation has a
 * unique name, a summary and its errors; every reference has a definition, and every definition is
 * used. server_test.c checks that answers match their description.
 */
#include "base/types.h"
#include "control/api/handlers.h"
#include "control/api/route.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PATH_SIZE = 256 };

static json_t *doc;

/* The value at @path, "/"-separated; fails if it is not there. */
static json_t *at(const char *path)
{
	char copy[PATH_SIZE], *rest = copy, *word;
	json_t *value = doc;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((word = strsep(&rest, "/")) != NULL)
		value = json_object_get(value, word);
	if (value == NULL)
		fail_msg("there is no %s", path);
	return value;
}

/* Is @value a text that is not empty? */
static bool says(const json_t *value)
{
	return json_is_string(value) && json_string_length(value) > 2;
}

static void test_head(void **state)
{
	assert_string_equal(json_string_value(at("openapi")), "3.1.0");
	assert_true(says(at("info/title")));
	assert_true(says(at("info/version")));
	assert_true(says(at("info/description")));
	assert_true(says(at("info/license/name")));
	assert_string_equal(json_string_value(at("info/license/identifier")), "BSD-3-Clause");
	assert_int_equal(json_array_size(at("servers")), 1);
	assert_true(json_is_array(at("security"))); /* stated explicitly */
	assert_int_equal(json_array_size(at("security")), 0);
}

static void check_parameters(const char *path, const json_t *list)
{
	json_t *parameter;
	size_t i;

	json_array_foreach(list, i, parameter)
	{
		if (!says(json_object_get(parameter, "name")) ||
		    !says(json_object_get(parameter, "description")) ||
		    json_object_get(json_object_get(parameter, "schema"), "type") == NULL)
			fail_msg("%s: parameter %zu lacks name, description or type", path, i);
	}
}

/* Checks each path. */
static json_t *operation(const json_t *item)
{
	json_t *get = json_object_get(item, "get"), *post = json_object_get(item, "post");

	assert_true((get == NULL) != (post == NULL));
	return get != NULL ? get : post;
}

static void test_operations(void **state)
{
	json_t *ids = json_object(), *item;
	const char *path;

	json_object_foreach(at("paths"), path, item)
	{
		json_t *get = operation(item);
		json_t *replies = json_object_get(get, "responses");
		const char *id = json_string_value(json_object_get(get, "operationId"));

		if (id == NULL || strspn(id, "abcdefghijklmnopqrstuvwxyz_") != strlen(id))
			fail_msg("%s has no operationId that is a word of any language", path);
		if (json_object_get(ids, id) != NULL)
			fail_msg("%s shares its operationId %s", path, id);
		json_object_set_new(ids, id, json_true());
		if (!says(json_object_get(get, "summary")))
			fail_msg("%s has no summary", path);
		if (json_object_get(replies, "200") == NULL ||
		    json_object_get(replies, "400") == NULL ||
		    json_object_get(replies, "default") == NULL)
			fail_msg("%s lacks an answer", path);
		check_parameters(path, json_object_get(get, "parameters"));
	}
	assert_non_null(json_object_get(ids, "get_tunnels_unknown"));
	assert_non_null(json_object_get(ids, "post_config_apply"));
	item = operation(json_object_get(at("paths"), "/v1/config/apply"));
	assert_non_null(json_object_get(item, "requestBody"));
	json_decref(ids);
}

/* Routes with a name in their path describe the error "not found"; others do not. */
static void test_not_found(void **state)
{
	static const struct {
		const char *path;
		bool may;
	} rows[] = {
		{"/v1/flows", true},	 {"/v1/tunnels", true}, {"/v1/status", false},
		{"/v1/sites", false},	 {"/v1/drops", false},	{"/v1/egress", false},
		{"/v1/tunnels/unknown"}, {"/v1/openapi.json"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *get = json_object_get(json_object_get(at("paths"), rows[i].path), "get");
		json_t *replies = json_object_get(get, "responses");

		assert_non_null(replies);
		assert_int_equal(json_object_get(replies, "404") != NULL, rows[i].may);
	}
}

/* Every "$ref" in @value must have a definition; @used collects them. */
static void follow_references(json_t *value, json_t *used)
{
	const char *name, *ref = json_string_value(json_object_get(value, "$ref"));
	json_t *item;
	size_t i;

	if (ref != NULL) {
		assert_int_equal(strncmp(ref, "#/", 2), 0);
		at(ref + 2);
		json_object_set_new(used, ref, json_true());
	}
	json_object_foreach(value, name, item) follow_references(item, used);
	json_array_foreach(value, i, item) follow_references(item, used);
}

static void test_components(void **state)
{
	json_t *used = json_object(), *group, *item;
	const char *kind, *name;
	char ref[PATH_SIZE];

	follow_references(doc, used);
	json_object_foreach(at("components"), kind, group)
	{
		json_object_foreach(group, name, item)
		{
			snprintf(ref, sizeof(ref), "#/components/%s/%s", kind, name);
			if (json_object_get(used, ref) == NULL)
				fail_msg("nothing refers to %s", ref);
		}
	}
	assert_true(says(at("components/schemas/error/properties/error/description")));
	json_decref(used);
}

/* The API accepts all values that the description allows: names and numbers. */
static void test_protocol(void **state)
{
	static const struct {
		const char *text;
		bool fits;
	} rows[] = {
		{"tcp", true},	{"udp", true}, {"icmp", true},	{"icmpv6", true}, {"47", true},
		{"gre", false}, {"", false},   {"tcpx", false}, {"1234", false},
	};
	json_t *get = json_object_get(json_object_get(at("paths"), "/v1/flows"), "get");
	json_t *parameter;
	const char *pattern = NULL;
	regex_t regex;
	size_t i;

	json_array_foreach(json_object_get(get, "parameters"), i, parameter)
	{
		json_t *schema = json_object_get(parameter, "schema");

		if (strcmp(json_string_value(json_object_get(parameter, "name")), "protocol") == 0)
			pattern = json_string_value(json_object_get(schema, "pattern"));
	}
	assert_non_null(pattern);
	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		if ((regexec(&regex, rows[i].text, 0, NULL, 0) == 0) != rows[i].fits)
			fail_msg("\"%s\" and %s", rows[i].text, pattern);
	regfree(&regex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),	  cmocka_unit_test(test_operations),
		cmocka_unit_test(test_not_found), cmocka_unit_test(test_components),
		cmocka_unit_test(test_protocol),
	};
	struct api_reply reply = {.status = 200};
	int failed;

	openapi_answer(NULL, &reply);
	doc = reply.body;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(doc);
	return failed;
}
