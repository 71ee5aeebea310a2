/*
 * A GRE endpoint for the far side of a tunnel, where the kernel has no GRE of its own.
 *
 * Packets that the kernel routes into a TUN interface leave as GRE (RFC 2784, RFC 2890) from a raw
 * socket, over IPv4 or IPv6. Received GRE is checked and given to the kernel through the TUN
 * interface. The gateway is tested against this implementation, so it shares no code with src/.
 *
 * One thread for each direction, a batch of packets a system call where the kernel offers that.
 * Both end with the process: SIGINT and SIGTERM print the counters, one "name value" a line, and
 * exit. The TUN interface disappears with the process.
 *
 * It is as strict as a careful peer: packets with another key, a missing key, a wrong checksum or a
 * truncated header are counted and dropped. Received sequence numbers are not enforced: RFC 2890
 * leaves that to the receiver.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 32, /* packets a system call */
	GRE_MAX = 16, /* bytes: base, checksum, key, sequence */
	PACKET_MAX = 9216, /* bytes */
	SOCKET_BUFFER = 8 << 20, /* bytes */
	TUN_QUEUE = 2000, /* packets */
	MTU_DEFAULT = 1400,

	GRE_CHECKSUM = 0x8000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_REST = 0x4fff, /* routing, reserved bits, version: all zero */
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
};

union address {
	sa_family_t family; /* AF_UNSPEC: not given */
	struct sockaddr_in four;
	struct sockaddr_in6 six;
	struct sockaddr any;
};

struct endpoint {
	union address local, remote;
	bool has_key, checksum, sequence;
	uint32_t key;
	const char *name;
	int mtu;
	int tun, raw;
	/* written by the thread of that direction alone */
	uint64_t sent, send_failed;
	uint64_t received, malformed, bad_checksum, bad_key, refused;
};

static const struct option options[] = {
	{"local", required_argument, NULL, 'l'}, {"remote", required_argument, NULL, 'r'},
	{"key", required_argument, NULL, 'k'},	 {"checksum", no_argument, NULL, 'c'},
	{"sequence", no_argument, NULL, 's'},	 {"tun", required_argument, NULL, 't'},
	{"mtu", required_argument, NULL, 'm'},	 {NULL, 0, NULL, 0},
};

static const char usage[] = "usage: gre-tun --local ADDRESS --remote ADDRESS --tun NAME\n"
			    "               [--key N] [--checksum] [--sequence] [--mtu N]\n";

static uint32_t number(const char *text, uint32_t max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 0);
	if (errno != 0 || *text == '\0' || *text == '-' || *end != '\0' || n > max)
		errx(2, "%s: not a number up to %u", text, max);
	return n;
}

static union address address(const char *text)
{
	union address addr = {.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET};
	void *to =
		addr.family == AF_INET6 ? (void *)&addr.six.sin6_addr : (void *)&addr.four.sin_addr;

	if (inet_pton(addr.family, text, to) != 1)
		errx(2, "%s: not an address", text);
	return addr;
}

static void parse_options(struct endpoint *e, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'l':
			e->local = address(optarg);
			break;
		case 'r':
			e->remote = address(optarg);
			break;
		case 'k':
			e->has_key = true;
			e->key = number(optarg, UINT32_MAX);
			break;
		case 'c':
			e->checksum = true;
			break;
		case 's':
			e->sequence = true;
			break;
		case 't':
			e->name = optarg;
			break;
		case 'm':
			e->mtu = number(optarg, PACKET_MAX);
			break;
		default:
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc || e->name == NULL || e->local.family == AF_UNSPEC ||
	    e->local.family != e->remote.family) {
		fputs(usage, stderr);
		exit(2);
	}
}

static void open_tun(struct endpoint *e)
{
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};

	if (strlen(e->name) >= sizeof(ifr.ifr_name))
		errx(2, "%s: too long for an interface", e->name);
	strcpy(ifr.ifr_name, e->name);
	e->tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (e->tun < 0)
		err(1, "/dev/net/tun");
	if (ioctl(e->tun, TUNSETIFF, &ifr) < 0)
		err(1, "%s: cannot make it", e->name);
	ifr.ifr_mtu = e->mtu;
	if (control < 0 || ioctl(control, SIOCSIFMTU, &ifr) < 0)
		err(1, "%s: mtu %d", e->name, e->mtu);
	ifr.ifr_qlen = TUN_QUEUE;
	if (ioctl(control, SIOCSIFTXQLEN, &ifr) < 0)
		err(1, "%s: queue of %d", e->name, TUN_QUEUE);
	if (ioctl(control, SIOCGIFFLAGS, &ifr) < 0)
		err(1, "%s", e->name);
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &ifr) < 0)
		err(1, "%s: cannot bring it up", e->name);
	close(control);
}

static void open_raw(struct endpoint *e)
{
	bool six = e->local.family == AF_INET6;
	socklen_t size = six ? sizeof(e->local.six) : sizeof(e->local.four);
	int buffer = SOCKET_BUFFER, discover = IP_PMTUDISC_DONT;

	e->raw = socket(e->local.family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_GRE);
	if (e->raw < 0)
		err(1, "raw socket");
	if (bind(e->raw, &e->local.any, size) < 0)
		err(1, "the local address is not one of this host");
	if (connect(e->raw, &e->remote.any, size) < 0)
		err(1, "the remote address");
	/* Larger buffers and fragmentation of large outer packets are optional. */
	setsockopt(e->raw, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	setsockopt(e->raw, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	if (six)
		setsockopt(e->raw, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &discover, sizeof(discover));
	else
		setsockopt(e->raw, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover));
}

static uint16_t checksum(const uint8_t *data, size_t len)
{
	uint64_t sum = 0;
	uint16_t word;

	for (; len > 1; data += 2, len -= 2) {
		memcpy(&word, data, 2);
		sum += word;
	}
	if (len > 0) {
		word = 0;
		memcpy(&word, data, 1);
		sum += word;
	}
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void put32(uint8_t **p, uint32_t value)
{
	value = htonl(value);
	memcpy(*p, &value, 4);
	*p += 4;
}

static size_t header_len(const struct endpoint *e)
{
	return 4 + 4 * (e->checksum + e->has_key + e->sequence);
}

static bool is_ip(const uint8_t *packet)
{
	return packet[0] >> 4 == 4 || packet[0] >> 4 == 6;
}

/* Writes the GRE header before the @len bytes of payload that follow it. */
static void write_header(struct endpoint *e, uint8_t *gre, size_t len, uint32_t sequence)
{
	uint32_t flags = (e->checksum ? GRE_CHECKSUM : 0) | (e->has_key ? GRE_KEY : 0) |
			 (e->sequence ? GRE_SEQUENCE : 0);
	uint16_t sum;
	uint8_t *p = gre;

	put32(&p, flags << 16 | (gre[header_len(e)] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4));
	if (e->checksum)
		put32(&p, 0);
	if (e->has_key)
		put32(&p, e->key);
	if (e->sequence)
		put32(&p, sequence);
	if (e->checksum) {
		sum = checksum(gre, header_len(e) + len);
		memcpy(gre + 4, &sum, 2);
	}
}

static void send_all(struct endpoint *e, struct mmsghdr *messages, int n)
{
	for (int done = 0; done < n;) {
		int sent = sendmmsg(e->raw, messages + done, n - done, 0);

		if (sent > 0) {
			e->sent += sent;
			done += sent;
		} else {
			/* an ICMP error, or no route now; the next packet may succeed */
			e->send_failed++;
			done++;
		}
	}
}

static void *tun_to_raw(void *arg)
{
	static uint8_t packets[BATCH][GRE_MAX + PACKET_MAX];
	struct endpoint *e = arg;
	struct pollfd ready = {.fd = e->tun, .events = POLLIN};
	size_t head = header_len(e);
	uint32_t sequence = 0;

	for (;;) {
		struct mmsghdr messages[BATCH] = {0};
		struct iovec parts[BATCH];
		int n = 0;

		poll(&ready, 1, -1);
		while (n < BATCH) {
			ssize_t len = read(e->tun, packets[n] + head, PACKET_MAX);

			if (len <= 0)
				break;
			if (!is_ip(packets[n] + head))
				continue;
			write_header(e, packets[n], len, sequence++);
			parts[n] = (struct iovec){packets[n], head + len};
			messages[n].msg_hdr =
				(struct msghdr){.msg_iov = &parts[n], .msg_iovlen = 1};
			n++;
		}
		send_all(e, messages, n);
	}
	return NULL;
}

/*
 * The payload of a GRE packet, or NULL if it must be dropped. Sets *@len to the payload's length.
 */
static const uint8_t *check_header(struct endpoint *e, const uint8_t *gre, size_t *len)
{
	size_t head = 4;
	uint16_t flags, type;
	uint32_t key = 0;

	if (*len < head)
		return e->malformed++, NULL;
	flags = gre[0] << 8 | gre[1];
	type = gre[2] << 8 | gre[3];
	head += 4 * (!!(flags & GRE_CHECKSUM) + !!(flags & GRE_KEY) + !!(flags & GRE_SEQUENCE));
	if ((flags & GRE_REST) != 0 || (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6) ||
	    *len < head)
		return e->malformed++, NULL;
	if (flags & GRE_CHECKSUM && checksum(gre, *len) != 0)
		return e->bad_checksum++, NULL;
	if (flags & GRE_KEY)
		memcpy(&key, gre + (flags & GRE_CHECKSUM ? 8 : 4), 4);
	if (!(flags & GRE_KEY) != !e->has_key || ntohl(key) != e->key)
		return e->bad_key++, NULL;
	*len -= head;
	return gre + head;
}

/*
 * Length of the outer header: the kernel passes IPv4 packets with it, IPv6 packets without it. More
 * than @len: the header is invalid.
 */
static size_t outer_len(const struct endpoint *e, const uint8_t *packet, size_t len)
{
	size_t header = len > 0 ? (packet[0] & 0xf) * 4u : 0;

	if (e->local.family == AF_INET6)
		return 0;
	return header < sizeof(struct iphdr) ? len + 1 : header;
}

static void take(struct endpoint *e, const uint8_t *packet, size_t len)
{
	size_t outer = outer_len(e, packet, len);
	const uint8_t *payload;

	if (len < outer) {
		e->malformed++;
		return;
	}
	len -= outer;
	payload = check_header(e, packet + outer, &len);
	if (payload == NULL)
		return;
	if (write(e->tun, payload, len) == (ssize_t)len)
		e->received++;
	else
		/* the kernel did not accept it as an IP packet, or the interface is down */
		e->refused++;
}

static void *raw_to_tun(void *arg)
{
	static uint8_t packets[BATCH][PACKET_MAX];
	struct endpoint *e = arg;
	struct mmsghdr messages[BATCH] = {0};
	struct iovec parts[BATCH];

	for (size_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){packets[i], sizeof(packets[i])};
		messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	for (;;) {
		int n = recvmmsg(e->raw, messages, BATCH, MSG_WAITFORONE, NULL);

		for (int i = 0; i < n; i++)
			take(e, packets[i], messages[i].msg_len);
	}
	return NULL;
}

static void print_counters(const struct endpoint *e)
{
	printf("sent %lu\nsend_failed %lu\nreceived %lu\nmalformed %lu\nbad_checksum %lu\n"
	       "bad_key %lu\nrefused %lu\n",
	       e->sent, e->send_failed, e->received, e->malformed, e->bad_checksum, e->bad_key,
	       e->refused);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct endpoint e = {.mtu = MTU_DEFAULT};
	pthread_t out, in;
	sigset_t ends;
	int signal;

	parse_options(&e, argc, argv);
	open_tun(&e);
	open_raw(&e);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL); /* the threads inherit it */
	if (pthread_create(&out, NULL, tun_to_raw, &e) != 0 ||
	    pthread_create(&in, NULL, raw_to_tun, &e) != 0)
		errx(1, "cannot start a thread");
	printf("ready\n");
	fflush(stdout);
	sigwait(&ends, &signal);
	print_counters(&e);
	return 0;
}
