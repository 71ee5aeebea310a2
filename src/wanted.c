/* Fair shares of a short list: see wanted.h. */
#include "wanted.h"

static unsigned count(const struct lane *lane, uint16_t site)
{
	unsigned n = 0;

	for (unsigned i = 0; i < lane->n_wanted; i++)
		n += lane->wanted[i].site == site;
	return n;
}

/*
 * Places take turns, so the site that has most is met most. Two passes over the list, however many
 * packets a flood has.
 */
static void displace(struct lane *lane, const struct neighbour_wanted *entry)
{
	unsigned place = lane->wanted_turn++ % LANE_WANTED_MAX;

	if (count(lane, entry->site) + 1 < count(lane, lane->wanted[place].site))
		lane->wanted[place] = *entry;
}

void wanted_add(struct lane *lane, uint16_t site, uint8_t port, const struct addr6 *addr)
{
	const struct neighbour_wanted entry = {*addr, site, port};

	for (unsigned i = 0; i < lane->n_wanted; i++)
		if (lane->wanted[i].port == port && addr6_equal(&lane->wanted[i].addr, addr))
			return;
	if (lane->n_wanted < LANE_WANTED_MAX)
		lane->wanted[lane->n_wanted++] = entry;
	else
		displace(lane, &entry);
}
