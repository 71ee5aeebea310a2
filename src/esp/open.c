/*
 * Opening ESP packets (RFC 4303 section 3.4), in this order:
 *
 *   length      a header, an IV, whole blocks, an ICV             esp_short
 *   window      might the number be new?                          esp_replay
 *   ICV         of all packets of the burst                       esp_auth
 *   window      the number is new, also within the burst: set     esp_replay
 *   mapping     newest number from other ends: told to control
 *   limits      bytes and packets                                 esp_limit
 *   padding     1, 2, 3 ...                                       esp_padding
 *   next header IPv4 or IPv6, as the inner packet says            esp_next_header, esp_dummy
 *   selectors   inner addresses, protocol, ports                  esp_selector
 *
 * Nothing of a packet is believed before its ICV held, except its SPI and the low half of its
 * number.
 */
#include "esp/open.h"

#include "base/wire.h"
#include "esp/outer.h"
#include "esp/sa_event.h"
#include "esp/select.h"

static enum drop begin(const struct esp_in *in, struct esp_job *j)
{
	const struct esp_suite *s = in->sa->suite;
	unsigned around = (unsigned)ESP_HEADER_LEN + s->iv_len + s->icv_len;

	if (in->len < around + s->align || ((in->len - around) & (s->align - 1u)) != 0)
		return DROP_ESP_SHORT;
	j->sa = in->sa;
	j->esp = in->esp;
	j->len = in->len;
	j->number = esp_window_number(&in->sa->window, in->sa->esn,
				      ntohl(wire_be32(in->esp + ESP_NUMBER)));
	return esp_window_look(&in->sa->window, j->number) ? DROP_NONE : DROP_ESP_REPLAY;
}

static bool padding_is_sound(const uint8_t *pad, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (pad[i] != i + 1)
			return false;
	return true;
}

/* The text begins at in->inner and has in->inner_len bytes. */
static enum drop read_trailer(struct esp_in *in)
{
	const uint8_t *trailer = in->inner + in->inner_len - ESP_TRAILER_LEN;
	unsigned pad = trailer[0], next = trailer[1];

	if (pad + ESP_TRAILER_LEN > in->inner_len || !padding_is_sound(trailer - pad, pad))
		return DROP_ESP_PADDING;
	in->inner_len = (uint16_t)(in->inner_len - pad - ESP_TRAILER_LEN);
	if (next == ESP_NEXT_NONE)
		return DROP_ESP_DUMMY;
	in->six = next == ESP_NEXT_IPV6;
	if ((next != ESP_NEXT_IPV4 && !in->six) || in->inner_len == 0 ||
	    in->inner[0] >> 4 != (in->six ? 6 : 4))
		return DROP_ESP_NEXT_HEADER;
	return DROP_NONE;
}

static __attribute__((noinline)) enum drop check_limits(struct esp_worker *w, struct esp_sa *sa)
{
	if (sa->packets >= sa->limits.soft_packets || sa->bytes >= sa->limits.soft_bytes)
		esp_tell_limit(w, sa, ESP_EVENT_SOFT);
	if (sa->packets < sa->limits.hard_packets && sa->bytes < sa->limits.hard_bytes)
		return DROP_NONE;
	esp_tell_limit(w, sa, ESP_EVENT_HARD);
	return DROP_ESP_LIMIT;
}

static void look_at_ends(struct esp_worker *w, const struct esp_in *in)
{
	struct esp_ends from;

	if (esp_outer_is_answer(esp_outer_of(in->sa), in->ip, in->esp))
		return;
	esp_outer_read(in->ip, (unsigned)(in->esp - in->ip), &from);
	esp_tell_mapping(w, in->sa, &from);
}

static enum drop finish(struct esp_worker *w, struct esp_in *in, const struct esp_job *j)
{
	struct esp_sa *sa = in->sa;
	bool newest = j->number > sa->window.newest;
	enum drop drop;

	if (!j->good)
		return DROP_ESP_AUTH;
	if (!esp_window_set(&sa->window, j->number))
		return DROP_ESP_REPLAY;
	__atomic_store_n(&sa->used_ns, w->now_ns, __ATOMIC_RELAXED);
	if (newest)
		look_at_ends(w, in);
	in->number = j->number;
	in->inner = in->esp + ESP_HEADER_LEN + sa->suite->iv_len;
	in->inner_len =
		(uint16_t)(in->len - ESP_HEADER_LEN - sa->suite->iv_len - sa->suite->icv_len);
	drop = esp_is_at_limit(sa) ? check_limits(w, sa) : DROP_NONE;
	if (drop == DROP_NONE)
		drop = read_trailer(in);
	if (drop == DROP_NONE && sa->limited != NULL)
		drop = esp_select(sa->limited, in->inner, in->inner_len);
	return drop;
}

static void count(struct esp_in *in, enum drop drop)
{
	struct esp_sa *sa = in->sa;

	in->drop = (uint8_t)drop;
	if (drop == DROP_NONE) {
		esp_count(&sa->packets, 1);
		esp_count(&sa->bytes, in->inner_len);
	} else {
		esp_count(drop == DROP_ESP_REPLAY ? &sa->replayed
			  : drop == DROP_ESP_AUTH ? &sa->forged
						  : &sa->refused,
			  1);
	}
}

void esp_open(struct esp_worker *w, struct esp_in *in, unsigned n)
{
	struct esp_in *at[ESP_BURST_MAX];
	unsigned jobs = 0;

	for (unsigned i = 0; i < n; i++) {
		enum drop drop = begin(&in[i], &w->jobs[jobs]);

		if (drop == DROP_NONE)
			at[jobs++] = &in[i];
		else
			count(&in[i], drop);
	}
	esp_cipher_open(w->cipher, w->jobs, jobs);
	for (unsigned i = 0; i < jobs; i++)
		count(at[i], finish(w, at[i], &w->jobs[i]));
}
