/*
 * Any requests of charon's plugin, on the real table of SAs: they are carried out or refused, and
 * afterwards nothing is left over.
 *
 * The input is a list of requests: a byte for the type, one for what is made plausible, two for the
 * length, and the request, which is cut or filled with zeros.
 */
#include "control/ipsec/ike_view.h"
#include "control/ipsec/sas.h"
#include "control/ipsec/vici_message.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TUNNELS = 4, REQUESTS_MAX = 64, RESERVED_MAX = 8, HEAD = 4 };

/* What is made plausible. */
enum { FIX_TUNNEL = 1, FIX_SPI = 2, FIX_SUITE = 4, FIX_ENDS = 8, FIX_FORM = 16 };

static struct esp_table *table;
static uint32_t reserved[RESERVED_MAX]; /* network order */
static unsigned n_reserved;

static bool has_tunnel(void *arg, uint32_t tunnel)
{
	return tunnel > 0 && tunnel <= TUNNELS;
}

static void synchronize(void *arg)
{
}

static bool forget_event(void *arg, enum ike_type type, struct ike_message *m)
{
	return true;
}

static void forget_far_end(void *arg, uint16_t tunnel, const struct addr6 *remote)
{
}

static void put_end(struct ike_end *end, uint32_t addr)
{
	struct addr6 six = addr6_from_ipv4(htonl(addr));

	memcpy(end->address, &six, sizeof(end->address));
}

/* Every body that names an SA begins with it. */
static void fix(struct ike_message *m, uint8_t how)
{
	bool out = m->add_sa.direction == IKE_OUT && m->header.type == IKE_ADD_SA;

	if (how & FIX_TUNNEL)
		m->sa.tunnel = 1 + m->sa.tunnel % TUNNELS;
	if ((how & FIX_SPI) && n_reserved > 0)
		m->sa.spi = reserved[m->sa.spi % n_reserved];
	if (how & FIX_ENDS) {
		put_end(out ? &m->sa.source : &m->sa.destination, 0xc0000201);
		put_end(out ? &m->sa.destination : &m->sa.source, 0xc0000202);
	}
	if (m->header.type != IKE_ADD_SA)
		return;
	if (how & FIX_FORM)
		m->add_sa.esp = m->add_sa.tunnel_mode = 1;
	if (how & FIX_SUITE) {
		m->add_sa.encryption = ESP_AES_GCM_16;
		m->add_sa.integrity = ESP_AEAD;
		m->add_sa.encryption_len = 36;
		m->add_sa.integrity_len = 0;
		m->add_sa.n_source = m->add_sa.n_destination = 0;
	}
}

static void one_request(struct ipsec_sas *s, uint8_t type, uint8_t how, const uint8_t *body,
			size_t len, uint64_t now_ns)
{
	struct ike_answer answer = {0};
	struct ike_message m = {0};
	size_t room = sizeof(m) - sizeof(m.header);

	memcpy((uint8_t *)&m + sizeof(m.header), body, len < room ? len : room);
	m.header.type = type % IKE_TYPES;
	fix(&m, how);
	if (ipsec_sas_request(s, &m, &answer, now_ns) == IKE_OK && m.header.type == IKE_GET_SPI &&
	    n_reserved < RESERVED_MAX)
		reserved[n_reserved++] = answer.spi;
}

static void note_view(void *arg, uint16_t tunnel, const struct ike_view *view)
{
	if (strlen(view->algorithms) >= IKE_VIEW_TEXT)
		abort();
}

/* The same bytes as a message of vici. */
static void read_as_vici(const uint8_t *data, size_t size)
{
	char value[16];

	ike_view_read(data, size, 1, note_view, NULL);
	vici_find(data, size, "up", value, sizeof(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ipsec_sas_parts parts = {.has_tunnel = has_tunnel,
						     .synchronize = synchronize,
						     .send = forget_event,
						     .far_end = forget_far_end};
	struct ipsec_sas_parts with = parts;
	struct ipsec_sas *s;
	uint64_t now_ns = 1;
	size_t at = 0;

	if (table == NULL)
		table = esp_table_create(1);
	with.table = table;
	s = ipsec_sas_create(&with);
	n_reserved = 0;
	read_as_vici(data, size);
	for (unsigned i = 0; i < REQUESTS_MAX && at + HEAD <= size; i++) {
		size_t len = (size_t)data[at + 2] << 8 | data[at + 3];

		len = len < size - at - HEAD ? len : size - at - HEAD;
		one_request(s, data[at], data[at + 1], data + at + HEAD, len, now_ns);
		if (data[at] & 0x80)
			ipsec_sas_met(s, data[at + 1]);
		if (data[at + 1] & 0x80)
			ipsec_sas_tick(s, now_ns += UINT64_C(20000000000));
		at += HEAD + len;
	}
	one_request(s, IKE_FLUSH_SAS, 0, data, 0, now_ns);
	if (ipsec_sas_count(s) != 0 || esp_must_reclaim(table)) {
		fprintf(stderr, "SAs are left\n");
		abort();
	}
	ipsec_sas_destroy(s);
	return 0;
}
