/* Two workers with prepared counters and a row of flows: all that the API sees of a data plane. */
#pragma once

#include "worker/worker.h"

enum { FAKE_WORKERS = 2, FAKE_FLOWS = 250 };

struct worker {
	struct worker_counters counters;
	struct tunnel_counters tunnel; /* of each tunnel */
	struct port_counters port;
	struct slice_counters slice;
	struct site_counters site; /* of each site */
	struct unknown_tunnel unknown[2];
	size_t n_unknown;
	uint32_t n_flows; /* not more than a query has room for */
};

extern struct worker fake_workers[FAKE_WORKERS];
