/* Command lines, good and bad; and the rules that the tables of commands follow. */
#include "base/err.h"
#include "base/types.h"
#include "cli.h"
#include "control/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 8 };

/* clang-format off */
static const struct {
	const char *words[WORDS_MAX];
	const char *error; /* part of the sentence; NULL: accepted */
} rows[] = {
	{{"status"}, NULL},
	{{"--json", "status"}, NULL},
	{{"status", "--json"}, NULL},
	{{"--socket", "/tmp/s", "status"}, NULL},
	{{"--timeout", "3600", "status"}, NULL},
	{{"--timeout", "0", "status"}, "from 1 to 3600"},
	{{"--timeout", "3601", "status"}, "from 1 to 3600"},
	{{"--timeout=-1", "status"}, "from 1 to 3600"},
	{{"--timeout=1s", "status"}, "from 1 to 3600"},
	{{"--timeout=", "status"}, "from 1 to 3600"},
	{{"flows", "--site", "paris", "--limit=5"}, NULL},
	{{"flows", "--site=a=b"}, NULL},
	{{"check", "file.yaml"}, NULL},
	{{"check", "--", "--file"}, NULL},
	{{"check", "-"}, NULL},
	{{"size", "--sites", "3", "--users=7"}, NULL},
	{{"config", "show"}, NULL},
	{{"--json", "config", "apply", "-", "--confirm", "60s", "--comment=why"}, NULL},
	{{"config", "rollback"}, NULL},
	{{"config", "rollback", "7"}, NULL},
	{{"config", "--help"}, NULL},
	{{"help", "config"}, NULL},
	{{"help", "config", "apply"}, NULL},
	{{"config"}, "config what? show check diff apply history rollback confirm"},
	{{"config", "shwo"}, "unknown command \"config shwo\"; did you mean config show?"},
	{{"config", "apply"}, "config apply needs a FILE"},
	{{"config", "apply", "a", "b"}, "config apply does not take \"b\""},
	{{"config", "show", "--confirm", "1s"}, "unknown option --confirm"},
	{{"confi"}, "unknown command \"confi\""},
	{{"help", "config", "shwo"}, "unknown command \"config shwo\""},
	{{"help", "status", "config"}, "help does not take \"config\""},
	{{"size", "--site", "3"}, "unknown option --site; did you mean --sites?"},
	{{"--help"}, NULL},
	{{"check", "--help"}, NULL},
	{{"help"}, NULL},
	{{"help", "flows"}, NULL},
	{{"help", "help", "help"}, "help does not take \"help\""},
	{{"help", "--site", "x"}, "unknown option --site"},
	{{NULL}, "which command?"},
	{{"flow"}, "did you mean flows?"},
	{{"frobnicate"}, "possible: status sites tunnels health ipsec networks routes routes lookup flows egress drops check config show config check"},
	{{""}, "unknown command \"\""},
	{{"flows", "--sites", "x"}, "unknown option --sites; did you mean --site?"},
	{{"status", "--site", "x"}, "unknown option --site"},
	{{"--site", "x", "flows"}, "unknown option --site"},
	{{"status", "-x"}, "unknown option --x"},
	{{"flows", "--site"}, "--site needs a value: --site NAME"},
	{{"flows", "--all=yes"}, "--all takes no value"},
	{{"check"}, "check needs a FILE"},
	{{"check", "a", "b"}, "check does not take \"b\""},
	{{"status", "now"}, "status does not take \"now\""},
	{{"routes"}, NULL},
	{{"routes", "--network", "a"}, NULL},
	{{"routes", "lookup", "default", "10.0.0.1"}, NULL},
	{{"routes", "lookup", "--json", "default", "10.0.0.1"}, NULL},
	{{"routes", "lookup"}, "routes lookup needs a NETWORK"},
	{{"routes", "lookup", "default"}, "routes lookup needs NETWORK and ADDRESS"},
	{{"routes", "lookup", "default", "10.0.0.1", "x"}, "routes lookup does not take \"x\""},
	{{"routes", "look"}, "routes does not take \"look\""},
	{{"routes", "--network", "a", "lookup"}, "routes does not take \"lookup\""},
	{{"help", "routes", "lookup"}, NULL},
	{{"help", "routes"}, NULL},
	{{"--"}, "which command?"},
};
/* clang-format on */

static int parse(struct cli *cli, const char *const *words, char **error)
{
	char *argv[WORDS_MAX + 2] = {(char *)"homeward"};
	size_t size;
	int argc = 1, err;

	while (words[argc - 1] != NULL) {
		argv[argc] = (char *)words[argc - 1];
		argc++;
	}
	*cli = (struct cli){.socket = CLI_SOCKET, .err = open_memstream(error, &size)};
	err = cli_parse(cli, argc, argv);
	fclose(cli->err);
	return err;
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char *error = NULL;
		struct cli cli;
		int err = parse(&cli, rows[i].words, &error);

		if ((err == 0) != (rows[i].error == NULL))
			fail_msg("row %zu: \"%s\"", i, error);
		if (err != 0 && strstr(error, rows[i].error) == NULL)
			fail_msg("row %zu: \"%s\" lacks \"%s\"", i, error, rows[i].error);
		free(error);
	}
}

static void test_values(void **state)
{
	static const char *const words[] = {"--socket=/tmp/s", "flows",	 "--site", "--json",
					    "--all",	       "--json", NULL};
	char *error = NULL;
	struct cli cli;

	assert_int_equal(parse(&cli, words, &error), 0);
	assert_string_equal(cli.socket, "/tmp/s");
	assert_string_equal(cli.command->word, "flows");
	/* the word behind an option is its value */
	assert_string_equal(cli_value(&cli, "site"), "--json");
	assert_non_null(cli_value(&cli, "all"));
	assert_null(cli_value(&cli, "tunnel"));
	assert_null(cli_value(&cli, "no such option"));
	assert_true(cli.json);
	free(error);
}

static void test_tables(void **state)
{
	for (const struct command *c = cli_commands; c->word != NULL; c++) {
		size_t n = 0;

		while (c->options != NULL && c->options[n].name != NULL)
			n++;
		assert_true(n <= CLI_OPTIONS_MAX);
		assert_non_null(c->run);
		assert_ptr_equal(cli_find_command(c->word), c);
	}
}

/* Daemon and command line use the same socket by default. */
static void test_default_socket(void **state)
{
	static const char text[] = "ports: [{name: a, driver: memory, next-hop-mac: "
				   "'02:00:00:00:00:01'}]\n"
				   "sites: [{name: s, tunnels: [{name: t, local: 192.0.2.1, "
				   "remote: 192.0.2.2}]}]\n"
				   "egress: [{name: e, addresses: [{address: 198.51.100.1}]}]\n";
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_parse("text", text, strlen(text), &errs);

	err_print(&errs, stderr);
	assert_non_null(config);
	assert_string_equal(config->api_socket, CLI_SOCKET);
	config_destroy(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_default_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
