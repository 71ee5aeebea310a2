/*
 * IPsec tunnels: the far end must be known by its address or by its identity, no two may be the
 * same, and each side proves who it is by a pre-shared key or by certificates.
 *
 * charon accepts every secret that it finds by the far end's identity or by ours, whatever the
 * addresses are. So a secret must be found by one far end's identity alone: otherwise a site could
 * say that it is another one.
 *
 * Proposals are in strongSwan's words and go to charon, which knows them all. Of ESP only what our
 * data path has is accepted: charon would agree on others, and then find that they cannot be used.
 */
#include "control/config/check.h"
#include "control/config/config.h"
#include "control/config/identity.h"
#include "control/config/report.h"
#include "control/config/tree.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum {
	REKEY_S = 3600,
	IKE_REKEY_S = 4 * 3600,
	DPD_S = 10,
	REPLAY_WINDOW = 1024,
};

static const char *const aead[] = {"aes128gcm16", "aes256gcm16", "chacha20poly1305", NULL};
static const char *const ciphers[] = {"aes128", "aes192", "aes256", NULL};
static const char *const hashes[] = {"sha256", "sha384", "sha512", NULL};

static void fill_in(struct spec_ipsec *i, bool has_remote)
{
	i->rekey = i->rekey == 0 ? REKEY_S : i->rekey;
	i->ike_rekey = i->ike_rekey == 0 ? IKE_REKEY_S : i->ike_rekey;
	i->dpd = i->dpd == 0 ? DPD_S : i->dpd;
	i->replay_window = i->replay_window == 0 ? REPLAY_WINDOW : i->replay_window;
	if (i->ike_proposals[0] == '\0')
		snprintf(i->ike_proposals, sizeof(i->ike_proposals), "%s", SPEC_IKE_PROPOSALS);
	if (i->esp_proposals[0] == '\0')
		snprintf(i->esp_proposals, sizeof(i->esp_proposals), "%s", SPEC_ESP_PROPOSALS);
	if (!has_remote && i->initiate == INITIATE_YES)
		i->initiate = INITIATE_NO;
}

static bool is_in(const char *const *list, const char *word, size_t len)
{
	for (; *list != NULL; list++)
		if (strlen(*list) == len && memcmp(*list, word, len) == 0)
			return true;
	return false;
}

/* Does a proposal, @len characters, begin with algorithms of ours? Behind them is the exchange. */
static bool is_ours(const char *proposal, size_t len)
{
	size_t first = strcspn(proposal, "-,"), second;

	if (is_in(aead, proposal, first))
		return true;
	if (!is_in(ciphers, proposal, first) || first >= len)
		return false;
	second = strcspn(proposal + first + 1, "-,");
	return is_in(hashes, proposal + first + 1, second);
}

static void check_proposals(struct checker *checker, const struct spec_ipsec *i,
			    const struct tree_node *node)
{
	const char *at = i->esp_proposals;

	while (*at != '\0') {
		size_t len = strcspn(at, ",");

		if (!is_ours(at, len)) {
			report_at(checker->report, tree_get(node, "esp-proposals"),
				  "\"%.*s\" is not supported: it must begin with aes128gcm16, "
				  "aes256gcm16, chacha20poly1305, or aes128, aes192 or aes256 and "
				  "-sha256, -sha384 or -sha512",
				  (int)len, at);
			return;
		}
		at += len + (at[len] == ',');
	}
}

static void check_proof(struct checker *checker, const struct spec_ipsec *i,
			const struct tree_node *node)
{
	bool certificate = i->certificate[0] != '\0';

	if ((i->psk[0] != '\0') == certificate)
		report_at(checker->report, node,
			  certificate ? "\"psk\" and \"certificate\": a tunnel has one of them"
				      : "\"psk\" or \"certificate\" is missing: a tunnel has one "
					"of them");
	else if (certificate && (i->private_key[0] == '\0' || i->ca[0] == '\0'))
		report_at(checker->report, node, "\"%s\" is missing: it goes with \"certificate\"",
			  i->private_key[0] == '\0' ? "private-key" : "ca");
}

static void check_who(struct checker *checker, const struct spec_tunnel *t,
		      const struct tree_node *node)
{
	if (!addr6_is_zero(&t->remote))
		return;
	if (t->ipsec.peer_identity[0] == '\0')
		report_at(checker->report, node,
			  "\"peer-identity\" is missing: without \"remote\" only it says who "
			  "the far end is");
	if (tree_get(node, "initiate") != NULL && t->ipsec.initiate != INITIATE_NO)
		report_at(checker->report, tree_get(node, "initiate"),
			  "\"initiate\" must be no: without \"remote\" there is no address to "
			  "begin with");
}

/* What charon tells peers apart by. */
struct who {
	struct addr6 local, remote;
	char identity[SPEC_IDENTITY_SIZE];
};

static bool check_twice(struct checker *checker, struct seen *seen, const struct spec_tunnel *t,
			const struct tree_node *item)
{
	struct who who = {.local = t->local};
	const struct tree_node *before;

	if (t->ipsec.peer_identity[0] == '\0')
		who.remote = t->remote;
	strcpy(who.identity, t->ipsec.peer_identity);
	before = seen_add(seen, &who, sizeof(who), item);
	if (before != NULL)
		report_at(checker->report, item,
			  "the tunnel on line %u has the same far end: give them different "
			  "values of \"peer-identity\"",
			  before->line);
	return before == NULL;
}

/* --- secrets ---------------------------------------------------------------------------------- */

struct folded {
	char text[IDENTITY_FOLDED_SIZE];
};

/* An identity, or else the address. */
static struct folded fold(const char *identity, const struct addr6 *addr)
{
	bool six = !addr6_is_mapped(addr);
	struct folded folded = {0};
	char text[INET6_ADDRSTRLEN] = "";
	be32_t four = addr6_ipv4_or_0(addr);

	inet_ntop(six ? AF_INET6 : AF_INET, six ? (const void *)addr : &four, text, sizeof(text));
	identity_fold(identity[0] != '\0' ? identity : text, folded.text);
	return folded;
}

static bool has_psk(const struct tree_node *item, const char *psk)
{
	const struct tree_node *node = tree_get(tree_get(item, "ipsec"), "psk");

	return node != NULL && node->kind == TREE_TEXT && strcmp(node->text, psk) == 0;
}

/* Another tunnel with a secret of its own whose far end @who is. NULL: there is none. */
static const struct tree_node *find_peer(const struct seen *peers, const struct folded *who,
					 const char *psk)
{
	const struct tree_node *other = seen_find(peers, who->text, strlen(who->text));

	return other != NULL && !has_psk(other, psk) ? other : NULL;
}

/* Of a tunnel whose far end is known. */
static void check_peer(struct checker *checker, struct seen *peers, const struct spec_tunnel *t,
		       const struct tree_node *item)
{
	const char *identity = t->ipsec.peer_identity;
	struct folded peer = fold(identity, &t->remote);
	const struct tree_node *other = find_peer(peers, &peer, t->ipsec.psk);

	if (identity[0] != '\0' && identity_is_wide(identity))
		report_at(checker->report, tree_get(tree_get(item, "ipsec"), "peer-identity"),
			  "\"%s\" fits more than one far end: with \"psk\" it must be the "
			  "identity of one",
			  identity);
	else if (other != NULL)
		report_at(checker->report, item,
			  "the tunnel on line %u has the same far end and another \"psk\": both "
			  "would be accepted of it; give them different values of "
			  "\"peer-identity\"",
			  other->line);
	else
		seen_add(peers, peer.text, strlen(peer.text), item);
}

/* When all far ends are known. */
static void check_ours(struct checker *checker, const struct seen *peers,
		       const struct spec_tunnel *t, const struct tree_node *item)
{
	struct folded ours = fold(t->ipsec.identity, &t->local);
	const struct tree_node *other = find_peer(peers, &ours, t->ipsec.psk);

	if (other != NULL)
		report_at(checker->report, item,
			  "our identity here, \"%s\", is that of the far end of the tunnel on line "
			  "%u: its \"psk\" would be accepted here, too",
			  ours.text, other->line);
}

/* The default counts with an ICV of 16 bytes. */
static void fit_mtu(struct spec_tunnel *t)
{
	enum { LARGER_ICV = 16 }; /* HMAC-SHA-512-256 against HMAC-SHA-256-128 */
	const char *esp = t->ipsec.esp_proposals;

	if (!t->mtu_given && (strstr(esp, "-sha384") != NULL || strstr(esp, "-sha512") != NULL))
		t->mtu = (uint16_t)(t->mtu - LARGER_ICV);
}

/* Far ends: of all tunnels; and of those with a secret, folded. */
struct far_ends {
	struct seen all, peers;
};

/* False: an error was reported already. */
static bool is_read(const struct spec_tunnel *t, const struct tree_node *item)
{
	const struct tree_node *node = tree_get(item, "ipsec");

	return t->type == TUNNEL_IPSEC && node != NULL && node->kind == TREE_MAP &&
	       !addr6_is_zero(&t->local);
}

static void check_ipsec_tunnel(struct checker *checker, struct far_ends *far, struct spec_tunnel *t,
			       const struct tree_node *item)
{
	const struct tree_node *node = tree_get(item, "ipsec");
	bool is_known = !addr6_is_zero(&t->remote) || t->ipsec.peer_identity[0] != '\0';

	if (!is_read(t, item))
		return;
	check_who(checker, t, node);
	check_proof(checker, &t->ipsec, node);
	fill_in(&t->ipsec, !addr6_is_zero(&t->remote));
	check_proposals(checker, &t->ipsec, node);
	if (check_twice(checker, &far->all, t, item) && t->ipsec.psk[0] != '\0' && is_known)
		check_peer(checker, &far->peers, t, item);
	fit_mtu(t);
}

static void check_own_identities(struct checker *checker, const struct seen *peers)
{
	const struct network_spec *spec = &checker->config->network;
	const struct tree_node *site_item = check_items(checker->root, "sites", spec->n_sites);

	for (size_t i = 0; i < spec->n_sites; i++, site_item = site_item->next) {
		const struct spec_site *site = &spec->sites[i];
		const struct tree_node *item = check_items(site_item, "tunnels", site->n_tunnels);

		for (size_t k = 0; k < site->n_tunnels; k++, item = item->next)
			if (is_read(&site->tunnels[k], item) &&
			    site->tunnels[k].ipsec.psk[0] != '\0')
				check_ours(checker, peers, &site->tunnels[k], item);
	}
}

void check_ipsec(struct checker *checker)
{
	struct network_spec *spec = &checker->config->network;
	const struct tree_node *site_item = check_items(checker->root, "sites", spec->n_sites);
	struct far_ends far = {0};

	for (size_t i = 0; i < spec->n_sites; i++, site_item = site_item->next) {
		struct spec_site *site = &spec->sites[i];
		const struct tree_node *item = check_items(site_item, "tunnels", site->n_tunnels);

		for (size_t k = 0; k < site->n_tunnels; k++, item = item->next)
			if (site->tunnels[k].type == TUNNEL_IPSEC)
				check_ipsec_tunnel(checker, &far, &site->tunnels[k], item);
	}
	check_own_identities(checker, &far.peers);
	seen_fini(&far.all);
	seen_fini(&far.peers);
}
