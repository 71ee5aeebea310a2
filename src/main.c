/*
 * homewardd: reads the command line and the configuration, then hands over to the daemon.
 *
 * The start is read from main() downwards and in control/daemon.c from daemon_run() downwards.
 * Exit status: 0 after a clean stop; 2 if the command line or the configuration file was refused,
 * which trying again does not help; 1 for what the machine does not have now, which may come: the
 * service manager tries again for ever.
 */
#include "base/err.h"
#include "base/log.h"
#include "control/change/start.h"
#include "control/config/config.h"
#include "control/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/homeward/homeward.yaml"

enum {
	EXIT_REFUSED = 2,
};

struct options {
	const char *config;
	bool check;
};

static const char usage[] =
	"usage: homewardd [OPTIONS]\n"
	"\n"
	"The gateway's daemon: starts, says when it is ready, runs until SIGTERM or SIGINT.\n"
	"\n"
	"options:\n"
	"  -c, --config FILE      the configuration; otherwise " DEFAULT_CONFIG "\n"
	"      --check            read the configuration, report every error in it, start nothing\n"
	"      --log-level LEVEL  error, warning, info (without this option) or debug\n"
	"  -h, --help             print this\n"
	"      --version          print the version\n"
	"\n"
	"homewardd(8) says more; homeward(1) talks to the running daemon.\n";

static bool set_log_level(const char *name)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{"error", LOG_LEVEL_ERROR},
		{"warning", LOG_LEVEL_WARNING},
		{"info", LOG_LEVEL_INFO},
		{"debug", LOG_LEVEL_DEBUG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			log_set_level(levels[i].level);
			return true;
		}
	}
	fprintf(stderr, "homewardd: no log level is called \"%s\": error, warning, info or debug\n",
		name);
	return false;
}

/* Ends the process for --help, --version and what is not understood. */
static void parse_options(struct options *o, int argc, char **argv)
{
	enum { CHECK = 256, LOG_LEVEL, VERSION };
	static const struct option rows[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, CHECK},
		{"log-level", required_argument, NULL, LOG_LEVEL},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, VERSION},
		{NULL},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", rows, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		}
		if (c == VERSION) {
			printf("homewardd %s\n", HOMEWARD_VERSION);
			exit(EXIT_SUCCESS);
		}
		if (c == 'c')
			o->config = optarg;
		if (c == CHECK)
			o->check = true;
		if (c == '?' || (c == LOG_LEVEL && !set_log_level(optarg)))
			exit(EXIT_REFUSED);
	}
	if (optind < argc) {
		fprintf(stderr, "homewardd: what is \"%s\"? homewardd --help says what it takes\n",
			argv[optind]);
		exit(EXIT_REFUSED);
	}
}

/*
 * The compiler uses these instructions. Without them the first flow would end the process by
 * "illegal instruction".
 */
static bool processor_suffices(void)
{
#ifdef __x86_64__
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("aes")) {
		fputs("homewardd: this processor lacks AVX2 or AES; Homeward needs an x86-64 "
		      "processor with both (Intel since Haswell, AMD since Excavator)\n",
		      stderr);
		return false;
	}
#endif
	return true;
}

/* False after printing what is wrong. */
static bool is_good(const struct options *o)
{
	struct err_list errs = ERR_LIST_EMPTY;
	struct config *config = config_load(o->config, &errs);
	bool good = config != NULL;

	config_destroy(config);
	err_print(&errs, stderr);
	err_list_fini(&errs);
	return good;
}

/* The same; what it is to start with is in @start. */
static bool choose_config(const struct options *o, struct change_start *start)
{
	struct err_list errs = ERR_LIST_EMPTY;
	bool good = change_start(start, o->config, &errs) == 0;

	err_print(&errs, stderr);
	err_list_fini(&errs);
	return good;
}

/* False after printing what this machine lacks now: the file may be right. */
static bool machine_suffices(const struct config *config)
{
	struct err_list errs = ERR_LIST_EMPTY;
	bool suffices = config_check_machine(config, &errs) == 0;

	err_print(&errs, stderr);
	err_list_fini(&errs);
	return suffices;
}

/*
 * Whoever starts us with these closed would have our first sockets take their numbers, and our log
 * written into a socket.
 */
static bool standard_files_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
			return false;
	}
	return true;
}

/* From here on nobody waits for the reader of the log. The exit status. */
static int run(const struct options *o)
{
	struct change_start start;
	int err = log_start(), status = EXIT_REFUSED;

	if (err < 0)
		log_warning("the log is written by the control thread: %s", strerror(-err));
	if (choose_config(o, &start)) {
		err = machine_suffices(start.config) ? daemon_run(&start) : -1;
		status = err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
		change_start_fini(&start);
	}
	log_stop();
	return status;
}

int main(int argc, char **argv)
{
	struct options o = {.config = DEFAULT_CONFIG};

	if (!standard_files_open())
		return EXIT_FAILURE;
	setvbuf(stderr, NULL, _IOLBF, 0);
	parse_options(&o, argc, argv);
	if (!processor_suffices())
		return EXIT_FAILURE;

	if (o.check)
		return is_good(&o) ? EXIT_SUCCESS : EXIT_REFUSED;
	return run(&o);
}
