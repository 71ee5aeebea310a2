/* What charon tells of tunnels: see told.h. */
#include "control/ipsec/told.h"

#include "base/mono.h"
#include "control/ipsec/reasons.h"

#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

const char *const told_events[] = {"ike-updown", "ike-rekey", "list-sa", "log", NULL};

struct told {
	struct reasons *reasons;
	struct ike_view *ikes[SPEC_TUNNELS_MAX + 1]; /* NULL: none */
};

struct told *told_create(void)
{
	struct told *t = calloc(1, sizeof(*t));

	if (t != NULL)
		t->reasons = reasons_create();
	if (t != NULL && t->reasons != NULL)
		return t;
	told_destroy(t);
	return NULL;
}

void told_destroy(struct told *t)
{
	if (t == NULL)
		return;
	told_forget_ikes(t);
	reasons_destroy(t->reasons);
	free(t);
}

static void ike_is_up(void *arg, uint16_t tunnel, const struct ike_view *view)
{
	struct ike_view **ike = &((struct told *)arg)->ikes[tunnel];

	if (*ike == NULL)
		*ike = malloc(sizeof(**ike));
	if (*ike != NULL)
		**ike = *view;
}

static void forget_ike(struct told *t, uint16_t tunnel)
{
	free(t->ikes[tunnel]);
	t->ikes[tunnel] = NULL;
}

/* Another SA of the tunnel, newer than this one, may be up. */
static void ike_is_down(void *arg, uint16_t tunnel, const struct ike_view *view)
{
	const struct ike_view *ike = told_ike(arg, tunnel);

	if (ike != NULL && strcmp(ike->unique, view->unique) == 0)
		forget_ike(arg, tunnel);
}

static bool read_address(const char *text, struct addr6 *out)
{
	be32_t four;

	if (inet_pton(AF_INET, text, &four) != 1)
		return inet_pton(AF_INET6, text, out) == 1;
	*out = addr6_from_ipv4(four);
	return true;
}

/* The tunnel to this far end, if only one leads there. */
static uint16_t tunnel_to(void *arg, const char *address)
{
	const struct network *net = arg;
	uint16_t found = TUNNEL_NONE;
	struct addr6 remote;

	if (!read_address(address, &remote))
		return TUNNEL_NONE;
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t tunnel = net->tunnel_ids[i];
		const struct spec_tunnel *spec = network_tunnel_spec(net, tunnel);

		if (spec->type != TUNNEL_IPSEC || !addr6_equal(&spec->remote, &remote))
			continue;
		if (found != TUNNEL_NONE)
			return TUNNEL_NONE;
		found = tunnel;
	}
	return found;
}

void told_event(struct told *t, const struct network *net, const char *name, const uint8_t *data,
		size_t len)
{
	bool down = strcmp(name, "ike-updown") == 0 && !ike_view_is_up(data, len);

	if (strcmp(name, "log") == 0)
		reasons_hear(t->reasons, data, len, mono_ns(), tunnel_to, (void *)net);
	else
		ike_view_read(data, len, mono_ns(), down ? ike_is_down : ike_is_up, t);
}

const struct ike_view *told_ike(const struct told *t, uint16_t tunnel)
{
	return tunnel <= SPEC_TUNNELS_MAX ? t->ikes[tunnel] : NULL;
}

const char *told_why(const struct told *t, uint16_t tunnel)
{
	return reasons_of(t->reasons, tunnel);
}

void told_forget_why(struct told *t, uint16_t tunnel)
{
	reasons_forget(t->reasons, tunnel);
}

void told_forget(struct told *t, uint16_t tunnel)
{
	forget_ike(t, tunnel);
	reasons_forget(t->reasons, tunnel);
}

void told_forget_ikes(struct told *t)
{
	for (unsigned tunnel = 0; tunnel <= SPEC_TUNNELS_MAX; tunnel++)
		forget_ike(t, (uint16_t)tunnel);
}
