/*
 * Sockets that receive the frames in which other stations claim one of our addresses
 * (in/claim.bpf.c).
 *
 * The filter program reads the maps of the port's steer or guard program, so both know the same
 * addresses. The socket keeps the filter program and its maps alive until the socket is closed. A
 * socket for one protocol receives after the guard, and nothing that this machine sends.
 *
 * Control thread.
 */
#include "control/port/port_internal.h"
#include "in/claim.skel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>

static int share_maps(struct claim_bpf *program, struct steer_maps maps)
{
	int ret = bpf_map__reuse_fd(program->maps.steer_addrs, maps.four);

	if (ret == 0)
		ret = bpf_map__reuse_fd(program->maps.steer_addrs6, maps.six);
	if (ret == 0)
		ret = bpf_map__reuse_fd(program->maps.steer_prefixes, maps.prefixes);
	if (ret == 0)
		ret = bpf_map__reuse_fd(program->maps.steer_mac, maps.mac);
	return ret;
}

static int claims_attach(int fd, struct steer_maps maps)
{
	struct claim_bpf *program = claim_bpf__open();
	int ret, program_fd;

	if (program == NULL)
		return -errno;
	bpf_map__set_autocreate(program->maps.steer_fragments, false); /* it asks about ARP only */
	bpf_map__set_autocreate(program->maps.steer_neighbourhoods, false);
	ret = share_maps(program, maps);
	if (ret == 0)
		ret = claim_bpf__load(program);
	if (ret == 0) {
		program_fd = bpf_program__fd(program->progs.homeward_claim);
		if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program_fd, sizeof(program_fd)) != 0)
			ret = -errno;
	}
	claim_bpf__destroy(program);
	return ret;
}

bool port_can_hear(const struct port *port)
{
	return port->steer != NULL || port->guard != NULL;
}

/* Bound last: it receives nothing before it is bound. */
int port_hear_claims(const struct port *port, uint16_t protocol)
{
	const struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = port->ifindex,
	};
	struct steer_maps maps =
		port->steer != NULL ? steer_maps(port->steer) : guard_maps(port->guard);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = claims_attach(fd, maps);
	if (ret == 0 && bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0)
		ret = -errno;
	if (ret == 0)
		return fd;
	close(fd);
	return ret;
}
