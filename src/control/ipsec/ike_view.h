/*
 * What charon says about an IKE SA, for people: read from its events and lists.
 *
 * The section of an IKE SA has the name of its connection, and keys such as `remote-host`:
 *
 *     homeward-17 { uniqueid = 3  state = ESTABLISHED  remote-host = 192.0.2.7  ... }
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IKE_VIEW_TEXT = 128 };

struct ike_view {
	bool established;
	bool initiator;
	bool nat_local, nat_remote; /* a NAT was found in front of this side */
	uint64_t established_ns; /* of the control thread's clock */
	char remote_host[IKE_VIEW_TEXT], remote_port[8], remote_id[IKE_VIEW_TEXT];
	char local_id[IKE_VIEW_TEXT];
	char algorithms[IKE_VIEW_TEXT]; /* AES_GCM_16-256/PRF_HMAC_SHA2_256/CURVE_25519 */
	char unique[16]; /* charon's number of it */
};

/*
 * Reads each IKE SA of the message of @len bytes that belongs to a tunnel of ours. Of a rekeying
 * the new one is read.
 */
void ike_view_read(const uint8_t *data, size_t len, uint64_t now_ns,
		   void (*each)(void *arg, uint16_t tunnel, const struct ike_view *view),
		   void *arg);

/* Does the event say that the SA goes up, and not down? */
bool ike_view_is_up(const uint8_t *data, size_t len);
