/* GET /v1/tunnels/unknown: senders of tunnel packets that belong to no configured tunnel. */
#include "in/unknown.h"
#include "control/api/handlers.h"

#include <stdlib.h>

const struct route_field unknown_fields[] = {
	{"tunnels[].reason", FIELD_STRING, "drop reason under which its packets are counted"},
	{"tunnels[].port", FIELD_STRING, "port it comes in by"},
	{"tunnels[].local", FIELD_STRING, "outer address of the gateway"},
	{"tunnels[].remote", FIELD_STRING, "outer address of the sender"},
	{"tunnels[].key", FIELD_INTEGER_OR_NULL, "key of RFC 2890; null: none, or not read"},
	{"tunnels[].packets", FIELD_INTEGER, "since it was first seen"},
	{"tunnels[].last_s", FIELD_INTEGER, "seconds since the last packet"},
	{"tunnels[].known_as", FIELD_STRING_OR_NULL,
	 "a tunnel that has the same remote address, with another key or local address"},
	{NULL},
};

static bool same(const struct unknown_tunnel *a, const struct unknown_tunnel *b)
{
	return addr6_equal(&a->remote, &b->remote) && addr6_equal(&a->local, &b->local) &&
	       a->key == b->key && a->has_key == b->has_key && a->reason == b->reason &&
	       a->port == b->port;
}

/* Adds one worker's entries to the @n entries of @all; returns their new number. */
static size_t merge(struct unknown_tunnel *all, size_t n, const struct unknown_tunnel *one)
{
	for (size_t i = 0; i < n; i++) {
		if (!same(&all[i], one))
			continue;
		all[i].packets += one->packets;
		if (one->seen_s < all[i].seen_s)
			all[i].seen_s = one->seen_s;
		return n;
	}
	all[n] = *one;
	return n + 1;
}

static int more_packets_first(const void *a, const void *b)
{
	uint64_t x = ((const struct unknown_tunnel *)a)->packets;
	uint64_t y = ((const struct unknown_tunnel *)b)->packets;

	return x < y ? 1 : x > y ? -1 : 0;
}

static json_t *find_remote(const struct network *net, const struct addr6 *remote)
{
	for (uint32_t i = 0; i < net->n_tunnels; i++) {
		uint16_t id = net->tunnel_ids[i];
		struct addr6 known = network_tunnel_remote(net, id);

		if (addr6_equal(&known, remote))
			return json_string(network_tunnel_name(net, id));
	}
	return json_null();
}

static json_t *describe(const struct api_context *ctx, const struct unknown_tunnel *t)
{
	return json_pack("{s:s, s:s, s:o, s:o, s:o, s:I, s:I, s:o}", "reason",
			 drop_infos[t->reason].name, "port", port_name(ctx, t->port), "local",
			 json_end(&t->local), "remote", json_end(&t->remote), "key",
			 t->has_key ? json_integer(t->key) : json_null(), "packets",
			 (json_int_t)t->packets, "last_s", (json_int_t)t->seen_s, "known_as",
			 find_remote(ctx->net, &t->remote));
}

void unknown_answer(const struct api_request *rq, struct api_reply *reply)
{
	const struct api_context *ctx = rq->ctx;
	struct unknown_tunnel all[WORKERS_MAX * UNKNOWN_TUNNELS], one[UNKNOWN_TUNNELS];
	json_t *list = json_array();
	size_t n = 0;

	for (size_t i = 0; i < ctx->n_workers; i++) {
		size_t found = worker_read_unknown(ctx->workers[i], one);

		for (size_t k = 0; k < found; k++)
			n = merge(all, n, &one[k]);
	}
	qsort(all, n, sizeof(all[0]), more_packets_first);
	for (size_t i = 0; i < n && i < UNKNOWN_TUNNELS; i++)
		json_array_append_new(list, describe(ctx, &all[i]));
	reply->body = json_pack("{s:o}", "tunnels", list);
}
