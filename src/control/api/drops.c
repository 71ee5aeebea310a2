/* GET /v1/drops: every drop reason and every answer, with its count and what it means. */
#include "control/api/handlers.h"

#include <stddef.h>

const struct route_arg drops_args[] = {
	{"per_worker", ARG_FLAG, 0, 0, "true: each count for each worker, too"},
	{NULL},
};

const struct route_field drops_fields[] = {
	{"total", FIELD_INTEGER, "packets dropped, all reasons"},
	{"drops[].reason", FIELD_STRING, "name of the reason"},
	{"drops[].help", FIELD_STRING, "what it means"},
	{"drops[].packets", FIELD_INTEGER, "dropped for it"},
	{"drops[].workers[]", FIELD_INTEGER, "by worker; only with per_worker", true},
	{"answers[].name", FIELD_STRING, "name of the answer"},
	{"answers[].help", FIELD_STRING, "what was answered with it"},
	{"answers[].packets", FIELD_INTEGER, "sent"},
	{"answers[].workers[]", FIELD_INTEGER, "by worker; only with per_worker", true},
	{NULL},
};

/* A row of either list. */
struct row {
	const char *name_field;
	const struct drop_info *info;
	size_t offset; /* offset of its count in struct worker_counters */
};

static uint64_t count_at(const struct worker_counters *c, size_t offset)
{
	return *(const uint64_t *)((const char *)c + offset);
}

static json_t *describe_row(const struct row *row, const struct worker_counters *counters, size_t n,
			    bool per_worker, uint64_t *sum)
{
	json_t *workers = json_array();
	uint64_t packets = 0;
	json_t *obj;

	for (size_t i = 0; i < n; i++) {
		packets += count_at(&counters[i], row->offset);
		json_array_append_new(workers, json_u64(count_at(&counters[i], row->offset)));
	}
	*sum += packets;
	obj = json_pack("{s:s, s:s, s:I}", row->name_field, row->info->name, "help",
			row->info->help, "packets", (json_int_t)packets);
	if (per_worker)
		json_object_set(obj, "workers", workers);
	json_decref(workers);
	return obj;
}

static json_t *describe_drops(const struct worker_counters *counters, size_t n, bool per_worker,
			      uint64_t *sum)
{
	json_t *list = json_array();

	for (size_t d = DROP_NONE + 1; d < DROP_COUNT; d++) {
		struct row row = {"reason", &drop_infos[d],
				  offsetof(struct worker_counters, drops) + d * sizeof(uint64_t)};

		json_array_append_new(list, describe_row(&row, counters, n, per_worker, sum));
	}
	return list;
}

static json_t *describe_answers(const struct worker_counters *counters, size_t n, bool per_worker)
{
	json_t *list = json_array();
	uint64_t sum = 0;

	for (size_t a = 0; a < ANSWER_COUNT; a++) {
		struct row row = {"name", &answer_infos[a].info,
				  offsetof(struct worker_counters, answers) + a * sizeof(uint64_t)};

		json_array_append_new(list, describe_row(&row, counters, n, per_worker, &sum));
	}
	return list;
}

void drops_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct api_context *ctx = rq->ctx;
	bool per_worker = rq->args[0].given && rq->args[0].number;
	struct worker_counters counters[WORKERS_MAX];
	uint64_t total = 0;
	json_t *drops;

	for (size_t i = 0; i < ctx->n_workers; i++)
		worker_read_counters(ctx->workers[i], &counters[i]);
	drops = describe_drops(counters, ctx->n_workers, per_worker, &total);
	reply->body = json_pack("{s:I, s:o, s:o}", "total", (json_int_t)total, "drops", drops,
				"answers", describe_answers(counters, ctx->n_workers, per_worker));
}
