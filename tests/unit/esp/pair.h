/* Two SAs, one for each direction of a tunnel, under one key: what one seals the other opens. */
#pragma once

#include "esp/open.h"
#include "esp/seal.h"

enum pair_suite {
	PAIR_GCM128,
	PAIR_GCM256,
	PAIR_CHACHA,
	PAIR_CBC128_256,
	PAIR_CBC256_384,
	PAIR_CBC192_512,
	PAIR_SUITES
};

enum { PAIR_TUNNEL = 3, PAIR_ROOM = 4096 };

struct pair {
	struct esp_table *table;
	struct esp_worker *worker;
	struct esp_spec in_spec, out_spec;
	uint32_t in, out; /* handles */
	struct esp_sa *in_sa, *out_sa;
};

/* A sealed packet, and room around it. */
struct pair_packet {
	uint8_t room[PAIR_ROOM];
	struct esp_out out;
};

/* A specification that is sound, with keys made of @seed; outbound. */
struct esp_spec pair_spec(enum pair_suite suite, uint8_t seed);

/* @change may change the specification of both before they are added; NULL: nothing. */
void pair_make(struct pair *p, enum pair_suite suite, void (*change)(struct esp_spec *spec));
void pair_end(struct pair *p);

/* Makes an inner UDP packet of @len bytes in @at, and seals it. */
void pair_seal(struct pair *p, struct pair_packet *at, unsigned len);

/* The ESP part of a sealed packet, to be opened. */
struct esp_in pair_in(struct pair *p, struct pair_packet *at);

/* Opens one packet. */
enum drop pair_open(struct pair *p, struct esp_in *in);

/* Fills in an inner IPv4 packet of @len bytes. */
void pair_inner(uint8_t *ip, unsigned len);
