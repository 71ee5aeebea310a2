/*
 * homeward config: the running configuration, and its changes.
 *
 * The daemon reads, compares and applies. The command sends a file and prints the result. "-" is
 * the standard input. After "apply" the command waits until every flow has been checked.
 */
#include "control/config/config.h"
#include "base/clean.h"
#include "base/err.h"
#include "client.h"
#include "control/config/value.h"
#include "list.h"
#include "text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	URL_SIZE = 2048,
	LINE_SIZE = 1024,
	CONFIRM_MAX_S = 24 * 3600,
	/* between two questions while a change is applied: twice as long each time */
	POLL_FIRST_NS = 1000 * 1000,
	POLL_LAST_NS = 20 * 1000 * 1000,
};

const struct cli_option config_apply_options[] = {
	{"confirm", "TIME", "undo it after TIME, such as 60s or 5m, unless it is confirmed"},
	{"comment", "TEXT", "why, for the history"},
	{NULL},
};

static const struct table_column history_columns[] = {
	{"REVISION", TABLE_RIGHT}, {"STATE", TABLE_LEFT},   {"TIME", TABLE_LEFT},
	{"WHO", TABLE_LEFT},	   {"COMMENT", TABLE_LEFT}, {NULL},
};

/* Reads the file of the command line. NULL after a sentence. */
static char *read_operand(const struct cli *cli, size_t *len)
{
	const char *path = strcmp(cli->operand, "-") == 0 ? "/dev/stdin" : cli->operand;
	struct err_list errs = ERR_LIST_EMPTY;
	char *text = config_read(path, len, &errs);

	if (text != NULL && *len > CONFIG_FILE_MAX) {
		err_add(&errs, path, 0, 0, "the file is too large: at most %d MiB are read",
			CONFIG_FILE_MAX >> 20);
		free(text);
		text = NULL;
	}
	err_print(&errs, cli->err);
	err_list_fini(&errs);
	return text;
}

/*
 * Sends the file of the command line to @url, after adding the query. NULL and *@status: see
 * client_post().
 */
static json_t *send_file(const struct cli *cli, char url[static URL_SIZE], int *status)
{
	size_t len;
	char *text = read_operand(cli, &len);
	json_t *answer = NULL;

	*status = CLI_EXIT_WRONG;
	if (text != NULL && client_add_query(cli, url, URL_SIZE, "file", cli->operand) == 0)
		answer = client_post(cli, url, text, len, status);
	free(text);
	return answer;
}

static const char *text_or(const json_t *object, const char *name, char out[static LINE_SIZE])
{
	clean_text(client_text(object, name), out, LINE_SIZE);
	return out;
}

static void print_change(const json_t *change, FILE *out)
{
	const char *what = client_text(change, "change");
	uint64_t flows = client_number(change, "flows_ended");
	char part[LINE_SIZE];

	fprintf(out, "%s ", what[0] == 'a' ? "+" : what[0] == 'r' ? "-" : "~");
	fprintf(out, "%s ", text_or(change, "kind", part));
	fprintf(out, "%s", text_or(change, "name", part));
	if (text_or(change, "detail", part)[0] != '\0')
		fprintf(out, ": %s", part);
	if (text_or(change, "effect", part)[0] != '\0')
		fprintf(out, "; %s", part);
	if (flows > 0)
		fprintf(out, ": %s", text_count(flows).buf);
	if (json_is_true(json_object_get(change, "needs_restart")))
		fprintf(out, "; needs a restart");
	fputc('\n', out);
}

static void print_changes(const json_t *answer, FILE *out)
{
	const json_t *flows = json_object_get(answer, "flows_ended");
	const json_t *list = json_object_get(answer, "changes");
	json_t *change;
	size_t i;

	json_array_foreach(list, i, change) print_change(change, out);
	if (json_array_size(list) == 0) {
		fprintf(out, "nothing changes\n");
		return;
	}
	fprintf(out, "%s added, ", text_count(client_number(answer, "added")).buf);
	fprintf(out, "%s changed, ", text_count(client_number(answer, "changed")).buf);
	fprintf(out, "%s removed", text_count(client_number(answer, "removed")).buf);
	if (json_is_integer(flows))
		fprintf(out, "; flows that end: %s", text_count(json_integer_value(flows)).buf);
	fputc('\n', out);
}

/* Asks until no change is in progress. Returns the answer of /v1/config; NULL after a sentence. */
static json_t *wait_applied(const struct cli *cli)
{
	struct timespec pause = {.tv_nsec = POLL_FIRST_NS};

	for (;;) {
		json_t *state = client_get(cli, "/v1/config?text=false");

		if (state == NULL || strcmp(client_text(state, "state"), "applying") != 0)
			return state;
		json_decref(state);
		nanosleep(&pause, NULL);
		pause.tv_nsec = pause.tv_nsec < POLL_LAST_NS / 2 ? 2 * pause.tv_nsec : POLL_LAST_NS;
	}
}

static void print_reasons(const struct cli *cli, const json_t *state)
{
	char sentence[LINE_SIZE];
	json_t *reason;
	size_t i;

	json_array_foreach(json_object_get(state, "reasons"), i, reason)
	{
		clean_text(json_string_value(reason), sentence, sizeof(sentence));
		fprintf(cli->err, "homeward: %s\n", sentence);
	}
}

static void print_state(const json_t *state, FILE *out)
{
	uint64_t revision = client_number(state, "revision");

	if (strcmp(client_text(state, "state"), "awaiting confirmation") == 0)
		fprintf(out,
			"revision %" PRIu64 " runs on trial: it is undone in %" PRIu64
			" s without: homeward config confirm\n",
			revision, client_number(state, "confirm_s"));
	else
		fprintf(out, "revision %" PRIu64 " runs\n", revision);
}

/*
 * Waits for the change that the daemon has begun (@answer), and prints its result. Takes ownership
 * of @answer.
 */
static int finish_change(const struct cli *cli, json_t *answer)
{
	json_t *state = wait_applied(cli);
	int status = CLI_EXIT_FAILED;

	if (state != NULL)
		status = client_number(state, "failed") > 0 ? CLI_EXIT_WRONG : CLI_EXIT_OK;
	if (state != NULL && cli->json) {
		json_object_update(answer, state);
		client_print_json(answer, cli->out);
	} else if (status == CLI_EXIT_OK) {
		print_changes(answer, cli->out);
		print_state(state, cli->out);
	} else if (state != NULL) {
		print_reasons(cli, state);
	}
	json_decref(state);
	json_decref(answer);
	return status;
}

int config_show_run(const struct cli *cli)
{
	json_t *answer = client_get(cli, "/v1/config");

	if (answer == NULL)
		return CLI_EXIT_FAILED;
	if (cli->json)
		client_print_json(answer, cli->out);
	else
		fputs(client_text(answer, "text"), cli->out);
	json_decref(answer);
	return CLI_EXIT_OK;
}

int config_check_run(const struct cli *cli)
{
	char url[URL_SIZE] = "/v1/config/check";
	int status;
	json_t *answer = send_file(cli, url, &status);

	if (answer != NULL && cli->json)
		client_print_json(answer, cli->out);
	else if (answer != NULL)
		fprintf(cli->out,
			"%s is good: ports %" PRIu64 ", sites %" PRIu64 ", tunnels %" PRIu64
			", egress addresses %" PRIu64 "\n",
			cli->operand, client_number(answer, "ports"),
			client_number(answer, "sites"), client_number(answer, "tunnels"),
			client_number(answer, "addresses"));
	json_decref(answer);
	return status;
}

int config_diff_run(const struct cli *cli)
{
	char url[URL_SIZE] = "/v1/config/diff";
	int status;
	json_t *answer = send_file(cli, url, &status);

	if (answer != NULL && cli->json)
		client_print_json(answer, cli->out);
	else if (answer != NULL)
		print_changes(answer, cli->out);
	json_decref(answer);
	return status;
}

/* Adds --confirm and --comment. False after a sentence. */
static bool add_options(const struct cli *cli, char url[static URL_SIZE])
{
	const char *confirm = cli_value(cli, "confirm"), *comment = cli_value(cli, "comment");
	char seconds[24];
	uint64_t value = 0;

	if (confirm != NULL &&
	    (value_duration(confirm, &value) < 0 || value < 1 || value > CONFIRM_MAX_S)) {
		fprintf(cli->err,
			"homeward: --confirm must be a time from 1s to 24h, such as 60s or 5m\n");
		return false;
	}
	snprintf(seconds, sizeof(seconds), "%" PRIu64, value);
	return (confirm == NULL || client_add_query(cli, url, URL_SIZE, "confirm", seconds) == 0) &&
	       (comment == NULL || comment[0] == '\0' ||
		client_add_query(cli, url, URL_SIZE, "comment", comment) == 0);
}

int config_apply_run(const struct cli *cli)
{
	char url[URL_SIZE] = "/v1/config/apply";
	json_t *answer;
	int status;

	if (!add_options(cli, url))
		return CLI_EXIT_WRONG;
	answer = send_file(cli, url, &status);
	return answer != NULL ? finish_change(cli, answer) : status;
}

int config_rollback_run(const struct cli *cli)
{
	char url[URL_SIZE] = "/v1/config/rollback";
	json_t *answer;
	int status;

	if (cli->operand != NULL &&
	    client_add_query(cli, url, URL_SIZE, "revision", cli->operand) < 0)
		return CLI_EXIT_WRONG;
	answer = client_post(cli, url, "", 0, &status);
	return answer != NULL ? finish_change(cli, answer) : status;
}

int config_confirm_run(const struct cli *cli)
{
	int status;
	json_t *answer = client_post(cli, "/v1/config/confirm", "", 0, &status);

	if (answer != NULL && cli->json)
		client_print_json(answer, cli->out);
	else if (answer != NULL)
		fprintf(cli->out, "revision %" PRIu64 " is kept\n",
			client_number(answer, "revision"));
	json_decref(answer);
	return status;
}

static void fill_history(struct table *t, const json_t *revision)
{
	table_cell(t, "%" PRIu64, client_number(revision, "revision"));
	table_cell(t, "%s", client_text(revision, "state"));
	table_cell(t, "%s", client_text(revision, "time"));
	table_cell(t, "%s", client_text(revision, "who"));
	table_cell(t, "%s", client_text(revision, "comment"));
}

const struct cli_option config_history_options[] = {
	LIST_LIMIT("print at most COUNT revisions"),
	{NULL},
};

int config_history_run(const struct cli *cli)
{
	static const char *const filters[] = {NULL};
	static const struct list list = {
		.path = "/v1/config/history",
		.filters = filters,
		.field = "revisions",
		.columns = history_columns,
		.fill = fill_history,
		.empty = "no revision is kept: homeward status says why",
	};

	return list_run(cli, &list);
}
