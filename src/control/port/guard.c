/*
 * The tc guard (in/guard.bpf.c): keeps the packets of an af_packet port from the kernel.
 *
 * From Linux 6.6 on it is attached by a link that the kernel removes when this process ends,
 * however it ends. On older kernels it is a filter in the clsact qdisc. Its priority and handle are
 * ours alone, so the next start finds it after a kill -9. The interface's lock file notes whether
 * the qdisc is ours, too. We leave our qdisc in place if others use it meanwhile (clsact.c).
 *
 * Control thread.
 */
#include "base/log.h"
#include "control/port/port_internal.h"
#include "in/guard.skel.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

enum {
	FILTER_PRIORITY = 0x4857, /* "HW" */
	FILTER_HANDLE = 1,
	ATTACH_TCX_INGRESS = 46, /* BPF_TCX_INGRESS; headers of Debian 12 do not have it yet */
};

struct guard {
	struct guard_bpf *program;
	int link; /* -1: attached as a filter of clsact */
	int ifindex;
	int lock;
};

static struct bpf_tc_hook hook_of(int ifindex)
{
	return (struct bpf_tc_hook){
		.sz = sizeof(struct bpf_tc_hook),
		.ifindex = ifindex,
		.attach_point = BPF_TC_INGRESS,
	};
}

static struct bpf_tc_opts filter(void)
{
	return (struct bpf_tc_opts){
		.sz = sizeof(struct bpf_tc_opts),
		.handle = FILTER_HANDLE,
		.priority = FILTER_PRIORITY,
	};
}

static int attach_filter(struct guard *g)
{
	struct bpf_tc_hook hook = hook_of(g->ifindex);
	struct bpf_tc_opts opts = filter();
	int ret = bpf_tc_hook_create(&hook);

	if (ret == 0)
		interface_note(g->lock, NOTE_QDISC, true);
	else if (ret != -EEXIST)
		return ret;
	opts.prog_fd = bpf_program__fd(g->program->progs.homeward_guard);
	opts.flags = BPF_TC_F_REPLACE;
	return bpf_tc_attach(&hook, &opts);
}

void guard_remove_stale(int ifindex, int lock)
{
	struct bpf_tc_hook hook = hook_of(ifindex);
	struct bpf_tc_opts opts = filter();

	if (bpf_tc_query(&hook, &opts) == 0) {
		opts = filter();
		bpf_tc_detach(&hook, &opts);
	}
	if (interface_notes(lock) & NOTE_QDISC) {
		if (clsact_is_used(ifindex)) {
			log_info("the clsact qdisc stays: it has filters of others");
			interface_note(lock, NOTE_QDISC, false);
			return;
		}
		hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS; /* the qdisc itself */
		bpf_tc_hook_destroy(&hook);
		interface_note(lock, NOTE_QDISC, false);
	}
}

static int guard_attach(struct guard *g, bool allow_link)
{
	int fd = bpf_program__fd(g->program->progs.homeward_guard);

	if (allow_link)
		g->link = bpf_link_create(fd, g->ifindex, (enum bpf_attach_type)ATTACH_TCX_INGRESS,
					  NULL);
	return g->link >= 0 ? 0 : attach_filter(g);
}

/*
 * A privileged process may detach the links of others. The link then stays, without an interface.
 */
static bool link_is_there(int link)
{
	struct bpf_link_info info = {0};
	__u32 len = sizeof(info);

	/*
	 * headers of Debian 12 have no tcx; the struct begins with the ifindex, as that of xdp does
	 */
	return bpf_obj_get_info_by_fd(link, &info, &len) == 0 && info.xdp.ifindex != 0;
}

bool guard_is_there(const struct guard *g)
{
	struct bpf_tc_hook hook = hook_of(g->ifindex);
	struct bpf_tc_opts opts = filter();
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	if (g->link >= 0)
		return link_is_there(g->link);
	return bpf_tc_query(&hook, &opts) == 0 &&
	       bpf_obj_get_info_by_fd(bpf_program__fd(g->program->progs.homeward_guard), &info,
				      &len) == 0 &&
	       info.id == opts.prog_id;
}

int guard_attach_again(struct guard *g)
{
	bool by_link = g->link >= 0;

	if (by_link)
		close(g->link);
	g->link = -1;
	return guard_attach(g, by_link);
}

struct steer_maps guard_maps(const struct guard *g)
{
	return (struct steer_maps){
		.four = bpf_map__fd(g->program->maps.steer_addrs),
		.six = bpf_map__fd(g->program->maps.steer_addrs6),
		.prefixes = bpf_map__fd(g->program->maps.steer_prefixes),
		.vlans = bpf_map__fd(g->program->maps.steer_vlans),
		.mac = bpf_map__fd(g->program->maps.steer_mac),
	};
}

struct guard *guard_create(int ifindex, int lock, const struct steer_list *list, bool allow_link)
{
	static const struct steer_list nothing;
	struct guard *g = calloc(1, sizeof(*g));
	int ret = -ENOMEM;

	if (g == NULL)
		return NULL;
	*g = (struct guard){.link = -1, .ifindex = ifindex, .lock = lock};
	g->program = guard_bpf__open_and_load();
	if (g->program == NULL) {
		ret = -errno;
		goto fail;
	}
	ret = steer_write(guard_maps(g), &nothing, list);
	if (ret == 0)
		ret = guard_attach(g, allow_link);
	if (ret == 0)
		return g;

fail:
	guard_destroy(g);
	errno = -ret;
	return NULL;
}

void guard_destroy(struct guard *g)
{
	if (g == NULL)
		return;
	if (g->link >= 0)
		close(g->link);
	else
		guard_remove_stale(g->ifindex, g->lock);
	guard_bpf__destroy(g->program); /* accepts NULL */
	free(g);
}

int guard_counts_map(const struct guard *g)
{
	return bpf_map__fd(g->program->maps.steer_counts);
}
