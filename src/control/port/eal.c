/*
 * Starts DPDK's environment (EAL) as a daemon needs it that shares the machine with the kernel.
 *
 * Uses huge pages if enough are free, otherwise ordinary memory, and logs which. The control thread
 * is not pinned: it may run on every core it could run on before. Of PCI only the cards of our
 * ports are touched. No files left behind, no telemetry socket. Messages of DPDK and libbpf go to
 * our log. The first error is kept, because drivers report their reasons only this way.
 *
 * Control thread, once.
 */
#include "base/err.h"
#include "base/log.h"
#include "base/memory.h"
#include "control/config/value.h"
#include "control/port/driver.h"
#include "flow/flow.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#define MIB ((size_t)1 << 20)
/* set by this process before it executes itself again */
#define NO_HUGE_PAGES "HOMEWARD_WITHOUT_HUGE_PAGES"

enum {
	OTHER_BYTES = 96 << 20, /* rings, tables of nexthops, drivers */
	WORKER_BYTES = 9 << 20, /* reassembled packets */
	ARGS_MAX = 16 + 2 * PORTS_MAX,
	CORES_TEXT = 8 * 1024,
	CMDLINE_SIZE = 16 * 1024,
};

static char first_message[256];

static void keep_message(const char *text, size_t len)
{
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	if (len == 0)
		return;
	log_debug("%.*s", (int)len, text);
	if (first_message[0] == '\0')
		snprintf(first_message, sizeof(first_message), "%.*s", (int)len, text);
}

const char *eal_first_message(void)
{
	static char taken[sizeof(first_message)];

	memcpy(taken, first_message, sizeof(taken));
	first_message[0] = '\0';
	return taken[0] != '\0' ? taken : "no reason given";
}

static ssize_t write_log(void *cookie, const char *text, size_t len)
{
	keep_message(text, len);
	return (ssize_t)len;
}

static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char text[256];
	int len = vsnprintf(text, sizeof(text), fmt, ap);

	if (level == LIBBPF_WARN && len > 0)
		keep_message(text, len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1);
	return 0;
}

static int redirect_messages(void)
{
	cookie_io_functions_t io = {.write = write_log};
	FILE *stream = fopencookie(NULL, "w", io);

	if (stream == NULL)
		return -errno;
	setvbuf(stream, NULL, _IOLBF, 0);
	libbpf_set_print(print_libbpf);
	return rte_openlog_stream(stream);
}

/* Effective capabilities as a bit mask. */
static uint64_t read_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &header, data) != 0)
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

#define CAPABILITY(bit) (UINT64_C(1) << (bit))

static bool rights_suffice(const struct config_port *port, uint64_t have)
{
	bool bpf = have & (CAPABILITY(CAP_BPF) | CAPABILITY(CAP_SYS_ADMIN));
	uint64_t need = port->driver == PORT_AF_XDP
				? CAPABILITY(CAP_NET_ADMIN) | CAPABILITY(CAP_NET_RAW) |
					  CAPABILITY(CAP_IPC_LOCK)
			: port->driver == PORT_AF_PACKET
				? CAPABILITY(CAP_NET_ADMIN) | CAPABILITY(CAP_NET_RAW)
			: port->driver == PORT_TAP ? CAPABILITY(CAP_NET_ADMIN)
						   : 0;

	if ((have & need) != need)
		return false;
	return bpf || (port->driver != PORT_AF_XDP && port->driver != PORT_AF_PACKET);
}

int port_check_rights(const struct config_port *port, const char *file, struct err_list *errs)
{
	if (rights_suffice(port, read_capabilities()))
		return 0;
	err_add(errs, file, port->line, 0,
		"port %s needs more rights: run as root, or give CAP_NET_RAW, CAP_NET_ADMIN, "
		"CAP_BPF and CAP_IPC_LOCK",
		port->name);
	return -EPERM;
}

static int check_rights(const struct config *config, struct err_list *errs)
{
	for (size_t i = 0; i < config->n_ports; i++) {
		int ret = port_check_rights(&config->ports[i], config->file, errs);

		if (ret != 0)
			return ret;
	}
	return 0;
}

/* Free huge pages of the size that directory @name ("hugepages-2048kB") stands for, in bytes. */
static size_t free_pages(const char *name)
{
	char path[300];
	size_t pages = 0, kib = 0;
	FILE *f;

	if (sscanf(name, "hugepages-%zukB", &kib) != 1)
		return 0;
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/free_hugepages", name);
	f = fopen(path, "re");
	if (f == NULL)
		return 0;
	if (fscanf(f, "%zu", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * kib * 1024;
}

/* The most free bytes of one page size: DPDK does not combine pages of different sizes. */
static size_t free_huge_bytes(void)
{
	DIR *dir = opendir("/sys/kernel/mm/hugepages");
	size_t most = 0;
	struct dirent *entry;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		size_t bytes = free_pages(entry->d_name);

		most = bytes > most ? bytes : most;
	}
	closedir(dir);
	return most;
}

/* "0@(0,1,5)": one EAL core that may run on any of our CPUs. */
static void write_cores(char *text, size_t size, const cpu_set_t *cpus)
{
	size_t len = (size_t)snprintf(text, size, "--lcores=0@(");

	for (int cpu = 0; cpu < CPU_SETSIZE && len < size - 8; cpu++)
		if (CPU_ISSET(cpu, cpus))
			len += (size_t)snprintf(text + len, size - len, "%d,", cpu);
	text[len - 1] = ')';
}

/*
 * Logs which memory is used. True: huge pages for @need bytes of packets. Flow tables take their
 * own memory (base/memory); the advice includes their size.
 */
static bool choose_memory(size_t need, size_t flows)
{
	size_t have = free_huge_bytes();

	if (have >= need) {
		log_info("memory: huge pages, %zu MiB of %zu MiB free ones", need / MIB,
			 have / MIB);
		return true;
	}
	log_info(
		"memory: without huge pages (%zu MiB needed, %zu MiB free), which costs speed with "
		"many flows; reserve them with: sysctl vm.nr_hugepages=%zu",
		need / MIB, have / MIB, (need + flows + 4 * MIB - 1) / (2 * MIB));
	return false;
}

/* Of DPDK's memory; pool.c takes its own if there are no huge pages. */
static size_t dpdk_bytes(const struct config *config, bool huge)
{
	return (huge ? pool_bytes(config, driver_largest_mtu(config), true) : 0) + OTHER_BYTES +
	       (size_t)config->workers * WORKER_BYTES;
}

static size_t bytes_needed(const struct config *config, bool huge)
{
	size_t own = huge ? 0 : pool_bytes(config, driver_largest_mtu(config), false);

	return dpdk_bytes(config, huge) + own;
}

uint64_t port_memory_needed(const struct config *config)
{
	return bytes_needed(config, false) +
	       config_ordinary_memory(config, memory_huge_available());
}

/*
 * The kernel grants ordinary memory without having it, and may later kill the process that uses it.
 * So we check first.
 */
static int check_memory(const struct config *config, bool huge, struct err_list *errs)
{
	uint64_t need = huge ? 0 : bytes_needed(config, false), have = memory_available();
	uint64_t pages = memory_huge_available(), taken = huge ? bytes_needed(config, true) : 0;

	need += config_ordinary_memory(config, pages > taken ? pages - taken : 0);
	if (need <= have - have / 32)
		return 0;
	err_add(errs, NULL, 0, 0,
		"packet buffers and flow tables need %" PRIu64 " MiB, but only %" PRIu64
		" MiB of memory are free on this machine and in this control group",
		(need + MIB - 1) / MIB, have / MIB);
	return -ENOMEM;
}

/*
 * Others took the huge pages between our check and DPDK's allocation. DPDK cannot be initialized
 * twice in a process, so the process executes itself again, without huge pages. Returns only if
 * that fails.
 */
static void begin_without_huge_pages(void)
{
	static char text[CMDLINE_SIZE], *argv[CMDLINE_SIZE / 2];
	FILE *f = fopen("/proc/self/cmdline", "re");
	size_t len = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0, n = 0;

	if (f != NULL)
		fclose(f);
	for (size_t at = 0; at < len && n + 1 < ARRAY_SIZE(argv); at += strlen(text + at) + 1)
		argv[n++] = text + at;
	if (n == 0 || len == sizeof(text) - 1 || setenv(NO_HUGE_PAGES, "1", 1) != 0)
		return;
	log_warning("memory: other programs took the free huge pages: starting again without them");
	log_stop();
	execv("/proc/self/exe", argv);
}

/* DPDK must not touch cards that are not ours. */
static int add_cards(const struct config *config, char **argv, int argc)
{
	static char devices[PORTS_MAX][CONFIG_DEVICE_SIZE];
	int before = argc;

	for (size_t i = 0; i < config->n_ports; i++) {
		if (!value_is_pci(config->ports[i].device))
			continue;
		strcpy(devices[i], config->ports[i].device);
		argv[argc++] = "-a";
		argv[argc++] = devices[i];
	}
	if (argc == before)
		argv[argc++] = "--no-pci";
	return argc;
}

static int eal_start(const struct config *config, const cpu_set_t *cpus, bool huge)
{
	/* EAL keeps pointers to the arguments */
	static char cores[CORES_TEXT], megabytes[32], prefix[48];
	char *argv[ARGS_MAX];
	int argc = 0, ret;

	write_cores(cores, sizeof(cores), cpus);
	snprintf(megabytes, sizeof(megabytes), "%zu", dpdk_bytes(config, huge) / MIB + 1);
	snprintf(prefix, sizeof(prefix), "--file-prefix=homeward-%d", (int)getpid());

	argv[argc++] = "homewardd";
	argc = add_cards(config, argv, argc);
	argv[argc++] = "--no-telemetry";
	argv[argc++] = "--iova-mode=va";
	argv[argc++] = "--log-level=*:error";
	argv[argc++] = prefix;
	argv[argc++] = cores;
	argv[argc++] = "-m"; /* allocated at the start: later others may have taken the pages */
	argv[argc++] = megabytes;
	if (huge) {
		argv[argc++] = "--in-memory";
	} else {
		argv[argc++] = "--no-huge";
		argv[argc++] = "--no-shconf";
	}
	argv[argc] = NULL;
	ret = rte_eal_init(argc, argv) < 0 ? -rte_errno : 0;
	/* EAL makes it, but writes nothing into it with these options */
	rmdir(rte_eal_get_runtime_dir());
	return ret;
}

int port_eal_init(const struct config *config, struct err_list *errs)
{
	cpu_set_t cpus;
	bool huge;
	int ret = check_rights(config, errs);

	if (ret != 0)
		return ret;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) != 0 || redirect_messages() != 0)
		return -errno;

	huge = getenv(NO_HUGE_PAGES) == NULL &&
	       choose_memory(bytes_needed(config, true), flow_table_bytes(config->flows_capacity));
	ret = check_memory(config, huge, errs);
	if (ret != 0)
		return ret;
	ret = eal_start(config, &cpus, huge);
	if (ret != 0 && huge)
		begin_without_huge_pages();
	if (ret == 0)
		ret = -sched_setaffinity(0, sizeof(cpus), &cpus);
	if (ret != 0)
		err_add(errs, NULL, 0, 0, "cannot start DPDK: %s", eal_first_message());
	return ret;
}
