/*
 * What to type at the far end of a tunnel: see peer_kinds.h.
 *
 * Secrets are not printed: the text says which file of the gateway has the key. Names of interfaces
 * in capital letters are to be replaced.
 */
#include "peer_kinds.h"

#include "peer_identity.h"

/* "pre-shared key" or certificates, as a sentence in a comment. */
static void say_proof(const struct peer_side *p, const char *comment, FILE *out)
{
	if (p->certificates)
		fprintf(out,
			"%s Both sides prove themselves by certificates: load those of this side "
			"and of the authority first.\n",
			comment);
	else
		fprintf(out, "%s Put the key of the gateway's file %s where it says KEY.\n",
			comment, p->psk_file);
}

/* An identity behind the word that its type has in @words. */
static void put_identity(const char *const words[], const char *identity, FILE *out)
{
	enum peer_identity_type type = peer_identity_read(identity, &identity);

	fprintf(out, "%s%s", words[type], identity);
}

static unsigned mss_of(const struct peer_side *p)
{
	return p->mtu - 40; /* headers of IPv4 and TCP */
}

/* --- Linux and strongSwan --------------------------------------------------------------------- */

static void linux_gre(const struct peer_side *p, FILE *out)
{
	fprintf(out, "ip link add gre-homeward type %s local %s remote %s ttl 64",
		p->over_ipv6 ? "ip6gre" : "gre", p->local, p->remote);
	if (p->has_key)
		fprintf(out, " key %u", p->key);
	fprintf(out, "\nip link set gre-homeward mtu %u up\n", p->mtu);
	if (p->inner_local[0] != '\0')
		fprintf(out, "ip address add %s peer %s dev gre-homeward\n", p->inner_local,
			p->inner_remote[0] != '\0' ? p->inner_remote : p->inner_local);
	fprintf(out, "# What goes through it, for example all: ip route add default dev "
		     "gre-homeward\n");
}

static void strongswan_ipsec(const struct peer_side *p, FILE *out)
{
	const char *auth = p->certificates ? "pubkey" : "psk";

	say_proof(p, "#", out);
	fprintf(out,
		"# /etc/swanctl/conf.d/homeward.conf, then: swanctl --load-all\n"
		"connections {\n"
		"  homeward {\n"
		"    version = 2\n"
		"    local_addrs = %s\n"
		"    remote_addrs = %s\n"
		"    proposals = %s\n"
		"    rekey_time = %us\n"
		"    dpd_delay = %us\n"
		"    local {\n"
		"      auth = %s\n"
		"      id = \"%s\"\n"
		"    }\n"
		"    remote {\n"
		"      auth = %s\n"
		"      id = \"%s\"\n"
		"    }\n"
		"    children {\n"
		"      homeward {\n"
		"        local_ts = 0.0.0.0/0,::/0\n"
		"        remote_ts = 0.0.0.0/0,::/0\n"
		"        esp_proposals = %s\n"
		"        rekey_time = %us\n"
		"        start_action = %s\n"
		"      }\n"
		"    }\n"
		"  }\n"
		"}\n",
		p->local[0] != '\0' ? p->local : "%any", p->remote, p->ike_proposals, p->ike_rekey,
		p->dpd, auth, p->local_id, auth, p->remote_id, p->esp_proposals, p->rekey,
		p->far_end_begins ? "start" : "none");
	if (!p->certificates)
		fprintf(out,
			"secrets {\n"
			"  ike-homeward {\n"
			"    id = \"%s\"\n"
			"    secret = \"KEY\"\n"
			"  }\n"
			"}\n",
			p->remote_id);
}

/* --- Cisco IOS and IOS XE --------------------------------------------------------------------- */

static void cisco_interface(const struct peer_side *p, FILE *out)
{
	fprintf(out, "interface Tunnel0\n description %s\n", p->name);
	if (p->inner_local[0] != '\0')
		fprintf(out, " ip address %s 255.255.255.254\n", p->inner_local);
	else
		fprintf(out, " ip unnumbered Loopback0\n");
	fprintf(out,
		" ip mtu %u\n ip tcp adjust-mss %u\n tunnel source %s\n tunnel destination %s\n",
		p->mtu, mss_of(p), p->local[0] != '\0' ? p->local : "WAN-INTERFACE", p->remote);
}

static void cisco_gre(const struct peer_side *p, FILE *out)
{
	cisco_interface(p, out);
	fprintf(out, " tunnel mode gre %s\n", p->over_ipv6 ? "ipv6" : "ip");
	if (p->has_key)
		fprintf(out, " tunnel key %u\n", p->key);
}

static void cisco_encryption(const struct peer_proposal *ike, FILE *out)
{
	if (ike->gcm)
		fprintf(out, " encryption aes-gcm-%u\n prf sha%u\n", ike->bits, ike->hash);
	else
		fprintf(out, " encryption aes-cbc-%u\n integrity sha%u\n", ike->bits, ike->hash);
}

/* The address of an identity has a mask or a length where it is compared. */
static void cisco_match(const struct peer_side *p, FILE *out)
{
	static const char *const words[] = {"fqdn ",  "address ", "address ",
					    "email ", "",	  "key-id "};
	const char *value;
	enum peer_identity_type type = peer_identity_read(p->remote_id, &value);

	if (type == PEER_ID_SUBJECT) {
		fprintf(out, " match certificate homeward\n");
		return;
	}
	fprintf(out, " match identity remote %s%s%s\n", words[type], value,
		type == PEER_ID_IPV4   ? " 255.255.255.255"
		: type == PEER_ID_IPV6 ? "/128"
				       : "");
}

static void cisco_profile(const struct peer_side *p, FILE *out)
{
	static const char *const words[] = {"fqdn ",  "address ", "address ",
					    "email ", "dn",	  "key-id "};
	const char *value;

	if (peer_identity_read(p->remote_id, &value) == PEER_ID_SUBJECT)
		fprintf(out, "crypto pki certificate map homeward 10\n subject-name eq %s\n",
			value);
	fprintf(out, "crypto ikev2 profile homeward\n");
	cisco_match(p, out);
	fprintf(out, " identity local ");
	if (peer_identity_read(p->local_id, &value) == PEER_ID_SUBJECT)
		fprintf(out, "dn"); /* that of its certificate */
	else
		put_identity(words, p->local_id, out);
	fprintf(out, "\n");
}

static void cisco_ipsec(const struct peer_side *p, FILE *out)
{
	const char *how = p->certificates ? "rsa-sig" : "pre-share";

	say_proof(p, "!", out);
	fprintf(out, "crypto ikev2 proposal homeward\n");
	cisco_encryption(&p->ike, out);
	fprintf(out, " group %u\ncrypto ikev2 policy homeward\n proposal homeward\n", p->ike.group);
	if (!p->certificates)
		fprintf(out,
			"crypto ikev2 keyring homeward\n peer homeward\n  address %s\n"
			"  pre-shared-key KEY\n",
			p->remote);
	cisco_profile(p, out);
	fprintf(out, " authentication remote %s\n authentication local %s\n", how, how);
	if (!p->certificates)
		fprintf(out, " keyring local homeward\n");
	fprintf(out, " lifetime %u\n dpd %u 3 periodic\n", p->ike_rekey, p->dpd);
	if (p->esp.gcm)
		fprintf(out, "crypto ipsec transform-set homeward esp-gcm %u\n", p->esp.bits);
	else
		fprintf(out, "crypto ipsec transform-set homeward esp-aes %u esp-sha%u-hmac\n",
			p->esp.bits, p->esp.hash);
	fprintf(out,
		" mode tunnel\ncrypto ipsec profile homeward\n set transform-set homeward\n"
		" set ikev2-profile homeward\n set security-association lifetime seconds %u\n",
		p->rekey);
	if (p->esp.group != 0)
		fprintf(out, " set pfs group%u\n", p->esp.group);
	cisco_interface(p, out);
	fprintf(out, " tunnel mode ipsec %s\n tunnel protection ipsec profile homeward\n",
		p->over_ipv6 ? "ipv6" : "ipv4");
}

/* --- Junos (SRX) ------------------------------------------------------------------------------ */

static void junos_gre(const struct peer_side *p, FILE *out)
{
	fprintf(out,
		"set interfaces gr-0/0/0 unit 0 description %s\n"
		"set interfaces gr-0/0/0 unit 0 tunnel source %s\n"
		"set interfaces gr-0/0/0 unit 0 tunnel destination %s\n",
		p->name, p->local, p->remote);
	if (p->has_key)
		fprintf(out, "set interfaces gr-0/0/0 unit 0 tunnel key %u\n", p->key);
	fprintf(out, "set interfaces gr-0/0/0 unit 0 family inet mtu %u\n", p->mtu);
	if (p->inner_local[0] != '\0')
		fprintf(out, "set interfaces gr-0/0/0 unit 0 family inet address %s/31\n",
			p->inner_local);
}

static void junos_encryption(const char *where, const struct peer_proposal *a, const char *hmac,
			     FILE *out)
{
	fprintf(out, "set security %s proposal homeward encryption-algorithm aes-%u-%s\n", where,
		a->bits, a->gcm ? "gcm" : "cbc");
	if (!a->gcm)
		fprintf(out, "set security %s proposal homeward authentication-algorithm %s\n",
			where, hmac);
}

static void junos_identities(const struct peer_side *p, FILE *out)
{
	static const char *const words[] = {"hostname ",	 "inet ", "inet6 ",
					    "user-at-hostname ", "",	  "key-id "};
	static const char begin[] = "set security ike gateway homeward";
	const char *value;

	fprintf(out, "%s local-identity ", begin);
	if (peer_identity_read(p->local_id, &value) == PEER_ID_SUBJECT)
		fprintf(out, "distinguished-name"); /* that of its certificate */
	else
		put_identity(words, p->local_id, out);
	fprintf(out, "\n%s remote-identity ", begin);
	if (peer_identity_read(p->remote_id, &value) == PEER_ID_SUBJECT)
		fprintf(out, "distinguished-name container \"%s\"", value);
	else
		put_identity(words, p->remote_id, out);
	fprintf(out, "\n");
}

static void junos_ipsec(const struct peer_side *p, FILE *out)
{
	char hash[16], hmac[32];

	snprintf(hash, sizeof(hash), "sha-%u", p->ike.hash);
	snprintf(hmac, sizeof(hmac), "hmac-sha-%u%s", p->esp.hash,
		 p->esp.hash == 256 ? "-128" : "");
	say_proof(p, "#", out);
	fprintf(out,
		"set security ike proposal homeward authentication-method %s\n"
		"set security ike proposal homeward dh-group group%u\n",
		p->certificates ? "certificates" : "pre-shared-keys", p->ike.group);
	junos_encryption("ike", &p->ike, hash, out);
	fprintf(out,
		"set security ike proposal homeward lifetime-seconds %u\n"
		"set security ike policy homeward proposals homeward\n",
		p->ike_rekey);
	if (!p->certificates)
		fprintf(out, "set security ike policy homeward pre-shared-key ascii-text KEY\n");
	fprintf(out,
		"set security ike gateway homeward ike-policy homeward\n"
		"set security ike gateway homeward address %s\n"
		"set security ike gateway homeward version v2-only\n"
		"set security ike gateway homeward external-interface WAN-INTERFACE\n"
		"set security ike gateway homeward dead-peer-detection interval %u\n"
		"set security ipsec proposal homeward protocol esp\n",
		p->remote, p->dpd < 10 ? 10 : p->dpd);
	junos_identities(p, out);
	junos_encryption("ipsec", &p->esp, hmac, out);
	fprintf(out,
		"set security ipsec proposal homeward lifetime-seconds %u\n"
		"set security ipsec policy homeward proposals homeward\n",
		p->rekey);
	if (p->esp.group != 0)
		fprintf(out,
			"set security ipsec policy homeward perfect-forward-secrecy keys group%u\n",
			p->esp.group);
	fprintf(out,
		"set security ipsec vpn homeward bind-interface st0.0\n"
		"set security ipsec vpn homeward ike gateway homeward\n"
		"set security ipsec vpn homeward ike ipsec-policy homeward\n"
		"set security ipsec vpn homeward establish-tunnels immediately\n"
		"set interfaces st0 unit 0 family inet mtu %u\n",
		p->mtu);
}

/* --- MikroTik RouterOS ------------------------------------------------------------------------ */

static void mikrotik_gre(const struct peer_side *p, FILE *out)
{
	if (p->has_key)
		fprintf(out,
			"# RouterOS has no GRE keys: give this tunnel an address pair of its own "
			"and no `key`.\n");
	fprintf(out,
		"/interface %s add name=homeward local-address=%s remote-address=%s mtu=%u "
		"keepalive=10s,3\n",
		p->over_ipv6 ? "gre6" : "gre", p->local, p->remote, p->mtu);
	if (p->inner_local[0] != '\0')
		fprintf(out, "/ip address add address=%s/31 interface=homeward\n", p->inner_local);
}

static void mikrotik_ipsec(const struct peer_side *p, FILE *out)
{
	static const char *const words[] = {
		"fqdn:", "address:", "address:", "user-fqdn:", "dn:", "key-id:"};

	say_proof(p, "#", out);
	fprintf(out,
		"/ip ipsec profile add name=homeward enc-algorithm=aes-%u hash-algorithm=sha%u "
		"dh-group=%s dpd-interval=%us lifetime=%us\n",
		p->ike.bits, p->ike.hash, peer_group_name(p->ike.group), p->dpd, p->ike_rekey);
	fprintf(out, "/ip ipsec proposal add name=homeward lifetime=%us pfs-group=%s ", p->rekey,
		p->esp.group != 0 ? peer_group_name(p->esp.group) : "none");
	if (p->esp.gcm)
		fprintf(out, "enc-algorithms=aes-%u-gcm auth-algorithms=null\n", p->esp.bits);
	else
		fprintf(out, "enc-algorithms=aes-%u-cbc auth-algorithms=sha%u\n", p->esp.bits,
			p->esp.hash);
	fprintf(out,
		"/ip ipsec peer add name=homeward address=%s/%u profile=homeward "
		"exchange-mode=ike2\n",
		p->remote, p->over_ipv6 ? 128 : 32);
	fprintf(out, "/ip ipsec identity add peer=homeward auth-method=%s my-id=\"",
		p->certificates ? "digital-signature" : "pre-shared-key secret=KEY");
	put_identity(words, p->local_id, out);
	fprintf(out, "\" remote-id=\"");
	put_identity(words, p->remote_id, out);
	fprintf(out, "\"\n");
	fprintf(out, "/ip ipsec policy add peer=homeward tunnel=yes src-address=0.0.0.0/0 "
		     "dst-address=0.0.0.0/0 proposal=homeward\n");
}

/* --- FortiGate -------------------------------------------------------------------------------- */

static void fortigate_gre(const struct peer_side *p, FILE *out)
{
	fprintf(out,
		"config system gre-tunnel\n"
		"    edit \"homeward\"\n"
		"        set interface \"WAN-INTERFACE\"\n"
		"        set local-gw %s\n"
		"        set remote-gw %s\n",
		p->local, p->remote);
	if (p->has_key)
		fprintf(out,
			"        set key-outbound %u\n"
			"        set key-inbound %u\n",
			p->key, p->key);
	fprintf(out, "    next\nend\n");
	if (p->inner_local[0] != '\0')
		fprintf(out,
			"config system interface\n"
			"    edit \"homeward\"\n"
			"        set ip %s 255.255.255.255\n"
			"        set remote-ip %s 255.255.255.255\n"
			"        set mtu-override enable\n"
			"        set mtu %u\n"
			"    next\nend\n",
			p->inner_local, p->inner_remote, p->mtu);
}

/* aes256gcm-prfsha384, aes256-sha256; of ESP aes256gcm */
static void fortigate_proposal(const struct peer_proposal *a, bool ike, FILE *out)
{
	fprintf(out, "        set proposal aes%u", a->bits);
	if (a->gcm && ike)
		fprintf(out, "gcm-prfsha%u\n", a->hash);
	else if (a->gcm)
		fprintf(out, "gcm\n");
	else
		fprintf(out, "-sha%u\n", a->hash);
}

/* Whose certificate is accepted: else it is anybody's whom the authority knows. */
static void fortigate_peer(const struct peer_side *p, FILE *out)
{
	static const char *const types[] = {"FQDN", "ipv4", "ipv6", "email", NULL, "string"};
	const char *value;
	enum peer_identity_type type = peer_identity_read(p->remote_id, &value);

	fprintf(out, "config user peer\n"
		     "    edit \"homeward\"\n"
		     "        set ca \"CA-CERTIFICATE\"\n");
	if (type == PEER_ID_SUBJECT)
		fprintf(out, "        set subject \"%s\"\n", value);
	else
		fprintf(out,
			"        set cn-type %s\n"
			"        set cn \"%s\"\n",
			types[type], value);
	fprintf(out, "    next\nend\n");
}

static void fortigate_ipsec(const struct peer_side *p, FILE *out)
{
	say_proof(p, "#", out);
	if (p->certificates)
		fortigate_peer(p, out);
	fprintf(out,
		"config vpn ipsec phase1-interface\n"
		"    edit \"homeward\"\n"
		"        set interface \"WAN-INTERFACE\"\n"
		"        set ike-version 2\n"
		"%s"
		"        set remote-gw %s\n",
		p->certificates ? "        set peertype peer\n        set peer \"homeward\"\n"
				: "        set peertype any\n",
		p->remote);
	fortigate_proposal(&p->ike, true, out);
	fprintf(out,
		"        set dhgrp %u\n"
		"        set localid \"%s\"\n"
		"        set keylife %u\n"
		"        set dpd on-idle\n",
		p->ike.group, p->local_id, p->ike_rekey);
	fprintf(out, p->certificates ? "        set authmethod signature\n"
				     : "        set psksecret KEY\n");
	fprintf(out, "    next\nend\n"
		     "config vpn ipsec phase2-interface\n"
		     "    edit \"homeward\"\n"
		     "        set phase1name \"homeward\"\n");
	fortigate_proposal(&p->esp, false, out);
	if (p->esp.group != 0)
		fprintf(out, "        set pfs enable\n        set dhgrp %u\n", p->esp.group);
	else
		fprintf(out, "        set pfs disable\n");
	fprintf(out,
		"        set keylifeseconds %u\n"
		"        set src-subnet 0.0.0.0 0.0.0.0\n"
		"        set dst-subnet 0.0.0.0 0.0.0.0\n"
		"    next\nend\n",
		p->rekey);
}

/* --- pfSense ---------------------------------------------------------------------------------- */

static void pfsense_gre(const struct peer_side *p, FILE *out)
{
	fprintf(out,
		"Interfaces > Assignments > GREs > Add\n"
		"  Parent interface      the one with %s\n"
		"  GRE remote address    %s\n",
		p->local, p->remote);
	if (p->inner_local[0] != '\0')
		fprintf(out,
			"  GRE tunnel local IP   %s\n"
			"  GRE tunnel remote IP  %s, /31\n",
			p->inner_local, p->inner_remote);
	if (p->has_key)
		fprintf(out, "  pfSense sets no GRE key: give this tunnel an address pair of its "
			     "own and "
			     "no `key`.\n");
	fprintf(out, "Interfaces > the new one: MTU %u, MSS %u\n", p->mtu, mss_of(p));
}

static void pfsense_ipsec(const struct peer_side *p, FILE *out)
{
	say_proof(p, " ", out);
	fprintf(out,
		"VPN > IPsec > Tunnels > Add P1\n"
		"  Key Exchange version  IKEv2\n"
		"  Remote Gateway        %s\n"
		"  Authentication        %s\n"
		"  My identifier         %s\n"
		"  Peer identifier       %s\n",
		p->remote, p->certificates ? "Mutual Certificate" : "Mutual PSK, KEY", p->local_id,
		p->remote_id);
	fprintf(out,
		"  Encryption            %s %u bits, %s%u, DH group %u\n"
		"  Life Time             %u\n"
		"  Dead Peer Detection   enabled, delay %u\n",
		p->ike.gcm ? "AES-GCM, key 128 bits of ICV," : "AES,", p->ike.bits,
		p->ike.gcm ? "PRF SHA" : "SHA", p->ike.hash, p->ike.group, p->ike_rekey, p->dpd);
	fprintf(out,
		"Show Phase 2 Entries > Add P2\n"
		"  Mode                  Routed (VTI)\n"
		"  Local, Remote         the addresses inside, or any of a free /30\n"
		"  Protocol              ESP\n"
		"  Encryption            %s, %u bits\n",
		p->esp.gcm ? "AES-GCM" : "AES", p->esp.bits);
	if (!p->esp.gcm)
		fprintf(out, "  Hash                  SHA%u\n", p->esp.hash);
	fprintf(out, "  PFS key group         ");
	if (p->esp.group != 0)
		fprintf(out, "%u\n", p->esp.group);
	else
		fprintf(out, "off\n");
	fprintf(out, "  Life Time             %u\n", p->rekey);
}

const struct peer_kind peer_kinds[] = {
	{"strongswan", PEER_ANYTHING, linux_gre, strongswan_ipsec},
	{"cisco-ios", PEER_IKE_GCM, cisco_gre, cisco_ipsec},
	{"junos", PEER_IKE_GCM, junos_gre, junos_ipsec},
	{"mikrotik", PEER_CURVE25519, mikrotik_gre, mikrotik_ipsec},
	{"fortigate", PEER_IKE_GCM | PEER_CURVE25519, fortigate_gre, fortigate_ipsec},
	{"pfsense", PEER_IKE_GCM | PEER_CURVE25519, pfsense_gre, pfsense_ipsec},
	{NULL},
};
