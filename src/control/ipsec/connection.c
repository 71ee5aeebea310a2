/* One IPsec tunnel as a connection of charon: see connection.h. */
#include "control/ipsec/connection.h"

#include "network/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "homeward-";

const char *connection_name(uint16_t tunnel, char out[static CONNECTION_NAME_SIZE])
{
	snprintf(out, CONNECTION_NAME_SIZE, "%s%u", prefix, tunnel);
	return out;
}

uint16_t connection_tunnel(const char *name, size_t len)
{
	size_t at = strlen(prefix);
	unsigned long n = 0;

	if (len <= at || len - at > 5 || memcmp(name, prefix, at) != 0 || name[at] == '0')
		return TUNNEL_NONE;
	for (; at < len; at++) {
		if (name[at] < '0' || name[at] > '9')
			return TUNNEL_NONE;
		n = n * 10 + (unsigned long)(name[at] - '0');
	}
	return n <= SPEC_TUNNELS_MAX ? (uint16_t)n : TUNNEL_NONE;
}

static const char *address_text(const struct addr6 *addr, char out[static INET6_ADDRSTRLEN])
{
	be32_t four = addr6_ipv4_or_0(addr);

	if (addr6_is_zero(addr))
		snprintf(out, INET6_ADDRSTRLEN, "%%any");
	else if (addr6_is_mapped(addr))
		inet_ntop(AF_INET, &four, out, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, addr, out, INET6_ADDRSTRLEN);
	return out;
}

static void put_list(struct vici_writer *w, const char *key, const char *value)
{
	vici_list(w, key);
	vici_item(w, value);
	vici_list_end(w);
}

/* Values with commas between. */
static void put_items(struct vici_writer *w, const char *key, const char *values)
{
	vici_list(w, key);
	while (*values != '\0') {
		size_t len = strcspn(values, ",");

		vici_item_bytes(w, values, len);
		values += len + (values[len] == ',');
	}
	vici_list_end(w);
}

static void put_bool(struct vici_writer *w, const char *key, bool value)
{
	vici_put(w, key, value ? "yes" : "no");
}

/* An identity, or else the address. */
static void put_identity(struct vici_writer *w, const char *identity, const struct addr6 *addr)
{
	char text[INET6_ADDRSTRLEN];

	vici_put(w, "id", identity[0] != '\0' ? identity : address_text(addr, text));
}

static void put_certificate(struct vici_writer *w, const char *key, const uint8_t *data, size_t len)
{
	if (data == NULL)
		return;
	vici_list(w, key);
	vici_item_bytes(w, data, len);
	vici_list_end(w);
}

static void put_sides(struct vici_writer *w, const struct spec_tunnel *tunnel,
		      const struct credentials *c)
{
	const struct spec_ipsec *i = &tunnel->ipsec;
	const char *how = c->psk != NULL ? "psk" : "pubkey";

	vici_section(w, "local-1");
	vici_put(w, "auth", how);
	put_identity(w, i->identity, &tunnel->local);
	put_certificate(w, "certs", c->certificate, c->certificate_len);
	vici_end(w);
	vici_section(w, "remote-1");
	vici_put(w, "auth", how);
	put_identity(w, i->peer_identity, &tunnel->remote);
	put_certificate(w, "cacerts", c->ca, c->ca_len);
	vici_end(w);
}

/* What charon does at once, when the tunnel is closed, and when the peer is dead. */
static const struct {
	const char *start, *close, *dead;
} actions[] = {
	[INITIATE_YES] = {"start", "start", "restart"},
	[INITIATE_NO] = {"none", "none", "clear"},
	[INITIATE_ON_DEMAND] = {"trap", "trap", "trap"},
};

static void put_child(struct vici_writer *w, const struct spec_tunnel *tunnel, uint16_t id)
{
	const struct spec_ipsec *i = &tunnel->ipsec;
	char name[CONNECTION_NAME_SIZE];

	vici_section(w, "children");
	vici_section(w, connection_name(id, name));
	vici_put(w, "mode", "tunnel");
	put_items(w, "local_ts", "0.0.0.0/0,::/0");
	put_items(w, "remote_ts", "0.0.0.0/0,::/0");
	put_items(w, "esp_proposals", i->esp_proposals);
	vici_putf(w, "rekey_time", "%us", i->rekey);
	vici_putf(w, "replay_window", "%u", i->replay_window);
	vici_put(w, "start_action", actions[i->initiate].start);
	vici_put(w, "close_action", actions[i->initiate].close);
	vici_put(w, "dpd_action", actions[i->initiate].dead);
	put_bool(w, "copy_df", tunnel->outer_df != OUTER_DF_CLEAR);
	vici_putf(w, "if_id_in", "%u", id);
	vici_putf(w, "if_id_out", "%u", id);
	vici_end(w);
	vici_end(w);
}

void connection_write(struct vici_writer *w, const struct spec_tunnel *tunnel, uint16_t id,
		      const struct credentials *c)
{
	const struct spec_ipsec *i = &tunnel->ipsec;
	char name[CONNECTION_NAME_SIZE], text[INET6_ADDRSTRLEN];

	vici_section(w, connection_name(id, name));
	vici_put(w, "version", "2");
	put_list(w, "local_addrs", address_text(&tunnel->local, text));
	put_list(w, "remote_addrs", address_text(&tunnel->remote, text));
	put_items(w, "proposals", i->ike_proposals);
	vici_putf(w, "dpd_delay", "%us", i->dpd);
	vici_putf(w, "rekey_time", "%us", i->ike_rekey);
	vici_put(w, "keyingtries", "0"); /* never give up */
	vici_put(w, "unique", "replace");
	put_bool(w, "mobike", false);
	put_sides(w, tunnel, c);
	put_child(w, tunnel, id);
	vici_end(w);
}

void connection_write_secret(struct vici_writer *w, const struct spec_tunnel *tunnel, uint16_t id,
			     const struct credentials *c)
{
	const struct spec_ipsec *i = &tunnel->ipsec;
	char name[CONNECTION_NAME_SIZE], text[INET6_ADDRSTRLEN];

	vici_put(w, "id", connection_name(id, name));
	vici_put(w, "type", "IKE");
	vici_put_bytes(w, "data", c->psk, c->psk_len);
	put_list(w, "owners",
		 i->peer_identity[0] != '\0' ? i->peer_identity
					     : address_text(&tunnel->remote, text));
}

void connection_write_key(struct vici_writer *w, const struct credentials *c)
{
	vici_put(w, "type", "any");
	vici_put_bytes(w, "data", c->key, c->key_len);
}

void connection_write_name(struct vici_writer *w, const char *key, uint16_t id)
{
	char name[CONNECTION_NAME_SIZE];

	vici_put(w, key, connection_name(id, name));
}
