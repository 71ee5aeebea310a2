/*
 * Sizing: see sizing.h.
 *
 * A port towards one destination is in use while its flow lives, and then rests. So the number of
 * ports is: live flows, plus new flows a second times the seconds of rest. The second result
 * assumes no rest, since ports that rest are given away when no others are left (setup/ports.h).
 */
#include "control/config/sizing.h"

#include "flow/flow.h"
#include "setup/ports.h"

#include <assert.h>
#include <unistd.h>

static_assert((int)SIZING_CAPACITY_MAX == (int)FLOW_CAPACITY_MAX, "what flows.capacity takes");

enum { HEADROOM = 4 /* reserve: one more for this many flows */ };

static uint64_t divide_up(uint64_t a, uint64_t b)
{
	return (a + b - 1) / b;
}

/* Events in @seconds at a rate in thousandths a second. */
static uint64_t in_seconds(uint64_t milli, uint64_t seconds)
{
	return divide_up(milli * seconds, SIZING_MILLI);
}

/*
 * Ports of a slice that all flows can use. Slices are multiples of 64 ports, the period of the
 * masks.
 */
static uint32_t planned_ports(uint32_t slice_size, bool has_reserve, bool has_fallow)
{
	uint32_t n = 0;

	for (uint32_t port = 0; port < slice_size; port++)
		n += !(has_reserve && ports_are_reserve(port)) &&
		     !(has_fallow && port / PART_PORTS % PORT_PARTS == 0);
	return n;
}

static uint64_t table_bytes(uint64_t capacity, uint32_t workers)
{
	if (capacity > FLOW_CAPACITY_MAX)
		return 0;
	return workers * flow_table_bytes((uint32_t)divide_up(capacity, workers));
}

/* @flows of one destination are spread over the workers; each worker has its part of a slice. */
static uint64_t slices_for(const struct sizing_need *need, uint64_t flows, uint32_t workers)
{
	return divide_up(divide_up(flows, workers), need->worker_ports);
}

struct sizing_dns sizing_dns(const struct config *config)
{
	struct sizing_dns dns = {config->timeout_dns, config->timeout_dns_answered};

	for (size_t i = 0; i < config->n_port_timers; i++) {
		const struct config_port_timer *own = &config->port_timers[i];

		if (own->protocol == TRANSPORT_UDP && own->port == FLOW_PORT_DNS)
			dns = (struct sizing_dns){own->idle, own->idle};
	}
	return dns;
}

static void compute_need(const struct config *config, const struct sizing_demand *d,
			 const struct sizing *s, bool rests, struct sizing_need *need)
{
	uint64_t rest_s = rests ? config->port_rest : 0, workers = config->workers;
	/* the same site may have the port at once */
	uint64_t port_rest_s = d->sites > 1 ? rest_s : 0;
	const struct sizing_dns dns = sizing_dns(config);
	uint64_t answered_s = dns.answered_s;
	uint64_t peak = divide_up(s->flows * d->peak_percent, 100);
	uint64_t peak_milli = divide_up(s->new_milli * d->peak_percent, 100);
	uint64_t to_one_milli = divide_up(s->dns_milli, d->resolvers);
	uint64_t live = s->flows + in_seconds(s->dns_milli, answered_s);

	need->ports = planned_ports(s->slice_size, d->sites > 1, rest_s > 0);
	need->worker_ports = need->ports / workers;
	need->peak_slices = slices_for(need, peak + in_seconds(peak_milli, port_rest_s), workers);
	need->dns_slices =
		slices_for(need, in_seconds(to_one_milli, answered_s + port_rest_s), workers);
	need->slices = need->peak_slices > need->dns_slices ? need->peak_slices : need->dns_slices;
	need->slices += need->slices == 0;
	need->addresses = divide_up(need->slices, s->slices_of_address);
	need->flows = live + in_seconds(s->new_milli + s->dns_milli, rest_s);
	need->own_slices = slices_for(need, need->flows, workers);
	need->capacity = divide_up(need->flows + divide_up(need->flows, HEADROOM), 1024) * 1024;
	need->flow_bytes = table_bytes(need->capacity, config->workers);
	need->dns_milli = (uint64_t)need->ports * SIZING_MILLI / (answered_s + port_rest_s);
	need->unanswered_milli =
		(uint64_t)need->ports * SIZING_MILLI / (dns.waiting_s + port_rest_s);
}

void sizing_compute(const struct config *config, const struct sizing_demand *demand,
		    struct sizing *sizing)
{
	uint64_t users = demand->sites * demand->users;

	*sizing = (struct sizing){
		.flows = users * demand->flows,
		.new_milli = users * demand->new_milli,
		.dns_milli = users * demand->dns_milli,
		.slice_size = config->network.pools[0].slice_size,
		.buffers = config_buffers(config),
	};
	sizing->slices_of_address = spec_n_slices(sizing->slice_size) -
				    (uint32_t)divide_up(SPEC_FIRST_PORT, sizing->slice_size);
	sizing->buffer_bytes = sizing->buffers * (uint64_t)getpagesize();
	compute_need(config, demand, sizing, true, &sizing->needs[SIZING_RESTED]);
	compute_need(config, demand, sizing, false, &sizing->needs[SIZING_LEAST]);
}
