/*
 * Holds the tc guard on an interface the way it is done on kernels before 6.6, as a filter of clsact:
 * for tests on newer ones.
 *
 *     guard-hold INTERFACE EGRESS-ADDRESS
 *
 * Prints "ready"; removes the guard on SIGTERM.
 */
#include "control/port/port_internal.h"
#include "in/steer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void on_signal(int number)
{
}

static int hold(const struct interface *in, int lock, const struct steer_list *list)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct guard *guard;

	guard_remove_stale(in->index, lock);
	guard = guard_create(in->index, lock, list, false);
	if (guard == NULL) {
		perror("guard");
		return 1;
	}
	sigaction(SIGTERM, &action, NULL);
	puts("ready");
	fflush(stdout);
	pause();
	guard_destroy(guard);
	return 0;
}

int main(int argc, char **argv)
{
	struct steer_addr addr = {.flags = STEER_EGRESS};
	const struct steer_list list = {&addr, 1};
	struct interface in;
	be32_t egress;
	int lock, ret;

	if (argc != 3 || inet_pton(AF_INET, argv[2], &egress) != 1) {
		fputs("usage: guard-hold INTERFACE EGRESS-ADDRESS\n", stderr);
		return 2;
	}
	addr.addr = addr6_from_ipv4(egress);
	ret = interface_read(argv[1], &in);
	lock = ret == 0 ? interface_lock(argv[1]) : ret;
	if (lock < 0) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(-lock));
		return 1;
	}
	ret = hold(&in, lock, &list);
	interface_unlock(argv[1], lock);
	return ret;
}
