/*
 * One list of the API as one table: see list.h.
 *
 * The list is fetched page by page, so no single answer is long. The pages are put together before
 * anything is printed: the width of a column depends on all rows.
 */
#include "list.h"

#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_ITEMS = 1000, LIMIT_MAX = 1000000000 };

/* Reads --limit. -EINVAL after a sentence. */
static int read_limit(const struct cli *cli, unsigned *limit)
{
	const char *value = cli_value(cli, "limit");
	size_t len = value != NULL ? strspn(value, "0123456789") : 0;

	if (value == NULL)
		return 0;
	*limit = (unsigned)strtoul(value, NULL, 10);
	if (len > 0 && len < 10 && value[len] == '\0' && *limit > 0)
		return 0;
	fprintf(cli->err, "homeward: --limit must be a number from 1 to %d\n", LIMIT_MAX - 1);
	return -EINVAL;
}

static size_t count_items(const struct list *list, const json_t *items)
{
	size_t n = 0, i;
	json_t *item;

	if (list->inner == NULL)
		return json_array_size(items);
	json_array_foreach(items, i, item) n += json_array_size(json_object_get(item, list->inner));
	return n;
}

/* A pool whose addresses are on two pages is one pool. */
static void join_inner(const struct list *list, json_t *items, json_t *more)
{
	json_t *last = json_array_get(items, json_array_size(items) - 1);
	json_t *first = json_array_get(more, 0);

	if (last == NULL || first == NULL ||
	    strcmp(client_text(last, "name"), client_text(first, "name")) != 0)
		return;
	json_array_extend(json_object_get(last, list->inner), json_object_get(first, list->inner));
	json_array_remove(more, 0);
}

/* Adds the next page to @answer. */
static void join(const struct list *list, json_t *answer, json_t *page)
{
	json_t *items = json_object_get(answer, list->field);
	json_t *more = json_object_get(page, list->field);

	if (list->inner != NULL)
		join_inner(list, items, more);
	json_array_extend(items, more);
	json_object_set(answer, "next_cursor", json_object_get(page, "next_cursor"));
}

/* All pages as one answer; NULL after a sentence. @limit: 0: all. */
static json_t *get_pages(const struct cli *cli, const struct list *list, unsigned limit)
{
	json_t *answer = NULL;
	size_t n = 0;

	for (;;) {
		const char *next = json_string_value(json_object_get(answer, "next_cursor"));
		unsigned left = limit == 0 || limit - n > PAGE_ITEMS ? PAGE_ITEMS : limit - n;
		json_t *page;

		if (answer != NULL && (next == NULL || (limit > 0 && n >= limit)))
			return answer;
		page = client_get_page(cli, list->path, list->filters, left, next);
		if (page == NULL) {
			json_decref(answer);
			return NULL;
		}
		n += count_items(list, json_object_get(page, list->field));
		if (answer == NULL) {
			answer = page;
			continue;
		}
		join(list, answer, page);
		json_decref(page);
	}
}

static void print_table(const struct cli *cli, const struct list *list, const json_t *items)
{
	struct table *t = table_create(list->columns);
	json_t *item;
	size_t i;

	json_array_foreach(items, i, item) list->fill(t, item);
	table_print(t, true, cli->out);
	table_destroy(t);
}

int list_run(const struct cli *cli, const struct list *list)
{
	unsigned limit = list->limit;
	const json_t *items;
	json_t *answer;

	if (read_limit(cli, &limit) < 0)
		return CLI_EXIT_WRONG;
	answer = get_pages(cli, list, limit);
	if (answer == NULL)
		return CLI_EXIT_FAILED;
	items = json_object_get(answer, list->field);
	if (cli->json)
		client_print_json(answer, cli->out);
	else if (json_array_size(items) == 0)
		fprintf(cli->out, "%s\n", list->empty);
	else
		print_table(cli, list, items);
	if (!cli->json && json_is_string(json_object_get(answer, "next_cursor")))
		fprintf(cli->out, "%s\n", list->more != NULL ? list->more : "there are more");
	json_decref(answer);
	return CLI_EXIT_OK;
}

const char *list_text(const json_t *item, const char *name)
{
	const char *text = client_text(item, name);

	return text[0] != '\0' ? text : "-";
}

void list_cells_traffic(struct table *t, const json_t *item)
{
	table_cell(t, "%s", text_count(client_number(item, "rx_packets")).buf);
	table_cell(t, "%s", text_bytes(client_number(item, "rx_bytes")).buf);
	table_cell(t, "%s", text_count(client_number(item, "tx_packets")).buf);
	table_cell(t, "%s", text_bytes(client_number(item, "tx_bytes")).buf);
}
