/*
 * Turns YAML into a tree.
 *
 * libyaml's events become nodes. Of YAML we accept what a configuration needs: one document of
 * maps, lists and texts. Anchors, aliases, merge keys and tags are refused by name: a dozen lines
 * of aliases can expand to billions of nodes, and a reader of the file should see what it says.
 *
 * The first syntax error ends the reading, because the rest cannot be trusted.
 */
#include "control/config/report.h"
#include "control/config/tree_build.h"

#include <errno.h>
#include <string.h>
#include <yaml.h>

struct events {
	struct builder *b;
	struct report *report;
	bool done; /* the end of the stream was reached */
};

static struct place place_of(const yaml_mark_t *mark)
{
	return (struct place){(unsigned)mark->line + 1, (unsigned)mark->column + 1};
}

static int refuse(struct events *e, const yaml_event_t *event, const char *sentence)
{
	struct place at = place_of(&event->start_mark);

	report_place(e->report, at.line, at.column, "%s", sentence);
	return -EINVAL;
}

static int out_of_memory(struct report *report)
{
	report_place(report, 0, 0, "there is not enough memory to read this file");
	return -ENOMEM;
}

/* The sentence for what a build function has returned. */
static int explain(struct events *e, const yaml_event_t *event, int ret)
{
	switch (ret) {
	case -ENOMEM:
		return out_of_memory(e->report);
	case -E2BIG:
		return refuse(e, event, "lists and maps are nested too deeply");
	case -EINVAL:
		return refuse(e, event, "the name of a setting must be a text");
	case -EMSGSIZE:
		return refuse(e, event, "the file has too many values");
	default:
		return ret;
	}
}

static int add_text(struct events *e, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;

	if (memchr(value, '\0', len) != NULL)
		return refuse(e, event, "a text may not have a NUL character in it");
	return explain(e, event,
		       build_text(e->b, place_of(&event->start_mark), value, len,
				  event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE));
}

static int open_node(struct events *e, const yaml_event_t *event, enum tree_kind kind)
{
	return explain(e, event, build_open(e->b, place_of(&event->start_mark), kind));
}

/* Anchor and tag of an event that can have them. */
static int check_decoration(struct events *e, const yaml_event_t *event, const yaml_char_t *anchor,
			    const yaml_char_t *tag)
{
	if (anchor != NULL)
		return refuse(e, event, "YAML anchors (&name) are not supported: remove it");
	if (tag != NULL)
		return refuse(e, event, "YAML tags (!name) are not supported: remove it");
	return 0;
}

static int add_event(struct events *e, const yaml_event_t *event)
{
	int rc;

	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (build_has_root(e->b))
			return refuse(e, event, "a second document begins here: only one is read");
		return 0;
	case YAML_ALIAS_EVENT:
		return refuse(e, event,
			      "YAML aliases (*name) are not supported: write the value out");
	case YAML_SCALAR_EVENT:
		rc = check_decoration(e, event, event->data.scalar.anchor, event->data.scalar.tag);
		return rc < 0 ? rc : add_text(e, event);
	case YAML_SEQUENCE_START_EVENT:
		rc = check_decoration(e, event, event->data.sequence_start.anchor,
				      event->data.sequence_start.tag);
		return rc < 0 ? rc : open_node(e, event, TREE_LIST);
	case YAML_MAPPING_START_EVENT:
		rc = check_decoration(e, event, event->data.mapping_start.anchor,
				      event->data.mapping_start.tag);
		return rc < 0 ? rc : open_node(e, event, TREE_MAP);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		build_close(e->b);
		return 0;
	case YAML_STREAM_END_EVENT:
		e->done = true;
		return 0;
	default:
		return 0;
	}
}

/* The reader gives only the offset in bytes of what it could not read. */
static void report_unreadable(struct report *report, const yaml_parser_t *parser, const char *text,
			      size_t len)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < len && i < parser->problem_offset; i++) {
		unsigned char c = (unsigned char)text[i];

		column += (c & 0xc0) != 0x80;
		if (c == '\n') {
			line++;
			column = 1;
		}
	}
	report_place(report, line, column, "the file is not readable text: %s",
		     parser->problem != NULL ? parser->problem : "unknown character");
}

static void report_syntax(struct report *report, const yaml_parser_t *parser, const char *text,
			  size_t len)
{
	const char *problem = parser->problem != NULL ? parser->problem : "unknown problem";
	struct place at = place_of(&parser->problem_mark);

	if (parser->error == YAML_MEMORY_ERROR)
		report_place(report, 0, 0, "there is not enough memory to read this file");
	else if (parser->error == YAML_READER_ERROR)
		report_unreadable(report, parser, text, len);
	else if (parser->context != NULL && parser->context_mark.line + 1 != at.line)
		report_place(report, at.line, at.column,
			     "this is not YAML: %s, %s that began at line %u", problem,
			     parser->context, place_of(&parser->context_mark).line);
	else if (parser->context != NULL)
		report_place(report, at.line, at.column, "this is not YAML: %s, %s", problem,
			     parser->context);
	else
		report_place(report, at.line, at.column, "this is not YAML: %s", problem);
}

int tree_read_yaml(struct builder *b, struct report *report, const char *text, size_t len)
{
	struct events e = {b, report, false};
	yaml_parser_t parser;
	yaml_event_t event;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return out_of_memory(report);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);

	while (rc == 0 && !e.done) {
		if (!yaml_parser_parse(&parser, &event)) {
			report_syntax(report, &parser, text, len);
			rc = -EINVAL;
			break;
		}
		rc = add_event(&e, &event);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}
