/*
 * A library for LD_PRELOAD: the kernel refuses to load the steer program, as one that lacks
 * something the program needs would.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>

enum { ARGUMENTS = 6 };

static int is_refused(const long *args)
{
	const union bpf_attr *attr = (const union bpf_attr *)args[1];

	return args[0] == BPF_PROG_LOAD && strcmp(attr->prog_name, "homeward_steer") == 0;
}

long syscall(long number, ...)
{
	long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long args[ARGUMENTS];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < ARGUMENTS; i++)
		args[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_bpf && is_refused(args)) {
		errno = EINVAL;
		return -1;
	}
	return next(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}
