/*
 * Do the flow tables, and the mappings of endpoint-independent pools, fit into the machine?
 *
 * This is checked before anything starts, because the kernel grants address space without having
 * memory for it, and kills a process once the memory is used. The check follows base/memory.c: a
 * table uses reserved huge pages if they are enough for all of it, and ordinary memory otherwise. A
 * little memory is left to the machine.
 */
#include "base/err.h"
#include "control/config/config.h"
#include "flow/flow6.h"
#include "setup/mapping.h"

#include <errno.h>
#include <inttypes.h>

#define HUGE_PAGE (UINT64_C(2) << 20)

enum {
	BUFFERS_PER_PORT = 4 * CONFIG_RING, /* with one queue */
	/* rings to receive and to fill hold one ring's worth together */
	BUFFERS_PER_QUEUE = 3 * CONFIG_RING,
	BUFFERS_PER_WORKER = 4096,
};

struct left {
	uint64_t memory, huge; /* bytes */
};

static bool take(struct left *left, uint64_t size)
{
	size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
	if (size <= left->huge) {
		left->huge -= size;
		return true;
	}
	if (size > left->memory - left->memory / 32)
		return false;
	left->memory -= size;
	return true;
}

static bool has_mappings(const struct config *config)
{
	for (size_t i = 0; i < config->network.n_pools; i++) {
		if (config->network.pools[i].mapping == MAPPING_ENDPOINT_INDEPENDENT)
			return true;
	}
	return false;
}

/* Memory of the mappings (setup/mapping.c) of all workers. It never is in huge pages. */
static uint64_t bytes_of_mappings(const struct config *config)
{
	uint32_t each = (config->flows_capacity - 1) / config->workers + 1;

	return has_mappings(config) ? mappings_bytes(each) * config->workers : 0;
}

/* Each worker has its own records and its own index. */
static bool tables_fit(uint32_t capacity, bool six, uint32_t workers, struct left *left)
{
	uint32_t each = capacity == 0 ? 0 : (capacity - 1) / workers + 1;
	uint64_t records = (uint64_t)each * sizeof(struct flow);

	for (uint32_t i = 0; i < workers && each > 0; i++) {
		if (!take(left, records) || !take(left, flow_table_bytes(each) - records) ||
		    (six && !take(left, flow6_table_bytes(each) - flow_table_bytes(each))))
			return false;
	}
	return true;
}

uint32_t config_queue_buffers(enum port_driver driver)
{
	return driver == PORT_AF_PACKET || driver == PORT_PCAP || driver == PORT_MEMIF
		       ? 0 /* frames are copied */
		       : BUFFERS_PER_QUEUE;
}

uint32_t config_buffers(const struct config *config)
{
	uint32_t more = (uint32_t)config->workers - 1; /* queues of a port */
	uint32_t sum = BUFFERS_PER_WORKER * (uint32_t)config->workers - 1, each, largest = 0;

	for (size_t i = 0; i < config->n_ports; i++) {
		each = config_queue_buffers(config->ports[i].driver);
		largest = each > largest ? each : largest;
		sum += BUFFERS_PER_PORT + more * each;
	}
	return sum + config->spare_ports * (BUFFERS_PER_PORT + more * largest);
}

uint64_t config_ordinary_memory(const struct config *config, uint64_t huge)
{
	const uint64_t plenty = UINT64_MAX / 2;
	struct left left = {plenty, huge};

	tables_fit(config->flows_capacity, false, config->workers, &left);
	tables_fit(config->flows_capacity6, true, config->workers, &left);
	return plenty - left.memory + bytes_of_mappings(config);
}

int config_check_memory(const struct config *config, uint64_t memory, uint64_t huge,
			struct err_list *errs)
{
	uint64_t mappings = bytes_of_mappings(config);
	uint64_t need = flow_table_bytes(config->flows_capacity) +
			flow6_table_bytes(config->flows_capacity6) + mappings;
	struct left left = {memory - (mappings < memory ? mappings : memory), huge};

	if (mappings <= memory &&
	    tables_fit(config->flows_capacity, false, config->workers, &left) &&
	    tables_fit(config->flows_capacity6, true, config->workers, &left))
		return 0;
	err_add(errs, config->file, config->capacity_line, config->capacity_column,
		"%" PRIu32 " flows need %" PRIu64 " MiB, but only %" PRIu64
		" MiB of memory and %" PRIu64 " MiB of huge pages are free: lower \"capacity\" "
		"of the flows",
		config->flows_capacity + config->flows_capacity6, (need + (1 << 20) - 1) >> 20,
		memory >> 20, huge >> 20);
	return -ENOMEM;
}
