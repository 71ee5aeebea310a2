/*
 * bench-veth: traffic into a gateway by veth pairs, and what comes out, counted.
 *
 * Runs in the namespace that holds the far ends. It loads the two programs of veth.bpf.c, opens all
 * flows (until the uplink has seen each), then sends random packets of both directions for some
 * seconds and prints, as JSON, how many packets came out at the far ends. A thread of its own
 * generates; it is never the bound, so the counts are what the gateway can do.
 */
#include "veth.h"
#include "veth.skel.h"

#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum {
	BATCH = 64,
	RUNS_OPEN = 131072, /* frames a system call */
	RUNS_ENDLESS = INT32_MAX,
	WINDOW_NS = 100000000,
	CPUS_MAX = 256,
	WINDOWS_MAX = 1024,
	OPEN_LIMIT_S = 60,
};

struct options {
	unsigned flows, sites, seconds;
	bool gre, open, sink_tc;
	int cpu;
	char *outs[VETH_OUTS_MAX]; /* the last one is the uplink */
	char *macs[VETH_OUTS_MAX]; /* of the gateway's ends */
	unsigned n_outs;
};

/* Frames without end, by a thread of its own. */
struct flood {
	struct veth_bpf *bpf;
	const struct options *o;
	pthread_t thread;
};

static void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("bench-veth: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void own_mac(const char *name, uint8_t *mac)
{
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request) != 0)
		fail("%s: %s", name, strerror(errno));
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
}

static void read_mac(const char *text, uint8_t *mac)
{
	if (sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
		   &mac[4], &mac[5]) != 6)
		fail("%s is not an Ethernet address", text);
}

static struct veth_bpf *load(const struct options *o)
{
	struct veth_bpf *bpf = veth_bpf__open();
	unsigned uplink = o->n_outs - 1;

	if (bpf == NULL)
		fail("the BPF programs do not open");
	bpf->rodata->n_flows = o->flows;
	bpf->rodata->n_sites = o->sites;
	bpf->rodata->n_outs = o->n_outs;
	bpf->rodata->with_gre = o->gre;
	bpf->rodata->uplink_ifindex = if_nametoindex(o->outs[uplink]);
	for (unsigned i = 0; i < o->n_outs; i++) {
		read_mac(o->macs[i], (uint8_t *)bpf->rodata->macs[i]);
		own_mac(o->outs[i], (uint8_t *)bpf->rodata->macs[i] + 6);
	}
	bpf_map__set_max_entries(bpf->maps.mappings, o->flows);
	if (veth_bpf__load(bpf) != 0)
		fail("the BPF programs do not load");
	return bpf;
}

static void attach_tc(struct veth_bpf *bpf, const char *name, uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(bpf->progs.veth_sink_tc));
	int ret = bpf_tc_hook_create(&hook);

	if (ret == 0 || ret == -EEXIST)
		ret = bpf_tc_attach(&hook, &opts);
	if (ret != 0)
		fail("%s: no tc: %s", name, strerror(-ret));
}

static void attach(struct veth_bpf *bpf, const struct options *o)
{
	for (uint32_t i = 0; i < o->n_outs; i++) {
		uint32_t ifindex = if_nametoindex(o->outs[i]);

		if (ifindex == 0)
			fail("%s: no such interface", o->outs[i]);
		if (o->sink_tc)
			attach_tc(bpf, o->outs[i], ifindex);
		else if (bpf_program__attach_xdp(bpf->progs.veth_sink, (int)ifindex) == NULL)
			fail("%s: no XDP: %s", o->outs[i], strerror(errno));
		if (bpf_map_update_elem(bpf_map__fd(bpf->maps.outs), &i, &ifindex, 0) != 0)
			fail("%s: %s", o->outs[i], strerror(errno));
	}
}

/* One system call: @runs frames. */
static void generate(struct veth_bpf *bpf, const struct options *o, unsigned runs)
{
	static uint8_t frame[14 + VETH_OUTER + VETH_INNER];
	struct xdp_md ctx = {
		.data_end = sizeof(frame),
		.ingress_ifindex = bpf->rodata->uplink_ifindex,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .ctx_in = &ctx, .ctx_size_in = sizeof(ctx), .repeat = (int)runs,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
	int ret = bpf_prog_test_run_opts(bpf_program__fd(bpf->progs.veth_generate), &opts);

	if (ret != 0 && ret != -EINTR)
		fail("BPF_PROG_RUN: %s", strerror(-ret));
}

static uint64_t counted(struct veth_bpf *bpf)
{
	uint64_t values[CPUS_MAX] = {0}, sum = 0;
	int cpus = libbpf_num_possible_cpus();

	if (cpus < 1 || cpus > CPUS_MAX)
		fail("%d CPUs", cpus);
	for (uint32_t i = 0; i < 2; i++) {
		bpf_map_lookup_elem(bpf_map__fd(bpf->maps.counts), &i, values);
		for (int c = 0; c < cpus; c++)
			sum += values[c];
	}
	return sum;
}

/* Until the uplink has seen every flow: what is lost on the way is sent again. */
static double open_flows(struct veth_bpf *bpf, const struct options *o)
{
	const struct timespec rest = {.tv_nsec = 1000000};
	uint64_t begin = now_ns();

	while (bpf->bss->learned < o->flows) {
		if (now_ns() - begin > OPEN_LIMIT_S * UINT64_C(1000000000))
			fail("only %llu of %u flows are open after %d s",
			     (unsigned long long)bpf->bss->learned, o->flows, OPEN_LIMIT_S);
		generate(bpf, o, RUNS_OPEN);
		nanosleep(&rest, NULL);
	}
	return (double)(now_ns() - begin) / 1e9;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void *generator(void *arg)
{
	struct flood *f = arg;

	generate(f->bpf, f->o, RUNS_ENDLESS);
	return NULL;
}

static void woken(int signal)
{
	(void)signal;
}

/* One system call generates all of it: there are some 25 ms without a frame between two. */
static void flood_start(struct flood *f)
{
	const struct sigaction action = {.sa_handler = woken};

	sigaction(SIGUSR1, &action, NULL);
	if (pthread_create(&f->thread, NULL, generator, f) != 0)
		fail("no thread");
}

static void flood_stop(struct flood *f)
{
	pthread_kill(f->thread, SIGUSR1);
	pthread_join(f->thread, NULL);
}

static void measure(struct veth_bpf *bpf, const struct options *o, double open_s)
{
	const struct timespec window = {.tv_nsec = WINDOW_NS};
	struct flood flood = {.bpf = bpf, .o = o};
	unsigned windows = o->seconds * (1000000000 / WINDOW_NS), n = 0;
	double rates[WINDOWS_MAX];

	bpf->bss->mode = VETH_MIX;
	flood_start(&flood);
	sleep(1); /* queues are full from here on */
	while (n < windows && n < WINDOWS_MAX) {
		uint64_t before = counted(bpf), begin = now_ns();

		nanosleep(&window, NULL);
		rates[n++] = (double)(counted(bpf) - before) * 1e3 / (double)(now_ns() - begin);
	}
	flood_stop(&flood);
	qsort(rates, n, sizeof(rates[0]), compare);
	printf("{\"flows\": %u, \"mpps\": %.4f, \"lowest\": %.4f, \"highest\": %.4f, "
	       "\"open_s\": %.2f}\n",
	       o->flows, rates[n / 2], rates[0], rates[n - 1], open_s);
}

static void add_out(struct options *o, char *text)
{
	char *mac = strchr(text, '=');

	if (mac == NULL || o->n_outs == VETH_OUTS_MAX)
		fail("--out IF=GATEWAY-MAC, at most %d", VETH_OUTS_MAX);
	*mac++ = '\0';
	o->outs[o->n_outs] = text;
	o->macs[o->n_outs++] = mac;
}

static struct options parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"flows", required_argument, NULL, 'f'},
		{"sites", required_argument, NULL, 's'},
		{"seconds", required_argument, NULL, 't'},
		{"gre", no_argument, NULL, 'g'},
		{"stateless", no_argument, NULL, 'n'},
		{"cpu", required_argument, NULL, 'c'},
		{"out", required_argument, NULL, 'o'},
		{"sink-tc", no_argument, NULL, 'k'},
		{0},
	};
	struct options o = {.flows = 65536, .sites = 1, .seconds = 3, .open = true, .cpu = 0};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			o.flows = (unsigned)atoi(optarg);
			break;
		case 's':
			o.sites = (unsigned)atoi(optarg);
			break;
		case 't':
			o.seconds = (unsigned)atoi(optarg);
			break;
		case 'c':
			o.cpu = atoi(optarg);
			break;
		case 'g':
			o.gre = true;
			break;
		case 'k':
			o.sink_tc = true;
			break;
		case 'n':
			o.open = false;
			break;
		case 'o':
			add_out(&o, optarg);
			break;
		default:
			fail("see veth.c for the options");
		}
	}
	if (o.flows == 0 || o.sites == 0 || o.seconds == 0 || o.n_outs < 2)
		fail("flows, sites and seconds are not 0, and there are two --out at least");
	return o;
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	struct veth_bpf *bpf;
	double open_s = 0;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(o.cpu, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	bpf = load(&o);
	attach(bpf, &o);
	if (o.open)
		open_s = open_flows(bpf, &o);
	measure(bpf, &o, open_s);
	veth_bpf__destroy(bpf);
	return 0;
}
