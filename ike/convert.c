/*
 * Between charon's types and those of ike_message.h: see convert.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "convert.h"

#include <netinet/in.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* @address has 4 or 16 bytes; of another length: zero. */
static void write_address(chunk_t address, uint8_t out[16])
{
	memset(out, 0, 16);
	if (address.len == 4) {
		memcpy(out, mapped, sizeof(mapped));
		memcpy(out + sizeof(mapped), address.ptr, 4);
	} else if (address.len == 16) {
		memcpy(out, address.ptr, 16);
	}
}

void convert_end(host_t *host, struct ike_end *end)
{
	write_address(host->get_address(host), end->address);
	end->port = host->get_port(host);
}

host_t *convert_host(const struct ike_end *end)
{
	bool is_ipv4 = memeq(end->address, mapped, sizeof(mapped));
	size_t at = is_ipv4 ? sizeof(mapped) : 0;

	return host_create_from_chunk(
		is_ipv4 ? AF_INET : AF_INET6,
		chunk_create((u_char *)end->address + at, sizeof(end->address) - at), end->port);
}

void convert_sa(const kernel_ipsec_sa_id_t *id, struct ike_sa *sa)
{
	convert_end(id->src, &sa->source);
	convert_end(id->dst, &sa->destination);
	sa->spi = id->spi;
	sa->tunnel = id->if_id;
}

void convert_selector(traffic_selector_t *ts, struct ike_selector *selector)
{
	write_address(ts->get_from_address(ts), selector->from);
	write_address(ts->get_to_address(ts), selector->to);
	selector->from_port = ts->get_from_port(ts);
	selector->to_port = ts->get_to_port(ts);
	selector->protocol = ts->get_protocol(ts);
}

static bool write_key(chunk_t key, uint8_t *out, uint16_t *len)
{
	if (key.len > IKE_KEY_MAX)
		return FALSE;
	if (key.len > 0)
		memcpy(out, key.ptr, key.len);
	*len = (uint16_t)key.len;
	return TRUE;
}

static bool write_selectors(linked_list_t *list, struct ike_selector *out, uint8_t *n)
{
	enumerator_t *each = list->create_enumerator(list);
	traffic_selector_t *ts;
	unsigned count = 0;

	for (; each->enumerate(each, &ts); count++) {
		if (count < IKE_SELECTORS_MAX)
			convert_selector(ts, &out[count]);
	}
	each->destroy(each);
	*n = (uint8_t)count;
	return count <= IKE_SELECTORS_MAX;
}

static uint8_t dscp_of(dscp_copy_t copy)
{
	switch (copy) {
	case DSCP_COPY_OUT_ONLY:
		return IKE_DSCP_OUT;
	case DSCP_COPY_IN_ONLY:
		return IKE_DSCP_IN;
	case DSCP_COPY_YES:
		return IKE_DSCP_BOTH;
	default:
		return IKE_DSCP_NONE;
	}
}

static void write_limits(const lifetime_cfg_t *life, struct ike_add_sa *m)
{
	m->soft_bytes = life->bytes.rekey;
	m->hard_bytes = life->bytes.life;
	m->soft_packets = life->packets.rekey;
	m->hard_packets = life->packets.life;
	m->soft_s = (uint32_t)min(life->time.rekey, (uint64_t)UINT32_MAX);
	m->hard_s = (uint32_t)min(life->time.life, (uint64_t)UINT32_MAX);
}

bool convert_add_sa(const kernel_ipsec_sa_id_t *id, const kernel_ipsec_add_sa_t *data,
		    struct ike_add_sa *m)
{
	if (data->ipcomp != 0 || !write_key(data->enc_key, m->encryption_key, &m->encryption_len) ||
	    !write_key(data->int_key, m->integrity_key, &m->integrity_len) ||
	    !write_selectors(data->src_ts, m->source, &m->n_source) ||
	    !write_selectors(data->dst_ts, m->destination, &m->n_destination))
		return FALSE;
	convert_sa(id, &m->sa);
	write_limits(data->lifetime, m);
	m->reqid = data->reqid;
	m->replay_window = data->replay_window;
	m->tfc = data->tfc;
	m->encryption = data->enc_alg;
	m->integrity = data->int_alg;
	m->direction = data->inbound ? IKE_IN : IKE_OUT;
	m->tunnel_mode = data->mode == MODE_TUNNEL;
	m->esp = id->proto == IPPROTO_ESP;
	m->udp = data->encap;
	m->esn = data->esn;
	m->initiator = data->initiator;
	m->reserved = data->inbound && data->update;
	m->copy_df = data->copy_df;
	m->copy_ecn = data->copy_ecn;
	m->dscp = dscp_of(data->copy_dscp);
	return TRUE;
}
