/*
 * Reset: answer a TCP segment that belongs to no flow by a reset, as a server does for an unknown
 * connection (RFC 9293 section 3.10.7.1). After a restart of the gateway, hosts then connect again
 * at once instead of retransmitting until they time out.
 *
 * The reset is written into the buffer of the segment, and is never longer.
 */
#include "answer/reset.h"

#include "base/addr6.h"
#include "base/checksum.h"
#include "base/wire.h"

/* Turns the segment at @tcp, which has ACK, into its answer; the checksum is not set. */
static void turn_round(uint8_t *tcp)
{
	be32_t ack = wire_be32(tcp + TCP_ACK_NUMBER);
	be16_t sport = wire_be16(tcp + TCP_SPORT), dport = wire_be16(tcp + TCP_DPORT);

	memset(tcp, 0, TCP_LEN);
	wire_put_be16(tcp + TCP_SPORT, dport);
	wire_put_be16(tcp + TCP_DPORT, sport);
	wire_put_be32(tcp + TCP_SEQ, ack);
	tcp[TCP_OFFSET] = TCP_LEN / 4 << 4;
	tcp[TCP_FLAGS] = TCP_RST;
}

/* @sum: sum of the addresses in network byte order. */
static void put_checksum(uint8_t *tcp, uint64_t sum)
{
	sum += (uint64_t)htons(PROTO_TCP) + htons(TCP_LEN);
	sum = checksum_add(sum, tcp, TCP_LEN);
	wire_put_be16(tcp + TCP_CHECKSUM, (uint16_t)~checksum_fold(sum));
}

uint8_t *reset_make(struct packet *p)
{
	uint8_t *tcp = p->data + p->l4;

	turn_round(tcp);
	put_checksum(tcp, (uint64_t)p->probe.key.src + p->probe.key.dst);
	p->data = tcp - IPV4_LEN;
	p->len = IPV4_LEN + TCP_LEN;
	return p->data;
}

uint8_t *reset_make6(struct packet *p, const struct flow6_key *key)
{
	uint8_t *tcp = p->data + p->l4;
	uint64_t sum = checksum_add(0, &key->src, sizeof(key->src));

	turn_round(tcp);
	put_checksum(tcp, checksum_add(sum, &key->dst, sizeof(key->dst)));
	p->data = tcp - IPV6_LEN;
	p->len = IPV6_LEN + TCP_LEN;
	return p->data;
}
