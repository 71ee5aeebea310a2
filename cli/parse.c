/*
 * Parses argv into struct cli, by the tables in commands.c.
 *
 * Options may stand before or after the command, as --name VALUE or --name=VALUE. An unknown word
 * is refused, and the error suggests the most similar known one.
 */
#include "base/nearest.h"
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_SIZE = 160 };

static size_t find_option(const struct cli_option *rows, const char *name, size_t len)
{
	size_t i = 0;

	while (rows != NULL && rows[i].name != NULL &&
	       (strlen(rows[i].name) != len || memcmp(rows[i].name, name, len) != 0))
		i++;
	return i;
}

static bool is_row(const struct cli_option *rows, size_t i)
{
	return rows != NULL && rows[i].name != NULL;
}

static void offer_options(struct nearest *near, const struct cli_option *rows)
{
	for (size_t i = 0; is_row(rows, i); i++)
		nearest_offer(near, rows[i].name);
}

static int refuse_option(const struct cli *cli, const char *name, size_t len)
{
	char word[64];
	struct nearest near;

	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	near = nearest_begin(word);
	offer_options(&near, cli_options);
	if (cli->command != NULL)
		offer_options(&near, cli->command->options);
	fprintf(cli->err, "homeward: unknown option --%s", word);
	if (near.best != NULL)
		fprintf(cli->err, "; did you mean --%s?\n", near.best);
	else if (cli->command != NULL)
		fprintf(cli->err, "; homeward %s --help lists the known ones\n",
			cli->command->word);
	else
		fprintf(cli->err, "; homeward --help lists the known ones\n");
	return -EINVAL;
}

static int set_timeout(struct cli *cli, const char *value)
{
	size_t len = strspn(value, "0123456789");
	unsigned long seconds = strtoul(value, NULL, 10);

	if (len == 0 || len > 4 || value[len] != '\0' || seconds < 1 ||
	    seconds > CLI_TIMEOUT_MAX_S) {
		fprintf(cli->err, "homeward: --timeout must be a number of seconds from 1 to %d\n",
			CLI_TIMEOUT_MAX_S);
		return -EINVAL;
	}
	cli->timeout_s = (unsigned)seconds;
	return 0;
}

static int set_global(struct cli *cli, const char *name, const char *value)
{
	if (strcmp(name, "timeout") == 0)
		return set_timeout(cli, value);
	if (strcmp(name, "socket") == 0)
		cli->socket = value;
	else if (strcmp(name, "json") == 0)
		cli->json = true;
	else if (strcmp(name, "help") == 0)
		cli->help = true;
	else
		cli->version = true;
	return 0;
}

/* Reads the option at argv[*i], and its value, which may be the next argument. */
static int take_option(struct cli *cli, int argc, char *const *argv, int *i)
{
	const char *name = argv[*i] + 2, *value = strchr(name, '=');
	size_t len = value != NULL ? (size_t)(value - name) : strlen(name);
	const struct cli_option *rows = cli_options;
	size_t row = find_option(rows, name, len);

	if (!is_row(rows, row) && cli->command != NULL) {
		rows = cli->command->options;
		row = find_option(rows, name, len);
	}
	if (!is_row(rows, row))
		return refuse_option(cli, name, len);
	if (rows[row].value == NULL && value != NULL) {
		fprintf(cli->err, "homeward: --%s takes no value\n", rows[row].name);
		return -EINVAL;
	}
	if (rows[row].value != NULL && value == NULL && *i + 1 >= argc) {
		fprintf(cli->err, "homeward: --%s needs a value: --%s %s\n", rows[row].name,
			rows[row].name, rows[row].value);
		return -EINVAL;
	}
	if (value != NULL)
		value++;
	else
		value = rows[row].value != NULL ? argv[++*i] : "";
	if (rows == cli_options)
		return set_global(cli, rows[row].name, value);
	cli->values[row] = value;
	return 0;
}

int cli_refuse_command(const struct cli *cli, const char *word)
{
	struct nearest near = nearest_begin(word);

	fprintf(cli->err, "homeward: unknown command \"%.64s\"", word);
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		nearest_offer(&near, c->word);
	if (near.best != NULL)
		fprintf(cli->err, "; did you mean %s?", near.best);
	fprintf(cli->err, "\npossible:");
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		fprintf(cli->err, " %s", c->word);
	fputc('\n', cli->err);
	return -EINVAL;
}

/* Finds the command whose second word is @word in the group that was named. */
static int take_second_word(struct cli *cli, const char *word)
{
	char words[WORDS_SIZE];

	snprintf(words, sizeof(words), "%s %.64s", cli->group, word);
	cli->command = cli_find_command(words);
	if (cli->command == NULL)
		return cli_refuse_command(cli, words);
	cli->group = NULL;
	return 0;
}

/* Reads the argument of "help": a command, of one word or two. */
static int take_topic(struct cli *cli, const char *word)
{
	char words[WORDS_SIZE];
	const struct command *c;

	snprintf(words, sizeof(words), "%.64s %.64s", cli->operand, word);
	c = cli_find_command(words);
	if (c == NULL)
		return cli_refuse_command(cli, words);
	cli->operand = c->word;
	return 0;
}

/* "routes" is a command, and "routes lookup" another one: @word may be its second word. */
static bool takes_longer(struct cli *cli, const char *word)
{
	char words[WORDS_SIZE];
	const struct command *longer;

	if (cli->command->operand != NULL || !cli_is_group(cli->command->word))
		return false;
	for (size_t i = 0; i < CLI_OPTIONS_MAX; i++)
		if (cli->values[i] != NULL) /* an option of the shorter one came before */
			return false;
	snprintf(words, sizeof(words), "%s %.64s", cli->command->word, word);
	longer = cli_find_command(words);
	if (longer != NULL)
		cli->command = longer;
	return longer != NULL;
}

static int take_word(struct cli *cli, const char *word)
{
	if (cli->command == NULL && cli->group != NULL)
		return take_second_word(cli, word);
	if (cli->command == NULL) {
		cli->command = cli_find_command(word);
		if (cli->command == NULL && cli_is_group(word))
			cli->group = word;
		else if (cli->command == NULL)
			return cli_refuse_command(cli, word);
		return 0;
	}
	if (takes_longer(cli, word))
		return 0;
	if (cli->command->second != NULL && cli->operand != NULL && cli->second == NULL) {
		cli->second = word;
		return 0;
	}
	if (cli->command->run == help_run && cli->operand != NULL && cli_is_group(cli->operand))
		return take_topic(cli, word);
	if (cli->command->operand == NULL || cli->operand != NULL) {
		fprintf(cli->err, "homeward: %s does not take \"%.64s\"\n", cli->command->word,
			word);
		return -EINVAL;
	}
	cli->operand = word;
	return 0;
}

/* Reports that the second word is missing. */
static int refuse_group(const struct cli *cli)
{
	size_t len = strlen(cli->group);

	fprintf(cli->err, "homeward: %s what?", cli->group);
	for (const struct command *c = cli_commands; c->word != NULL; c++)
		if (strncmp(c->word, cli->group, len) == 0 && c->word[len] == ' ')
			fprintf(cli->err, " %s", c->word + len + 1);
	fputc('\n', cli->err);
	return -EINVAL;
}

int cli_parse(struct cli *cli, int argc, char *const *argv)
{
	bool options_ended = false;
	int err = 0;

	for (int i = 1; i < argc && err == 0; i++) {
		if (!options_ended && strcmp(argv[i], "--") == 0)
			options_ended = true;
		else if (!options_ended && strcmp(argv[i], "-h") == 0)
			cli->help = true;
		else if (!options_ended && strncmp(argv[i], "--", 2) == 0)
			err = take_option(cli, argc, argv, &i);
		else if (!options_ended && argv[i][0] == '-' && argv[i][1] != '\0')
			err = refuse_option(cli, argv[i] + 1, strlen(argv[i] + 1));
		else
			err = take_word(cli, argv[i]);
	}
	if (err != 0 || cli->help || cli->version)
		return err;
	if (cli->group != NULL)
		return refuse_group(cli);
	if (cli->command == NULL) {
		fprintf(cli->err, "homeward: which command? homeward --help lists them\n");
		return -EINVAL;
	}
	if (cli->command->operand != NULL && !cli->command->operand_optional &&
	    cli->operand == NULL) {
		fprintf(cli->err, "homeward: %s needs a %s\n", cli->command->word,
			cli->command->operand);
		return -EINVAL;
	}
	if (cli->command->second != NULL && cli->second == NULL) {
		fprintf(cli->err, "homeward: %s needs %s and %s\n", cli->command->word,
			cli->command->operand, cli->command->second);
		return -EINVAL;
	}
	return 0;
}

const char *cli_value(const struct cli *cli, const char *name)
{
	const struct cli_option *rows = cli->command->options;
	size_t i = find_option(rows, name, strlen(name));

	return is_row(rows, i) ? cli->values[i] : NULL;
}
