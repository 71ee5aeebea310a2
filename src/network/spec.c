/* What an operator asked for: see spec.h. */
#include "network/spec.h"

#include <stdlib.h>

const char *const pool_filtering_names[] = {
	[FILTERING_ADDRESS_AND_PORT_DEPENDENT] = "address-and-port-dependent",
	[FILTERING_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	NULL,
};

const char *const pool_mapping_names[] = {
	[MAPPING_ADDRESS_AND_PORT_DEPENDENT] = "address-and-port-dependent",
	[MAPPING_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	NULL,
};

void network_spec_fini(struct network_spec *spec)
{
	for (size_t i = 0; i < spec->n_sites; i++) {
		free(spec->sites[i].prefixes);
		free(spec->sites[i].prefixes6);
		free(spec->sites[i].global_prefixes);
		free(spec->sites[i].tunnels);
	}
	free(spec->sites);
	for (size_t i = 0; i < spec->n_pools; i++)
		free(spec->pools[i].addresses);
	free(spec->pools);
	*spec = (struct network_spec){0};
}
