/* Egress pools: their addresses and slices, and the slice of a port. */
#include "network/index.h"
#include "network/network.h"

int network_find_slice(const struct network *net, uint32_t address, uint16_t port)
{
	const struct network_index *x = net->index;
	uint32_t place = x->slice_base[address] + (port >> x->slice_shift[address]);

	return (int)x->slices[place] - 1;
}

const struct pool *network_find_pool(const struct network *net, be32_t addr, uint16_t port)
{
	int address = network_find_address(net, addr);
	int slice = address < 0 ? -1 : network_find_slice(net, (uint32_t)address, port);

	return slice < 0 ? NULL : &net->pools[net->slices[slice].pool];
}

bool network_lets_in(const struct network *net, be32_t addr, uint16_t port)
{
	const struct pool *pool = network_find_pool(net, addr, port);

	return pool != NULL && pool->filtering == FILTERING_ENDPOINT_INDEPENDENT;
}

bool network_address_lets_in(const struct network *net, be32_t addr)
{
	int first = network_find_address(net, addr);

	return first >= 0 && net->addresses[first].lets_in;
}

static void compile_slices(struct network *net, const struct spec_pool *pool, uint16_t pool_index,
			   const struct spec_address *spec)
{
	for (uint32_t k = 0; k < 65536 / pool->slice_size; k++) {
		if (!spec_owns_slice(spec, k))
			continue;
		net->slices[net->n_slices++] = (struct slice){
			.addr = addr6_ipv4_or_0(&spec->addr),
			.first_port = (uint16_t)(k * pool->slice_size),
			.pool = pool_index,
			.size = pool->slice_size,
			.address = net->n_addresses,
		};
	}
}

/* Compiles the addresses of one family. Returns how many. */
static uint32_t compile_addresses(struct network *net, const struct spec_pool *spec, uint16_t pool,
				  bool six)
{
	uint32_t before = net->n_addresses;

	for (size_t k = 0; k < spec->n_addresses; k++) {
		const struct spec_address *from = &spec->addresses[k];
		struct egress_address *a = &net->addresses[net->n_addresses];

		if (addr6_is_ipv6(&from->addr) != six)
			continue;
		*a = (struct egress_address){
			.addr = addr6_ipv4_or_0(&from->addr),
			.addr6 = six ? from->addr : (struct addr6){{0}},
			.pool = pool,
			.port = (uint8_t)spec->port,
			.first_slice = net->n_slices,
		};
		compile_slices(net, spec, pool, from);
		a->n_slices = net->n_slices - a->first_slice;
		net->n_addresses++;
	}
	return net->n_addresses - before;
}

void network_compile_pools(struct network *net)
{
	for (uint16_t i = 0; i < net->n_pools; i++) {
		const struct spec_pool *spec = &net->spec.pools[i];
		struct pool *pool = &net->pools[i];

		*pool = (struct pool){
			.first_address = net->n_addresses,
			.slice_size = spec->slice_size,
			.port = (uint8_t)spec->port,
			.mapping = (uint8_t)spec->mapping,
			.filtering = (uint8_t)spec->filtering,
		};
		pool->n_addresses = compile_addresses(net, spec, i, false);
		pool->first_address6 = net->n_addresses;
		pool->n_addresses6 = compile_addresses(net, spec, i, true);

		if (net->egress == NULL && pool->n_addresses > 0)
			net->egress = pool;
		if (net->egress6 == NULL && pool->n_addresses6 > 0)
			net->egress6 = pool;
	}
	net->uplink6 = net->egress6 != NULL ? net->egress6->port : net->pools[0].port;
}

void index_slices(struct network *net)
{
	struct network_index *x = net->index;
	uint32_t base = 0;

	for (uint32_t i = 0; i < net->n_addresses; i++) {
		const struct egress_address *a = &net->addresses[i];
		uint32_t size = net->pools[a->pool].slice_size;
		struct addr6 addr = egress_address_of(a);
		uint32_t first = (uint32_t)network_find_egress(net, &addr);

		/*
		 * All entries of one address share one map; config ensures that their slice sizes
		 * agree.
		 */
		if (first == i) {
			x->slice_base[i] = base;
			base += 65536 / size;
		} else {
			x->slice_base[i] = x->slice_base[first];
		}
		x->slice_shift[i] = (uint8_t)__builtin_ctz(size);
		for (uint32_t k = a->first_slice; k < a->first_slice + a->n_slices; k++)
			x->slices[x->slice_base[i] + net->slices[k].first_port / size] = k + 1;
	}
}
