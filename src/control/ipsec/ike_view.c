/* What charon says about an IKE SA: see ike_view.h. */
#include "control/ipsec/ike_view.h"

#include "base/types.h"
#include "control/ipsec/connection.h"
#include "control/ipsec/vici_message.h"
#include "network/network.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)

struct parts { /* of the field `algorithms` */
	char encryption[32], bits[8], integrity[32], prf[32], dh[32];
};

static bool is_key(const struct vici_reader *r, const char *key, char *out, size_t size)
{
	if (!vici_named(r, key))
		return false;
	snprintf(out, size, "%.*s", (int)r->value_len, r->value);
	return true;
}

static void read_key(const struct vici_reader *r, struct ike_view *view, struct parts *parts,
		     uint64_t now_ns)
{
	const struct {
		const char *key;
		char *out;
		size_t size;
	} texts[] = {
		{"remote-host", view->remote_host, sizeof(view->remote_host)},
		{"remote-port", view->remote_port, sizeof(view->remote_port)},
		{"remote-id", view->remote_id, sizeof(view->remote_id)},
		{"local-id", view->local_id, sizeof(view->local_id)},
		{"uniqueid", view->unique, sizeof(view->unique)},
		{"encr-alg", parts->encryption, sizeof(parts->encryption)},
		{"encr-keysize", parts->bits, sizeof(parts->bits)},
		{"integ-alg", parts->integrity, sizeof(parts->integrity)},
		{"prf-alg", parts->prf, sizeof(parts->prf)},
		{"dh-group", parts->dh, sizeof(parts->dh)},
	};
	char seconds[16];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (is_key(r, texts[i].key, texts[i].out, texts[i].size))
			return;
	if (is_key(r, "established", seconds, sizeof(seconds)))
		view->established_ns = now_ns - strtoul(seconds, NULL, 10) * SECOND_NS;
	else if (vici_named(r, "state"))
		view->established = vici_valued(r, "ESTABLISHED");
	else if (vici_named(r, "initiator"))
		view->initiator = vici_valued(r, "yes");
	else if (vici_named(r, "nat-local"))
		view->nat_local = vici_valued(r, "yes");
	else if (vici_named(r, "nat-remote"))
		view->nat_remote = vici_valued(r, "yes");
}

static void add_part(char *out, const char *sign, const char *part)
{
	size_t len = strlen(out);

	if (part[0] != '\0')
		snprintf(out + len, IKE_VIEW_TEXT - len, "%s%s", len > 0 ? sign : "", part);
}

static void join(struct ike_view *view, const struct parts *parts)
{
	add_part(view->algorithms, "", parts->encryption);
	add_part(view->algorithms, "-", parts->bits);
	add_part(view->algorithms, "/", parts->integrity);
	add_part(view->algorithms, "/", parts->prf);
	add_part(view->algorithms, "/", parts->dh);
}

/* The keys of the SA's own section, and of `new` in it; not those of its CHILD SAs and of `old`. */
static bool read_sa(struct vici_reader *r, struct ike_view *view, uint64_t now_ns)
{
	unsigned depth = r->depth, skipped = 0;
	struct parts parts = {0};
	enum vici_element e;

	*view = (struct ike_view){0};
	while ((e = vici_next(r)) != VICI_DONE && e != VICI_BROKEN && r->depth >= depth) {
		if (e == VICI_SECTION && skipped == 0 && !vici_named(r, "new"))
			skipped = r->depth;
		else if (e == VICI_SECTION_END && r->depth < skipped)
			skipped = 0;
		else if (e == VICI_KEY && skipped == 0)
			read_key(r, view, &parts, now_ns);
	}
	join(view, &parts);
	return e != VICI_BROKEN;
}

void ike_view_read(const uint8_t *data, size_t len, uint64_t now_ns,
		   void (*each)(void *arg, uint16_t tunnel, const struct ike_view *view), void *arg)
{
	struct vici_reader r = vici_read(data, len);
	struct ike_view view;
	enum vici_element e;

	while ((e = vici_next(&r)) != VICI_DONE && e != VICI_BROKEN) {
		uint16_t tunnel;

		if (e != VICI_SECTION)
			continue;
		tunnel = connection_tunnel(r.name, r.name_len);
		if (read_sa(&r, &view, now_ns) && tunnel != TUNNEL_NONE)
			each(arg, tunnel, &view);
	}
}

bool ike_view_is_up(const uint8_t *data, size_t len)
{
	char value[8];

	return vici_find(data, len, "up", value, sizeof(value)) && strcmp(value, "yes") == 0;
}
