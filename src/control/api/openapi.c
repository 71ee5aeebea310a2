/*
 * GET /v1/openapi.json: the API describes itself in OpenAPI 3.1.
 *
 * Everything is derived from the rows of the routes: paths, arguments and fields. So a new route is
 * described as soon as it works. Field paths such as "ports[].name" become nested schemas. All
 * errors have the same form, so they are components that the routes refer to.
 */
#include "base/protocol.h"
#include "control/api/handlers.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { FIELD_NAME_SIZE = 64, OPERATION_ID_SIZE = 64 };

const struct route_field openapi_fields[] = {
	{"openapi", FIELD_STRING, "version of the description's language"},
	{"info", FIELD_OBJECT, "title, version and license"},
	{"servers[].url", FIELD_STRING, "where the paths begin"},
	{"servers[].description", FIELD_STRING, "how to get there"},
	{"security[]", FIELD_OBJECT, "none: every user who may open the socket may ask"},
	{"paths", FIELD_OBJECT, "the routes"},
	{"components", FIELD_OBJECT, "what routes have in common: refusals"},
	{NULL},
};

/* Statuses other than 200 that a route may answer: the rows of components/responses. */
static const struct refusal {
	const char *status;
	const char *name; /* name of the component */
	const char *description;
	bool for_names; /* only for routes with the name of a site or tunnel */
	bool for_changes; /* only for routes that change something */
} refusals[] = {
	{"400", "bad_argument", "an argument is unknown, given twice, or out of range"},
	{"404", "unknown_name", "no site or tunnel has this name", true},
	{"409", "busy", "another change is under way: the error says whose", false, true},
	{"422", "refused", "the text has errors, or no running daemon takes it", false, true},
	{"507", "unsaved", "the configuration cannot be saved, so it is not applied", false, true},
	{"default", "refusal", "anything else: the error says what"},
};

static json_t *field_type(const struct route_field *field)
{
	static const struct {
		const char *type;
		bool or_null;
	} types[] = {
		[FIELD_STRING] = {"string"},   [FIELD_STRING_OR_NULL] = {"string", true},
		[FIELD_INTEGER] = {"integer"}, [FIELD_INTEGER_OR_NULL] = {"integer", true},
		[FIELD_NUMBER] = {"number"},   [FIELD_BOOLEAN] = {"boolean"},
		[FIELD_OBJECT] = {"object"},
	};

	if (types[field->type].or_null)
		return json_pack("[s, s]", types[field->type].type, "null");
	return json_string(types[field->type].type);
}

/* An empty schema of an object. Fields added to it are required unless they are optional. */
static json_t *object_schema(void)
{
	return json_pack("{s:s, s:{}, s:[]}", "type", "object", "properties", "required");
}

/* The schema of property @name of @object; created if it is missing. Borrowed. */
static json_t *property(json_t *object, const char *name, bool optional)
{
	json_t *properties = json_object_get(object, "properties");
	json_t *schema = json_object_get(properties, name);

	if (schema == NULL) {
		schema = json_object();
		json_object_set_new(properties, name, schema);
		if (!optional)
			json_array_append_new(json_object_get(object, "required"),
					      json_string(name));
	}
	return schema;
}

/* Turns the empty @schema into that of a list and returns the schema of its items. Borrowed. */
static json_t *items_of(json_t *schema)
{
	json_t *items = json_object_get(schema, "items");

	if (items == NULL) {
		items = json_object();
		json_object_set_new(schema, "type", json_string("array"));
		json_object_set_new(schema, "items", items);
	}
	return items;
}

static void add_field(json_t *object, const struct route_field *field)
{
	const char *at = field->path;
	json_t *schema;

	for (;;) {
		char name[FIELD_NAME_SIZE];
		size_t len = strcspn(at, ".[");

		assert(len < sizeof(name));
		memcpy(name, at, len);
		name[len] = '\0';
		at += len;
		schema = property(object, name, field->optional);
		if (strncmp(at, "[]", 2) == 0) {
			schema = items_of(schema);
			at += 2;
		}
		if (*at == '\0')
			break;
		at++; /* skips the dot */
		if (json_object_size(schema) == 0) {
			json_t *fresh = object_schema();

			json_object_update(schema, fresh);
			json_decref(fresh);
		}
		object = schema;
	}
	json_object_set_new(schema, "type", field_type(field));
	json_object_set_new(schema, "description", json_string(field->help));
}

static json_t *arg_schema(const struct route_arg *arg)
{
#define NAME_OR(id, name) name "|"
	static const char *const protocol = "^(" PROTOCOL_LIST(NAME_OR) "[0-9]{1,3})$";
#undef NAME_OR

	switch (arg->type) {
	case ARG_NUMBER:
		return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum",
				 (json_int_t)arg->min, "maximum", (json_int_t)arg->max);
	case ARG_FLAG:
		return json_pack("{s:s}", "type", "boolean");
	case ARG_FORMAT:
		return json_pack("{s:s, s:[s, s]}", "type", "string", "enum", "json", "ndjson");
	case ARG_PROTOCOL:
		return json_pack("{s:s, s:s}", "type", "string", "pattern", protocol);
	case ARG_NAME:
	case ARG_PREFIX:
	case ARG_TEXT:
		break;
	}
	return json_pack("{s:s}", "type", "string");
}

static json_t *describe_args(const struct route *route)
{
	json_t *list = json_array();

	for (size_t i = 0; i < route_n_args(route); i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:o}", "name", route->args[i].name,
						"in", "query", "description", route->args[i].help,
						"schema", arg_schema(&route->args[i])));
	return list;
}

static json_t *describe_reply(const char *description, json_t *schema)
{
	return json_pack("{s:s, s:{s:{s:o}}}", "description", description, "content",
			 "application/json", "schema", schema);
}

static json_t *reference(const char *kind, const char *name)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/components/%s/%s", kind, name));
}

static bool takes(const struct route *route, enum arg_type type)
{
	for (size_t i = 0; i < route_n_args(route); i++)
		if (route->args[i].type == type)
			return true;
	return false;
}

/* With format=ndjson the items of the list are lines; OpenAPI 3.1 can only call that a string. */
static void add_lines(json_t *reply)
{
	json_object_set_new(json_object_get(reply, "content"), "application/x-ndjson",
			    json_pack("{s:{s:s, s:s}}", "schema", "type", "string", "description",
				      "one item of the list a line"));
}

static json_t *describe_replies(const struct route *route)
{
	json_t *answer = object_schema(), *replies;

	for (const struct route_field *f = route->fields; f->path != NULL; f++)
		add_field(answer, f);
	replies = json_pack("{s:o}", "200", describe_reply("the answer", answer));
	if (takes(route, ARG_FORMAT))
		add_lines(json_object_get(replies, "200"));
	if (route->fields == config_apply_fields)
		json_object_set_new(
			replies, "202",
			describe_reply(
				"as 200, but it has only begun: /v1/config says how far it is",
				json_deep_copy(answer)));
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		if ((!refusals[i].for_names || takes(route, ARG_NAME)) &&
		    (!refusals[i].for_changes || route->method != ROUTE_GET))
			json_object_set_new(replies, refusals[i].status,
					    reference("responses", refusals[i].name));
	return replies;
}

static const char *method_word(const struct route *route)
{
	return route->method == ROUTE_GET ? "get" : "post";
}

/* "get_tunnels_unknown" for GET "/v1/tunnels/unknown": names functions of generated clients. */
static json_t *operation_id(const struct route *route)
{
	char id[OPERATION_ID_SIZE];
	size_t len =
		snprintf(id, sizeof(id), "%s%s", method_word(route), strchr(route->path + 1, '/'));

	assert(len < sizeof(id));
	for (size_t i = 0; i < len; i++)
		if (id[i] == '/' || id[i] == '.')
			id[i] = '_';
	return json_string(id);
}

static json_t *describe_route(const struct route *route)
{
	json_t *operation = json_pack("{s:o, s:s, s:o, s:o}", "operationId", operation_id(route),
				      "summary", route->summary, "parameters", describe_args(route),
				      "responses", describe_replies(route));

	if (route->method == ROUTE_POST_TEXT)
		json_object_set_new(operation, "requestBody",
				    json_pack("{s:s, s:b, s:{s:{s:{s:s}}}}", "description",
					      "the text of a configuration, YAML", "required", true,
					      "content", "application/yaml", "schema", "type",
					      "string"));
	return json_pack("{s:o}", method_word(route), operation);
}

static json_t *describe_components(void)
{
	static const struct route_field fields[] = {
		{"error", FIELD_STRING, "what is wrong"},
		{"errors[].file", FIELD_STRING, "all errors of a configuration", true},
		{"errors[].line", FIELD_INTEGER, "from 1; 0: the file as a whole", true},
		{"errors[].column", FIELD_INTEGER, "the same", true},
		{"errors[].error", FIELD_STRING, "one sentence", true},
	};
	json_t *schema = object_schema(), *responses = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		add_field(schema, &fields[i]);
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
		json_object_set_new(
			responses, refusals[i].name,
			describe_reply(refusals[i].description, reference("schemas", "error")));
	return json_pack("{s:{s:o}, s:o}", "schemas", "error", schema, "responses", responses);
}

void openapi_answer(const struct api_request *rq, struct api_reply *reply)
{
	json_t *paths = json_object();

	for (const struct route *r = api_routes; r->path != NULL; r++)
		json_object_set_new(paths, r->path, describe_route(r));
	reply->body = json_pack(
		"{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s, s:s}], s:[], s:o, s:o}", "openapi",
		"3.1.0", "info", "title", "Homeward", "version", HOMEWARD_VERSION, "description",
		"What a gateway of Homeward says about itself, and how its configuration is "
		"changed, over a Unix socket.",
		"license", "name", "BSD-3-Clause", "identifier", "BSD-3-Clause", "servers", "url",
		"/", "description",
		"the Unix socket of the setting api.socket; its mode says who may ask", "security",
		"paths", paths, "components", describe_components());
}
