/* GET /v1/ipsec: IPsec tunnels with their IKE SA and the SAs of ESP. */
#include "control/ipsec/ipsec.h"

#include "base/mono.h"
#include "control/api/handlers.h"
#include "control/api/list.h"

#include <stdio.h>

#define SECOND_NS UINT64_C(1000000000)

const struct route_arg ipsec_args[] = {
	{"site", ARG_NAME, 0, 0, "only the tunnels of this site"},
	PAGE_ARGS("all"),
	{NULL},
};

const struct route_field ipsec_fields[] = {
	{"ipsec[].tunnel", FIELD_STRING, "its name"},
	{"ipsec[].site", FIELD_STRING, "site it leads to"},
	{"ipsec[].state", FIELD_STRING,
	 "up; keys: SAs without an IKE SA, as after the end of charon; or down"},
	{"ipsec[].why", FIELD_STRING_OR_NULL, "why it is not up, as charon said"},
	{"ipsec[].remote", FIELD_STRING_OR_NULL, "address of the far end, where packets go"},
	{"ipsec[].remote_port", FIELD_STRING_OR_NULL, "its UDP port"},
	{"ipsec[].remote_identity", FIELD_STRING_OR_NULL, "as it was proved"},
	{"ipsec[].local_identity", FIELD_STRING_OR_NULL, "ours"},
	{"ipsec[].ike_algorithms", FIELD_STRING_OR_NULL, "encryption, integrity, PRF, exchange"},
	{"ipsec[].ike_s", FIELD_INTEGER, "seconds since the IKE SA was established; 0: none"},
	{"ipsec[].initiator", FIELD_BOOLEAN, "we began"},
	{"ipsec[].nat", FIELD_STRING, "which side is behind NAT: none, local, remote or both"},
	{"ipsec[].sas[].direction", FIELD_STRING, "in or out"},
	{"ipsec[].sas[].spi", FIELD_STRING, "security parameters index, as in the packet"},
	{"ipsec[].sas[].algorithms", FIELD_STRING, "of ESP"},
	{"ipsec[].sas[].used", FIELD_BOOLEAN, "packets leave by it; false for inbound ones"},
	{"ipsec[].sas[].form", FIELD_STRING, "esp, or udp: how packets are sent"},
	{"ipsec[].sas[].orphaned", FIELD_BOOLEAN, "of a charon that has ended"},
	{"ipsec[].sas[].age_s", FIELD_INTEGER, "seconds since it was added"},
	{"ipsec[].sas[].rekey_s", FIELD_INTEGER, "its age when new keys are asked for; 0: never"},
	{"ipsec[].sas[].packets", FIELD_INTEGER, "inner packets"},
	{"ipsec[].sas[].bytes", FIELD_INTEGER, "of them"},
	{"ipsec[].sas[].replayed", FIELD_INTEGER, "packets seen before, or too old"},
	{"ipsec[].sas[].forged", FIELD_INTEGER, "packets whose ICV is wrong"},
	{"ipsec[].sas[].refused", FIELD_INTEGER, "packets dropped for another reason"},
	PAGE_FIELDS,
	{NULL},
};

static const char *encryption_name(uint16_t encryption)
{
	switch (encryption) {
	case ESP_AES_GCM_16:
		return "AES-GCM";
	case ESP_AES_CBC:
		return "AES-CBC";
	case ESP_CHACHA20_POLY1305:
		return "ChaCha20-Poly1305";
	default:
		return "unknown";
	}
}

static const char *integrity_name(uint16_t integrity)
{
	switch (integrity) {
	case ESP_HMAC_SHA2_256_128:
		return "/HMAC-SHA-256-128";
	case ESP_HMAC_SHA2_384_192:
		return "/HMAC-SHA-384-192";
	case ESP_HMAC_SHA2_512_256:
		return "/HMAC-SHA-512-256";
	default:
		return "";
	}
}

static void write_sa(void *arg, const struct ipsec_sa_view *sa)
{
	struct writer *w = arg;
	char text[64];

	writer_open(w, NULL, '{');
	writer_text(w, "direction", sa->outbound ? "out" : "in");
	snprintf(text, sizeof(text), "%08x", sa->spi);
	writer_text(w, "spi", text);
	snprintf(text, sizeof(text), "%s-%u%s%s", encryption_name(sa->encryption), sa->key_bits,
		 integrity_name(sa->integrity), sa->esn ? "/ESN" : "");
	writer_text(w, "algorithms", text);
	writer_bool(w, "used", sa->used);
	writer_text(w, "form", sa->udp ? "udp" : "esp");
	writer_bool(w, "orphaned", sa->orphaned);
	writer_number(w, "age_s", (mono_ns() - sa->added_ns) / SECOND_NS);
	writer_number(w, "rekey_s", sa->soft_s);
	writer_number(w, "packets", sa->counters.packets);
	writer_number(w, "bytes", sa->counters.bytes);
	writer_number(w, "replayed", sa->counters.replayed);
	writer_number(w, "forged", sa->counters.forged);
	writer_number(w, "refused", sa->counters.refused);
	writer_close(w, '}');
}

static void note_used(void *arg, const struct ipsec_sa_view *sa)
{
	if (sa->used)
		*(struct ipsec_sa_view *)arg = *sa;
}

static const char *text_or_null(const struct ike_view *ike, const char *text)
{
	return ike != NULL && text[0] != '\0' ? text : NULL;
}

static const char *nat_name(const struct ike_view *ike)
{
	if (ike == NULL || (!ike->nat_local && !ike->nat_remote))
		return "none";
	if (ike->nat_local && ike->nat_remote)
		return "both";
	return ike->nat_local ? "local" : "remote";
}

/* Packets follow the far end at once, and IKE's view of it is from when it was established. */
static void write_remote(struct writer *w, const struct ike_view *ike,
			 const struct ipsec_sa_view *used)
{
	char port[8];

	if (used->used)
		writer_address(w, "remote", &used->ends.remote);
	else
		writer_text(w, "remote", ike != NULL ? text_or_null(ike, ike->remote_host) : NULL);
	snprintf(port, sizeof(port), "%u", used->ends.remote_port);
	if (used->used && used->udp)
		writer_text(w, "remote_port", port);
	else
		writer_text(w, "remote_port",
			    ike != NULL ? text_or_null(ike, ike->remote_port) : NULL);
}

static void write_ike(struct writer *w, const struct ike_view *ike)
{
	static const struct ike_view none;
	const struct ike_view *v = ike != NULL ? ike : &none;

	writer_text(w, "remote_identity", text_or_null(ike, v->remote_id));
	writer_text(w, "local_identity", text_or_null(ike, v->local_id));
	writer_text(w, "ike_algorithms", text_or_null(ike, v->algorithms));
	writer_number(w, "ike_s",
		      ike == NULL || ike->established_ns == 0
			      ? 0
			      : (mono_ns() - ike->established_ns) / SECOND_NS);
	writer_bool(w, "initiator", v->initiator);
	writer_text(w, "nat", nat_name(ike));
}

static bool write_tunnel(const struct api_context *ctx, uint16_t id, uint32_t part,
			 struct writer *w)
{
	const struct ike_view *ike = ipsec_ike(ctx->ipsec, id);
	const struct ipsec_sas *sas = ipsec_sas(ctx->ipsec);
	struct ipsec_sa_view used = {0};

	ipsec_sas_list(sas, id, note_used, &used);
	writer_open(w, NULL, '{');
	writer_text(w, "tunnel", network_tunnel_name(ctx->net, id));
	writer_text(w, "site", network_site_name(ctx->net, ctx->net->tunnels[id].site));
	writer_text(w, "state", !used.used ? "down" : ike != NULL ? "up" : "keys");
	writer_text(w, "why", used.used ? NULL : ipsec_why(ctx->ipsec, id));
	write_remote(w, ike, &used);
	write_ike(w, ike);
	writer_open(w, "sas", '[');
	ipsec_sas_list(sas, id, write_sa, w);
	writer_close(w, ']');
	writer_close(w, '}');
	return true;
}

static uint32_t ipsec_max_tunnel(const struct network *net)
{
	return net->max_tunnel;
}

static bool is_ipsec(const struct network *net, uint16_t id)
{
	const struct spec_tunnel *spec = network_tunnel_spec(net, id);

	return spec != NULL && spec->type == TUNNEL_IPSEC;
}

void ipsec_answer(const struct api_request *rq, struct api_reply *reply)
{
	static const struct list_kind kind = {"ipsec", ipsec_max_tunnel, is_ipsec, write_tunnel};
	const struct arg *by_site = &rq->args[0];
	struct page page = page_of(&rq->args[1]);
	uint16_t site = SITE_INTERNET;

	if (by_site->given) {
		site = find_site(rq->ctx->net, by_site->text, reply);
		if (site == SITE_INTERNET)
			return;
	}
	reply_list(rq, reply, &kind, site, &page);
}
