/*
 * A far end of an IPsec tunnel, for packet tests: seals and opens with an own table of SAs.
 *
 *   far end --- ESP --- [ bed ] --- uplink
 */
#pragma once

#include "bed.h"
#include "frame.h"

#include "esp/open.h"
#include "esp/seal.h"

enum { FAR_ROOM = 2048 };

struct far {
	struct esp_table *table;
	struct esp_worker *worker;
	struct esp_table *ours; /* the bed's */
	uint32_t our_in, our_out; /* handles of the bed's SAs */
	uint32_t in, out; /* of the far end's */
	uint16_t tunnel; /* id in the bed */
	uint8_t room[FAR_ROOM]; /* the packet that was sealed or opened last */
};

/* Encryption and its integrity. */
struct far_suite {
	uint16_t encryption, integrity;
	uint8_t key_len, auth_key_len;
};

/* All that we have. */
extern const struct far_suite far_suites[];
enum { FAR_SUITES = 12 };

struct far_options {
	struct far_suite suite;
	bool udp, esn, clear_df, no_dscp;
	bool six; /* outside: FAR_LOCAL6, FAR_REMOTE6 */
	uint16_t tunnel; /* 0: 1 */
	uint16_t window; /* 0: 128 */
	uint32_t local, remote; /* host order; 0: those of FAR_LOCAL, FAR_REMOTE */
	struct esp_selectors remote_selectors; /* of what the bed opens */
};

#define FAR_LOCAL IP(198, 51, 100, 1)
#define FAR_REMOTE IP(198, 51, 100, 10)
#define FAR_LOCAL6 "2001:db8:f::1"
#define FAR_REMOTE6 "2001:db8:f::10"

/* Makes the far end, and the SAs at both sides. */
void far_make(struct far *far, struct bed *bed, const struct far_options *options);

/* New SAs at both sides; the bed sends by the new one. The old handles are returned in @old. */
void far_rekey(struct far *far, const struct far_options *options, struct far *old);
void far_end(struct far *far);

/* Seals the inner packet of @f. Writes a frame and returns its length. */
size_t far_seal(struct far *far, const struct frame *f, uint8_t *frame);

/* The same of @len bytes of inner packet. */
size_t far_seal_bytes(struct far *far, const uint8_t *inner, size_t len, uint8_t *frame);

/* Opens a frame of the bed; its inner packet is read to @f. Fails the test if it cannot. */
void far_open(struct far *far, const uint8_t *frame, size_t len, struct frame *f);

/* The same; the bytes of the inner packet. Returns how many. */
size_t far_open_bytes(struct far *far, const uint8_t *frame, size_t len, uint8_t *inner);
