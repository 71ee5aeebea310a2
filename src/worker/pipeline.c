/*
 * THE table of stages. A packet passes them in this order, from start to end on one core.
 *
 * receive() fills the first list. Each stage then takes its list and passes every packet on to a
 * later stage; no packet goes back. This is the whole control flow of the packet path; the runner
 * is a loop over the table.
 *
 * Hairpinned packets (out/hairpin.c) begin again with parse, when all other packets are done. Then
 * they are returns, which go into a tunnel. An ICMP error about one of them is hairpinned once
 * more, and there are no errors about errors: at most three rounds.
 */
#include "worker/pipeline.h"

#include "answer/stages.h"
#include "in/assembly.h"
#include "in/receive.h"
#include "in/stages.h"
#include "out/stages.h"
#include "path/handover.h"
#include "setup/setup.h"
#include "worker/inject.h"

#include <string.h>

enum { ROUNDS_MAX = 3 };

const struct stage_info pipeline[STAGE_COUNT] = {
	[STAGE_DECAPSULATE] = {"decapsulate", stage_decapsulate,
			       "Ethernet frame -> inner packet and the tunnel it came by"},
	[STAGE_ESP_OPEN] = {"esp_open", stage_esp_open, "ESP packet -> inner packet, by its SA"},
	[STAGE_PARSE] = {"parse", stage_parse, "inner packet -> checked, with its flow key"},
	[STAGE_PARSE6] = {"parse6", stage_parse6, "the same for inner IPv6"},
	[STAGE_REASSEMBLE] = {"reassemble", stage_reassemble,
			      "fragment -> held until its packet is complete"},
	[STAGE_EMBEDDED] = {"embedded", stage_embedded,
			    "ICMP error -> the flow of its embedded packet"},
	[STAGE_LOOKUP] = {"lookup", stage_lookup, "flow key -> flow record, or setup"},
	[STAGE_LOOKUP6] = {"lookup6", stage_lookup6, "the same in the table of IPv6 flows"},
	[STAGE_ASK] = {"ask", stage_ask, "flow key -> the worker that has the flow, or setup"},
	[STAGE_ASK6] = {"ask6", stage_ask6, "the same in the tables of IPv6 flows"},
	[STAGE_SETUP] = {"setup", stage_setup, "first packet -> a flow, by the steps of setup.c"},
	[STAGE_SETUP6] = {"setup6", stage_setup6, "the same for IPv6"},
	[STAGE_HANDOVER] = {"handover", stage_handover, "packet of another worker -> its ring"},
	[STAGE_FORWARD] = {"forward", stage_forward, "flow -> nexthop, state, counters"},
	[STAGE_FORWARD6] = {"forward6", stage_forward6, "the same for IPv6"},
	[STAGE_REWRITE] = {"rewrite", stage_rewrite, "flow -> addresses, ports, TTL, MSS"},
	[STAGE_REWRITE6] = {"rewrite6", stage_rewrite6, "the same for IPv6"},
	[STAGE_REWRITE_EMBEDDED] = {"rewrite_embedded", stage_rewrite_embedded,
				    "ICMP error -> translated, with its embedded packet"},
	[STAGE_ANSWER] = {"answer", stage_answer, "packet -> reply of the gateway"},
	[STAGE_FRAGMENT] = {"fragment", stage_fragment,
			    "packet larger than the MTU -> sent in fragments"},
	[STAGE_ENCAPSULATE] = {"encapsulate", stage_encapsulate,
			       "packet -> tunnel and Ethernet headers in front"},
	[STAGE_ENCAPSULATE6] = {"encapsulate6", stage_encapsulate6, "the same for inner IPv6"},
	[STAGE_ESP_SEAL] = {"esp_seal", stage_esp_seal,
			    "packet of an IPsec tunnel -> ESP, by the tunnel's SA"},
	[STAGE_HAIRPIN] = {"hairpin", stage_hairpin, "packet to our own egress port -> parse"},
	[STAGE_TRANSMIT] = {"transmit", stage_transmit, "frame -> sent by a port"},
	[STAGE_DROP] = {"drop", stage_drop, "packet -> counted under its drop reason, freed"},
};

static void run_stages(struct context *ctx, struct burst *b)
{
	for (unsigned s = 0; s < STAGE_COUNT; s++) {
		if (b->n[s] > 0)
			pipeline[s].run(ctx, b);
	}
}

static void begin_again(struct burst *b)
{
	uint16_t n = b->n[STAGE_HAIRPIN];

	memcpy(b->list[STAGE_PARSE], b->list[STAGE_HAIRPIN], n * sizeof(b->list[0][0]));
	memset(b->n, 0, sizeof(b->n));
	b->n[STAGE_PARSE] = n;
}

unsigned pipeline_run(struct context *ctx, struct burst *b)
{
	unsigned n;

	memset(b->n, 0, sizeof(b->n));
	b->handed = b->detoured = b->spilled = 0;
	n = receive(ctx, b);
	if (n == 0)
		return 0;
	run_stages(ctx, b);
	for (unsigned again = 0; b->n[STAGE_HAIRPIN] > 0; again++) {
		assert(again < ROUNDS_MAX - 1);
		begin_again(b);
		run_stages(ctx, b);
	}
	return n;
}

unsigned pipeline_expire(struct context *ctx, struct burst *b)
{
	unsigned n;

	memset(b->n, 0, sizeof(b->n));
	n = reassembly_expire(ctx, b);
	if (n > 0)
		run_stages(ctx, b);
	return n;
}

unsigned pipeline_inject(struct context *ctx, struct burst *b, struct inject *in)
{
	unsigned n;

	memset(b->n, 0, sizeof(b->n));
	b->handed = b->detoured = b->spilled = 0;
	n = inject_take(in, ctx, b);
	if (n > 0)
		run_stages(ctx, b);
	return n;
}
