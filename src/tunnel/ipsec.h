/*
 * IPsec: ESP (RFC 4303) in tunnel mode, as IP protocol 50 or in UDP (RFC 3948). A kind of tunnel.
 * The contracts of its functions are in tunnel/kind.h.
 *
 * Its packets are sealed: what is inside is known only when they were opened, and its tunnel by the
 * SPI. So open() and match_embedded() find nothing; esp/ opens and seals.
 */
#pragma once

#include "tunnel/kind.h"

enum drop ipsec_open(const uint8_t *p, size_t len, struct tunnel_opened *out);
bool ipsec_match_embedded(const uint8_t *p, size_t len, struct tunnel_opened *out);

/*
 * The largest overhead of AES-GCM, ChaCha20-Poly1305, and AES-CBC with HMAC-SHA-256, in UDP, which
 * every SA may come to use. With SHA-384 and SHA-512 packets are up to 16 bytes larger.
 */
uint8_t ipsec_overhead(bool over_ipv6, bool has_key);
uint16_t ipsec_inner_mtu(uint16_t outer, bool over_ipv6);

/* Only the outer IP header, by which the network knows the ends. */
uint8_t ipsec_make_header(uint8_t *out, const struct tunnel_outside *ends);

bool ipsec_is_stranger(enum drop drop);

/* Is the UDP packet at @udp, @len bytes, to the port of ESP and IKE? */
bool ipsec_is_in_udp(const uint8_t *udp, size_t len);

/*
 * What is in it? DROP_NONE: ESP. DROP_ESP_KEEPALIVE: a NAT keepalive (RFC 3948 section 2.3).
 * DROP_NOT_OURS: IKE.
 */
enum drop ipsec_check_udp(const uint8_t *udp, size_t len);
