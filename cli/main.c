/* homeward: reads the command line, runs one command, reports the result by its exit status. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int run(const struct cli *cli)
{
	if (cli->version) {
		printf(cli->json ? "{\"version\": \"%s\"}\n" : "homeward %s\n", HOMEWARD_VERSION);
		return CLI_EXIT_OK;
	}
	if (cli->help) {
		cli_print_help(cli, stdout);
		return CLI_EXIT_OK;
	}
	return cli->command->run(cli);
}

int main(int argc, char **argv)
{
	const char *socket = getenv("HOMEWARD_SOCKET");
	struct cli cli = {
		.socket = socket != NULL && socket[0] != '\0' ? socket : CLI_SOCKET,
		.timeout_s = CLI_TIMEOUT_S,
		.out = stdout,
		.err = stderr,
	};
	int status;

	if (cli_parse(&cli, argc, argv) < 0)
		return CLI_EXIT_WRONG;
	status = run(&cli);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno != EPIPE) /* the reader has closed the pipe, such as `head` */
			fprintf(stderr, "homeward: cannot write: %s\n", strerror(errno));
		return status != CLI_EXIT_OK ? status : CLI_EXIT_FAILED;
	}
	return status;
}
