/*
 * The network of the hairpin tests.
 *
 *     berlin 10.0.1.0/24 --- GRE 198.51.100.10 ------------+
 *     madrid 10.0.1.0/24 --- GRE 198.51.100.20, MTU 800 ---+--- [ gateway ] --- 203.0.113.1, slice 1
 *                                                                               203.0.113.2, slice 1
 */
#pragma once

#include "bed.h"
#include "frame.h"

#define GATEWAY IP(198, 51, 100, 1)
#define INSIDE IP(10, 255, 0, 1) /* the gateway's address in both tunnels */
#define BERLIN IP(198, 51, 100, 10)
#define MADRID IP(198, 51, 100, 20)
#define HOST IP(10, 0, 1, 10)
#define SERVER IP(192, 0, 2, 80)

enum { UNDERLAY, UPLINK };
enum { TCP = 6, UDP = 17, ICMP = 1, FIN = 1, SYN = 2, RST = 4, ACK = 16 };
enum { MADRID_MTU = 800 };

#define INDEPENDENT "endpoint-independent"
#define DEPENDENT "address-and-port-dependent"

/* An endpoint at a site: its tunnel, address and port. */
struct end {
	uint32_t site; /* outer address of its tunnel */
	uint32_t addr;
	uint16_t port;
};

/* An address and port on the Internet side of the gateway. */
struct outside {
	uint32_t addr;
	uint16_t port;
};

/* The frame that was taken last. */
struct taken {
	uint8_t raw[BED_FRAME_MAX];
	size_t len;
};

extern struct bed *bed;
extern struct taken taken;

void start_pool(const char *mapping, const char *filtering, unsigned workers);
void start(const char *filtering, unsigned workers); /* endpoint-independent mapping */
void stop(void);

void send_frame(unsigned port, const struct frame *f);
bool take(unsigned port, struct frame *out); /* takes the frame that comes out of @port, if any */
uint64_t drops(enum drop reason);

struct frame packet(const struct end *from, uint8_t proto, const struct outside *to);

/* The address and port by which the endpoint is seen outside: it sends a packet to the server. */
struct outside map(const struct end *end, uint8_t proto);
