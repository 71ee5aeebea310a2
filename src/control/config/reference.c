/*
 * Prints the reference of all settings in Markdown, by the tables: one chapter a block, one row a
 * setting.
 */
#include "control/config/config.h"
#include "control/config/schema.h"

#include <string.h>

enum { PATH_SIZE = 128 };

static void write_variants(FILE *out, const struct block *block, unsigned mask)
{
	const char *const *names = block->variant->choices;
	const char *comma = "";

	for (unsigned i = 0; names[i] != NULL; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		fprintf(out, "%s`%s`", comma, names[i]);
		comma = ", ";
	}
}

static void write_default(FILE *out, const struct block *block, const struct setting *setting)
{
	if (setting->required) {
		fputs("**required**", out);
	} else if (setting->needed_by != 0) {
		fputs("**required** with ", out);
		write_variants(out, block, setting->needed_by);
	}
	if (setting->fallback != NULL)
		fprintf(out, "`%s`", setting->fallback);
	else if (setting->fallback_words != NULL)
		fprintf(out, "%s%s", setting->needed_by != 0 ? "; " : "", setting->fallback_words);
}

/* A block itself has no row; its settings have. */
static void write_change(FILE *out, const struct setting *setting)
{
	if (setting->restart != NULL)
		fprintf(out, "**restart**: %s", setting->restart);
	else if (setting->type != SETTING_BLOCK)
		fputs("live", out);
}

static void write_row(FILE *out, const struct block *block, const struct setting *setting)
{
	char expects[SCHEMA_EXPECTS_SIZE];

	fprintf(out, "| `%s` | %s%s%s | ", setting->name, schema_expects(setting, expects),
		setting->unit != NULL ? ", " : "", setting->unit != NULL ? setting->unit : "");
	write_default(out, block, setting);
	fputs(" | ", out);
	write_change(out, setting);
	fprintf(out, " | %s", setting->help);
	if (setting->taken_by != 0) {
		fputs(" Only with ", out);
		write_variants(out, block, setting->taken_by);
		fputc('.', out);
	}
	fputs(" |\n", out);
}

static void write_block(FILE *out, const struct block *block, const char *path)
{
	char inner[PATH_SIZE];

	fprintf(out, "### %s", block->title);
	if (path[0] != '\0')
		fprintf(out, ": `%s`", path);
	fputs("\n\n| setting | value | default | change | meaning |\n|---|---|---|---|---|\n", out);
	for (size_t i = 0; i < block->n; i++)
		write_row(out, block, &block->settings[i]);
	fputc('\n', out);

	for (size_t i = 0; i < block->n; i++) {
		const struct setting *setting = &block->settings[i];

		if (setting->block == NULL)
			continue;
		snprintf(inner, sizeof(inner), "%s%s%s%s", path, path[0] != '\0' ? "." : "",
			 setting->name, setting->type == SETTING_LIST ? "[]" : "");
		write_block(out, setting->block, inner);
	}
}

void config_write_reference(FILE *out)
{
	write_block(out, &schema_file, "");
}
