/*
 * Sealing packets (RFC 4303 section 3.3).
 *
 *   IP, UDP   SPI, number   IV   inner packet   padding, its length, next header   ICV
 *
 * A number is taken only if the packet will be sent: the last thing that can fail are the limits.
 * Numbers of one SA are in the order of the packets in the burst.
 *
 * The outer header has the inner ECN field (RFC 6040 section 4.1) and DSCP, unless the SA says not
 * to tell it. Over IPv6 the flow label is 0: a hash of the inner packet would tell flows apart.
 */
#include "esp/seal.h"

#include "base/checksum.h"
#include "base/wire.h"
#include "esp/sa_event.h"

enum { CLASS_SHIFT = 20 };

static __attribute__((noinline)) enum drop check_limits(struct esp_worker *w, struct esp_sa *sa)
{
	if (sa->packets >= sa->limits.hard_packets || sa->bytes >= sa->limits.hard_bytes ||
	    sa->window.newest == UINT64_MAX) {
		esp_tell_limit(w, sa, ESP_EVENT_HARD);
		return DROP_ESP_LIMIT;
	}
	if (sa->packets >= sa->limits.soft_packets || sa->bytes >= sa->limits.soft_bytes)
		esp_tell_limit(w, sa, ESP_EVENT_SOFT);
	return DROP_NONE;
}

/* All of it is written, and the ICV over what is too much. */
static const uint8_t padding[ESP_ALIGN_MAX] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static void put_trailer(const struct esp_out *o)
{
	uint8_t *end = o->inner + o->inner_len;
	unsigned pad = esp_padding(o->sa->suite, o->inner_len);

	memcpy(end, padding, sizeof(padding));
	end[pad] = (uint8_t)pad;
	end[pad + 1] = o->inner[0] >> 4 == 6 ? ESP_NEXT_IPV6 : ESP_NEXT_IPV4;
}

static void put_esp(const struct esp_out *o, struct esp_job *j)
{
	struct esp_sa *sa = o->sa;
	const struct esp_suite *s = sa->suite;

	__atomic_store_n(&sa->window.newest, sa->window.newest + 1, __ATOMIC_RELAXED);
	j->sa = sa;
	j->number = sa->window.newest;
	j->esp = o->inner - s->iv_len - ESP_HEADER_LEN;
	j->len = (uint16_t)(ESP_HEADER_LEN + s->iv_len + o->inner_len +
			    esp_padding(s, o->inner_len) + ESP_TRAILER_LEN + s->icv_len);
	wire_put_be32(j->esp + ESP_SPI, sa->spi);
	wire_put_be32(j->esp + ESP_NUMBER, htonl((uint32_t)j->number));
	put_trailer(o);
}

/* DSCP and ECN of the inner packet, for the outer one. */
static uint8_t outer_class(const struct esp_out *o)
{
	uint8_t class =
		o->inner[0] >> 4 == 6 ? (uint8_t)(wire_16(o->inner) >> 4) : o->inner[IPV4_TOS];

	return o->sa->no_dscp ? class & IPV4_ECN : class;
}

static void finish_ipv4(struct esp_out *o, uint8_t class)
{
	be16_t df = o->sa->clear_df ? 0 : htons(IPV4_DF);
	uint64_t delta = checksum_delta16(0, htons(o->outer_len)) + htons(class) + df;

	o->outer[IPV4_TOS] = class;
	wire_put_be16(o->outer + IPV4_FRAGMENT, df);
	wire_put_be16(o->outer + IPV4_LENGTH, htons(o->outer_len));
	wire_put_be16(o->outer + IPV4_CHECKSUM,
		      checksum_apply(wire_be16(o->outer + IPV4_CHECKSUM), delta));
}

static void finish_ipv6(struct esp_out *o, uint8_t class)
{
	wire_put_be32(o->outer, htonl(UINT32_C(6) << 28 | (uint32_t) class << CLASS_SHIFT));
	wire_put_be16(o->outer + IPV6_LENGTH, htons((uint16_t)(o->outer_len - IPV6_LEN)));
}

/* @class: read before, since the inner packet is encrypted now. */
static void put_outer(struct esp_out *o, const struct esp_job *j, uint8_t class)
{
	const struct esp_outer *outer = esp_outer_of(o->sa);
	unsigned ip = outer->six ? IPV6_LEN : IPV4_LEN;

	o->outer = j->esp - outer->len;
	o->outer_len = (uint16_t)(outer->len + j->len);
	o->six = outer->six;
	o->needs_id = !outer->six && o->sa->clear_df;
	memcpy(j->esp - ESP_OUTER_MAX, outer->bytes, ESP_OUTER_MAX); /* ends where ESP begins */
	if (outer->len > ip)
		wire_put_be16(o->outer + ip + UDP_LENGTH, htons((uint16_t)(o->outer_len - ip)));
	if (outer->six)
		finish_ipv6(o, class);
	else
		finish_ipv4(o, class);
}

static void count(const struct esp_worker *w, struct esp_out *o)
{
	struct esp_sa *sa = o->sa;

	esp_count(&sa->packets, 1);
	esp_count(&sa->bytes, o->inner_len);
	__atomic_store_n(&sa->used_ns, w->now_ns, __ATOMIC_RELAXED);
}

void esp_seal(struct esp_worker *w, struct esp_out *out, unsigned n)
{
	struct esp_out *at[ARRAY_SIZE(w->jobs)];
	uint8_t class[ARRAY_SIZE(w->jobs)];
	unsigned jobs = 0;

	for (unsigned i = 0; i < n; i++) {
		struct esp_out *o = &out[i];

		o->drop = DROP_NONE;
		if (esp_is_at_limit(o->sa) || o->sa->window.newest == UINT64_MAX)
			o->drop = (uint8_t)check_limits(w, o->sa);
		if (o->drop != DROP_NONE) {
			esp_count(&o->sa->refused, 1);
			continue;
		}
		class[jobs] = outer_class(o);
		put_esp(o, &w->jobs[jobs]);
		count(w, o);
		at[jobs++] = o;
	}
	esp_cipher_seal(w->cipher, w->jobs, jobs);
	for (unsigned i = 0; i < jobs; i++)
		put_outer(at[i], &w->jobs[i], class[i]);
}
