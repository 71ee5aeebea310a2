/*
 * /v1/config: shows and changes the configuration. See control/change/change.h.
 *
 * The text of a configuration comes as the body of a request. A refusal is answered with all
 * sentences, each with its place in the file, and has changed nothing. Applying may take longer
 * than an answer: the request is answered when it has begun, and GET /v1/config reports the
 * progress.
 */
#include "base/clean.h"
#include "base/err.h"
#include "control/api/handlers.h"
#include "control/api/list.h"
#include "control/change/change.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { TIME_SIZE = 32, NAME_SIZE = 256 };

#define CHANGE_FIELDS                                                                              \
	{"added", FIELD_INTEGER, "sites, tunnels, pools, addresses, ports and settings"},          \
		{"changed", FIELD_INTEGER, "the same"}, {"removed", FIELD_INTEGER, "the same"},    \
		{"flows_ended", FIELD_INTEGER_OR_NULL,                                             \
		 "flows that the whole change ends; null: unknown"},                               \
		{"changes[].change", FIELD_STRING, "added, changed or removed"},                   \
		{"changes[].kind", FIELD_STRING,                                                   \
		 "site, tunnel, pool, address, slices, port or "                                   \
		 "setting"},                                                                       \
		{"changes[].name", FIELD_STRING, "of it"},                                         \
		{"changes[].detail", FIELD_STRING_OR_NULL, "what exactly"},                        \
		{"changes[].effect", FIELD_STRING_OR_NULL, "what happens to flows"},               \
		{"changes[].flows_ended", FIELD_INTEGER_OR_NULL, "by this"},                       \
	{                                                                                          \
		"changes[].needs_restart", FIELD_BOOLEAN, "a running daemon refuses it"            \
	}

#define STATE_FIELDS                                                                               \
	{"state", FIELD_STRING, "idle, applying, or awaiting confirmation"},                       \
	{                                                                                          \
		"revision", FIELD_INTEGER_OR_NULL,                                                 \
			"the revision that runs; null: it could not be saved"                      \
	}

const struct route_field config_fields[] = {
	STATE_FIELDS,
	{"applying", FIELD_INTEGER_OR_NULL, "the revision that is being applied"},
	{"who", FIELD_STRING_OR_NULL, "whose change is being applied or awaits confirmation"},
	{"since", FIELD_STRING_OR_NULL, "time of that change"},
	{"confirm_s", FIELD_INTEGER_OR_NULL, "seconds left to confirm it"},
	{"failed", FIELD_INTEGER_OR_NULL, "the last revision that could not be applied"},
	{"reasons[]", FIELD_STRING, "why not"},
	{"text", FIELD_STRING, "text of the configuration that runs; not with text=false", true},
	{NULL},
};

const struct route_field config_check_fields[] = {
	{"ports", FIELD_INTEGER, "how many it has"},
	{"sites", FIELD_INTEGER, "the same"},
	{"tunnels", FIELD_INTEGER, "the same"},
	{"addresses", FIELD_INTEGER, "the same, for egress"},
	{NULL},
};

const struct route_field config_diff_fields[] = {CHANGE_FIELDS, {NULL}};
const struct route_field config_apply_fields[] = {STATE_FIELDS, CHANGE_FIELDS, {NULL}};
const struct route_field config_confirm_fields[] = {STATE_FIELDS, {NULL}};

const struct route_field config_history_fields[] = {
	{"revisions[].revision", FIELD_INTEGER, "its number"},
	{"revisions[].state", FIELD_STRING, "running, applied, trial, undone, saved or damaged"},
	{"revisions[].time", FIELD_STRING_OR_NULL, "time of the change; null: damaged"},
	{"revisions[].who", FIELD_STRING, "whose it is"},
	{"revisions[].comment", FIELD_STRING, "why"},
	{"revisions[].bytes", FIELD_INTEGER, "of its text"},
	PAGE_FIELDS,
	{NULL},
};

const struct route_arg config_args[] = {
	{"text", ARG_FLAG, 0, 0, "false: all but the text"},
	{NULL},
};

const struct route_arg config_check_args[] = {
	{"file", ARG_TEXT, 0, 0, "what the sentences call the file"},
	{NULL},
};

enum { APPLY_FILE, APPLY_CONFIRM, APPLY_COMMENT };

const struct route_arg config_apply_args[] = {
	[APPLY_FILE] = {"file", ARG_TEXT, 0, 0, "what the sentences call the file"},
	[APPLY_CONFIRM] = {"confirm", ARG_NUMBER, 1, CHANGE_CONFIRM_MAX_S,
			   "seconds after which it is undone unless it is confirmed"},
	[APPLY_COMMENT] = {"comment", ARG_TEXT, 0, 0, "why, for the history"},
	{NULL},
};

const struct route_arg config_rollback_args[] = {
	{"revision", ARG_NUMBER, 1, UINT32_MAX, "otherwise the one that ran before"},
	{NULL},
};

const struct route_arg config_history_args[] = {
	PAGE_ARGS("all"),
	{NULL},
};

static json_t *json_time(int64_t since_s)
{
	time_t since = (time_t)since_s;
	char text[TIME_SIZE];
	struct tm tm;

	if (gmtime_r(&since, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

static json_t *json_number_or_null(uint64_t number, bool known)
{
	return known ? json_u64(number) : json_null();
}

static json_t *json_text_or_null(const char *text)
{
	return text != NULL ? json_string(text) : json_null();
}

static json_t *json_sentence(const struct err *e)
{
	char file[NAME_SIZE];

	clean_text(e->file != NULL ? e->file : "", file, sizeof(file));
	return json_pack("{s:s, s:i, s:i, s:s}", "file", file, "line", (int)e->line, "column",
			 (int)e->column, "error", e->text);
}

/* Answers a refusal: nothing has changed. Frees @errs. */
static void refuse(struct api_reply *reply, int status, struct err_list *errs)
{
	json_t *list = json_array();

	err_sort(errs);
	for (size_t i = 0; i < errs->n; i++)
		json_array_append_new(list, json_sentence(&errs->errs[i]));
	reply->status = status;
	reply->body = json_pack("{s:s, s:o}", "error", errs->n > 0 ? errs->errs[0].text : "",
				"errors", list);
	err_list_fini(errs);
}

static void refuse_result(struct api_reply *reply, enum change_result result, struct err_list *errs)
{
	static const int statuses[] = {
		[CHANGE_REFUSED] = 422,
		[CHANGE_BUSY] = 409,
		[CHANGE_UNSAVED] = 507,
	};

	refuse(reply, statuses[result], errs);
}

static const char *state_text(enum change_state state)
{
	static const char *const texts[] = {
		[CHANGE_IDLE] = "idle",
		[CHANGE_APPLYING] = "applying",
		[CHANGE_AWAITING] = "awaiting confirmation",
	};

	return texts[state];
}

static json_t *json_state(const struct change_status *status)
{
	return json_pack("{s:s, s:o}", "state", state_text(status->state), "revision",
			 json_number_or_null(status->revision, status->revision != 0));
}

static json_t *json_change(const struct change_item *item, bool counts)
{
	static const char *const words[] = {
		[CHANGE_ADDED] = "added",
		[CHANGE_CHANGED] = "changed",
		[CHANGE_REMOVED] = "removed",
	};

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:b}", "change", words[item->what], "kind",
			 item->kind, "name", item->name, "detail", json_text_or_null(item->detail),
			 "effect", json_text_or_null(item->effect), "flows_ended",
			 json_number_or_null(item->flows_ended, counts), "needs_restart",
			 item->needs_restart);
}

/* Adds CHANGE_FIELDS to @body. */
static void add_changes(json_t *body, const struct difference *d, bool counts)
{
	uint64_t numbers[CHANGE_REMOVED + 1] = {0}, flows = 0;
	json_t *list = json_array();

	for (size_t i = 0; i < d->n; i++) {
		numbers[d->items[i].what]++;
		flows += d->items[i].flows_ended;
		json_array_append_new(list, json_change(&d->items[i], counts));
	}
	json_object_set_new(body, "added", json_u64(numbers[CHANGE_ADDED]));
	json_object_set_new(body, "changed", json_u64(numbers[CHANGE_CHANGED]));
	json_object_set_new(body, "removed", json_u64(numbers[CHANGE_REMOVED]));
	json_object_set_new(body, "flows_ended", json_number_or_null(flows, counts));
	json_object_set_new(body, "changes", list);
}

/* Reads the text, the file name and the comment of a request; @row: that of the argument "file". */
static struct change_request request_of(const struct api_request *rq, size_t row)
{
	return (struct change_request){
		.name = rq->args[row].given ? rq->args[row].text : "the configuration",
		.text = rq->body,
		.len = rq->body_len,
		.who = rq->who,
		.comment = "",
	};
}

void config_answer(const struct api_request *rq, struct api_reply *reply)
{
	struct change_status status;
	json_t *reasons = json_array();
	bool waits, applies;
	const char *text;
	size_t len;

	change_status(rq->ctx->change, &status);
	text = change_text(rq->ctx->change, &len);
	waits = status.state == CHANGE_AWAITING;
	applies = status.state == CHANGE_APPLYING;
	for (size_t i = 0; i < status.why->n; i++)
		json_array_append_new(reasons, json_string(status.why->errs[i].text));
	reply->body = json_state(&status);
	json_object_set_new(reply->body, "applying",
			    json_number_or_null(status.changing, applies && status.changing != 0));
	json_object_set_new(reply->body, "who",
			    json_text_or_null(waits || applies ? status.who : NULL));
	json_object_set_new(reply->body, "since",
			    waits || applies ? json_time(status.since_s) : json_null());
	json_object_set_new(reply->body, "confirm_s", json_number_or_null(status.confirm_s, waits));
	json_object_set_new(reply->body, "failed",
			    json_number_or_null(status.failed, status.failed != 0));
	json_object_set_new(reply->body, "reasons", reasons);
	if (!rq->args[0].given || rq->args[0].number)
		json_object_set_new(reply->body, "text", json_stringn(text, len));
}

void config_check_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct change_request request = request_of(rq, 0);
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = change_check(&request, &errs);
	size_t tunnels = 0, addresses = 0;

	if (config == NULL) {
		refuse(reply, 422, &errs);
		return;
	}
	for (size_t i = 0; i < config->network.n_sites; i++)
		tunnels += config->network.sites[i].n_tunnels;
	for (size_t i = 0; i < config->network.n_pools; i++)
		addresses += config->network.pools[i].n_addresses;
	reply->body = json_pack("{s:o, s:o, s:o, s:o}", "ports", json_u64(config->n_ports), "sites",
				json_u64(config->network.n_sites), "tunnels", json_u64(tunnels),
				"addresses", json_u64(addresses));
	config_destroy(config);
}

void config_diff_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct change_request request = request_of(rq, 0);
	struct err_list errs = ERR_LIST_EMPTY;
	struct difference d;
	enum change_result result = change_diff(rq->ctx->change, &request, &d, &errs);

	if (result != CHANGE_BEGUN) {
		refuse_result(reply, result, &errs);
		return;
	}
	reply->body = json_object();
	add_changes(reply->body, &d, change_counts(rq->ctx->change));
	difference_fini(&d);
}

/* 202: it has begun; 200: it is done already, or there was nothing to do. */
static void reply_change(const struct api_request *rq, struct api_reply *reply,
			 enum change_result result, struct err_list *errs)
{
	struct change *change = rq->ctx->change;
	struct change_status status;

	if (result != CHANGE_BEGUN && result != CHANGE_NOTHING) {
		refuse_result(reply, result, errs);
		return;
	}
	err_list_fini(errs); /* an alarm reports it */
	change_status(change, &status);
	reply->status = status.state == CHANGE_APPLYING ? 202 : 200;
	reply->body = json_state(&status);
	add_changes(reply->body, change_difference(change), change_counts(change));
}

void config_apply_answer(const struct api_request *rq, struct api_reply *reply)
{
	struct change_request request = request_of(rq, APPLY_FILE);
	struct err_list errs = ERR_LIST_EMPTY;
	enum change_result result;

	if (rq->args[APPLY_CONFIRM].given)
		request.confirm_s = rq->args[APPLY_CONFIRM].number;
	if (rq->args[APPLY_COMMENT].given)
		request.comment = rq->args[APPLY_COMMENT].text;
	result = change_apply(rq->ctx->change, &request, &errs);
	reply_change(rq, reply, result, &errs);
}

void config_rollback_answer(const struct api_request *rq, struct api_reply *reply)
{
	struct err_list errs = ERR_LIST_EMPTY;
	uint32_t number = rq->args[0].given ? rq->args[0].number : 0;
	enum change_result result = change_rollback(rq->ctx->change, number, rq->who, &errs);

	reply_change(rq, reply, result, &errs);
}

void config_confirm_answer(const struct api_request *rq, struct api_reply *reply)
{
	struct err_list errs = ERR_LIST_EMPTY;
	enum change_result result = change_confirm(rq->ctx->change, &errs);
	struct change_status status;

	if (result != CHANGE_BEGUN) {
		refuse_result(reply, result, &errs);
		return;
	}
	change_status(rq->ctx->change, &status);
	reply->body = json_state(&status);
}

static json_t *json_revision(const struct revision *r, uint32_t runs)
{
	const char *state = r->damaged ? "damaged"
			    : r->number == runs && r->state == REVISION_APPLIED
				    ? "running"
				    : revision_state_name(r->state);

	return json_pack("{s:I, s:s, s:o, s:s, s:s, s:I}", "revision", (json_int_t)r->number,
			 "state", state, "time", r->damaged ? json_null() : json_time(r->time_s),
			 "who", r->who, "comment", r->comment, "bytes", (json_int_t)r->text_len);
}

/* A cursor is the number of the next revision. */
void config_history_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct revisions *kept = change_history(rq->ctx->change);
	struct page page = page_of(rq->args);
	json_t *list, *next = json_null();
	uint32_t from = UINT32_MAX;
	struct change_status status;
	size_t i;

	if (page.cursor != NULL && !args_read_number(page.cursor, 1, UINT32_MAX, &from)) {
		page_refuse(reply);
		return;
	}
	change_status(rq->ctx->change, &status);
	list = json_array();
	for (i = kept != NULL ? revisions_count(kept) : 0; i-- > 0;) {
		const struct revision *r = revisions_at(kept, i);

		if (r->number > from)
			continue;
		if (page.limit > 0 && json_array_size(list) == page.limit) {
			next = json_sprintf("%" PRIu32, r->number);
			break;
		}
		json_array_append_new(list, json_revision(r, status.revision));
	}
	reply->body = json_pack("{s:o, s:o}", "revisions", list, "next_cursor", next);
}
