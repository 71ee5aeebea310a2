/* The settings of IKEv2, of an IPsec tunnel: see schema.h. */
#include "control/config/schema_rows.h"

static const char *const initiate_names[] = {
	[INITIATE_YES] = "yes", [INITIATE_NO] = "no", [INITIATE_ON_DEMAND] = "on-demand", NULL};

enum { LIFE_MIN_S = 5, LIFE_MAX_S = 64800, DPD_MAX_S = 3600, WINDOW_MIN = 64, WINDOW_MAX = 4096 };

/* clang-format off */
static const struct setting ipsec_rows[] = {
	{
		.name = "identity", .type = SETTING_TEXT, AT(spec_tunnel, ipsec.identity),
		.fallback_words = "`local`",
		.reloadable = true,
		.help = "Our IKE identity: an address, a name, or the subject of our certificate.",
	}, {
		.name = "peer-identity", .type = SETTING_TEXT, AT(spec_tunnel, ipsec.peer_identity),
		.fallback_words = "`remote`; required without it",
		.reloadable = true,
		.help = "The far end's IKE identity. Peers with changing addresses are told apart "
			"by it.",
	}, {
		.name = "psk", .type = SETTING_PATH, AT(spec_tunnel, ipsec.psk),
		.fallback_words = "certificates are used",
		.reloadable = true,
		.help = "The file with the pre-shared key. Only its owner may read it (mode 0600).",
	}, {
		.name = "certificate", .type = SETTING_PATH, AT(spec_tunnel, ipsec.certificate),
		.fallback_words = "a pre-shared key is used",
		.reloadable = true,
		.help = "The file with our certificate (X.509, PEM or DER).",
	}, {
		.name = "private-key", .type = SETTING_PATH, AT(spec_tunnel, ipsec.private_key),
		.fallback_words = "none; required with `certificate`",
		.reloadable = true,
		.help = "The file with its private key. Only its owner may read it (mode 0600).",
	}, {
		.name = "ca", .type = SETTING_PATH, AT(spec_tunnel, ipsec.ca),
		.fallback_words = "none; required with `certificate`",
		.reloadable = true,
		.help = "The file with the certificate of the authority that signed the far end's.",
	}, {
		.name = "ike-proposals", .type = SETTING_TEXT, AT(spec_tunnel, ipsec.ike_proposals),
		.fallback_words = "`" SPEC_IKE_PROPOSALS "`",
		.reloadable = true,
		.help = "Algorithms of IKE, in order of preference, in strongSwan's words.",
	}, {
		.name = "esp-proposals", .type = SETTING_TEXT, AT(spec_tunnel, ipsec.esp_proposals),
		.fallback_words = "`" SPEC_ESP_PROPOSALS "`",
		.reloadable = true,
		.help = "Algorithms of ESP: AES-GCM with 16 bytes of ICV, ChaCha20-Poly1305, or "
			"AES-CBC with HMAC-SHA-256, -384 or -512. With a key exchange in it, each "
			"rekeying makes a new secret.",
	}, {
		.name = "initiate", .type = SETTING_CHOICE, AT(spec_tunnel, ipsec.initiate),
		.choices = initiate_names, .fallback_words = "`yes`; without `remote` `no`",
		.reloadable = true,
		.help = "Who begins: `yes`: we, and again when it is closed; `no`: the far end; "
			"`on-demand`: we, when a packet needs the tunnel.",
	}, {
		.name = "rekey", .type = SETTING_DURATION, AT(spec_tunnel, ipsec.rekey),
		.min = LIFE_MIN_S, .max = LIFE_MAX_S, .fallback_words = "1h",
		.reloadable = true,
		.help = "The time after which ESP gets new keys.",
	}, {
		.name = "ike-rekey", .type = SETTING_DURATION, AT(spec_tunnel, ipsec.ike_rekey),
		.min = LIFE_MIN_S, .max = LIFE_MAX_S, .fallback_words = "4h",
		.reloadable = true,
		.help = "The time after which IKE gets new keys.",
	}, {
		.name = "dpd", .type = SETTING_DURATION, AT(spec_tunnel, ipsec.dpd),
		.min = 1, .max = DPD_MAX_S, .fallback_words = "10s",
		.reloadable = true,
		.help = "Dead peer detection: after this time without a packet the far end is "
			"asked whether it lives.",
	}, {
		.name = "replay-window", .type = SETTING_NUMBER,
		AT(spec_tunnel, ipsec.replay_window),
		.min = WINDOW_MIN, .max = WINDOW_MAX, .fallback_words = "1024", .unit = "packets",
		.reloadable = true,
		.help = "How many packets back in their order are still accepted (RFC 4303 section "
			"3.4.3).",
	},
};

static const struct setting charon_rows[] = {
	{
		.name = "vici-socket", .type = SETTING_PATH, AT(config, vici_socket),
		.fallback = "/run/charon.vici",
		.restart = "charon is found by it",
		.help = "The control socket of strongSwan's charon.",
	}, {
		.name = "plugin-socket", .type = SETTING_PATH, AT(config, plugin_socket),
		.fallback = "/run/charon.homeward",
		.restart = "charon's plugin would lose it",
		.help = "The socket to which charon's plugin connects. It is also in "
			"/etc/strongswan.d/charon/kernel-homeward.conf.",
	},
};
/* clang-format on */

const struct block schema_charon = {
	.title = "strongSwan",
	.noun = "strongSwan",
	BLOCK_OF(charon_rows),
};

const struct block schema_ipsec = {
	.title = "IPsec",
	.noun = "the IPsec settings",
	BLOCK_OF(ipsec_rows),
};
