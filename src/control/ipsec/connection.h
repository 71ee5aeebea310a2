/*
 * One IPsec tunnel as a connection of charon: the messages of vici that load it, its secret, and
 * remove both.
 *
 * In charon a connection is named by the number of the tunnel, which it keeps when it is renamed,
 * and has this number as interface ID. So charon's SAs name their tunnel (ike_message.h).
 */
#pragma once

#include "control/ipsec/credentials.h"
#include "control/ipsec/vici_message.h"
#include "network/spec.h"

enum { CONNECTION_NAME_SIZE = 32 };

/* "homeward-17" */
const char *connection_name(uint16_t tunnel, char out[static CONNECTION_NAME_SIZE]);

/* The tunnel of a name that connection_name() made; TUNNEL_NONE: it is not one of ours. */
uint16_t connection_tunnel(const char *name, size_t len);

/* load-conn */
void connection_write(struct vici_writer *w, const struct spec_tunnel *tunnel, uint16_t id,
		      const struct credentials *c);
/* load-shared, for a tunnel with a pre-shared key */
void connection_write_secret(struct vici_writer *w, const struct spec_tunnel *tunnel, uint16_t id,
			     const struct credentials *c);
/* load-key, for a tunnel with a certificate */
void connection_write_key(struct vici_writer *w, const struct credentials *c);
/* The argument of unload-conn, and of unload-shared. */
void connection_write_name(struct vici_writer *w, const char *key, uint16_t id);
