/*
 * Finds addresses that both we and the kernel have: egress addresses, and addresses in a prefix
 * whose sources are not translated. The kernel must not have them: it would answer ARP and ND for
 * them, and packets to them would not reach it. At the start this is an error; at run time it is an
 * alarm until the address is gone.
 *
 * Control thread.
 */
#include "control/port/own.h"
#include "base/err.h"
#include "control/alarm.h"
#include "control/port/port_internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

static struct prefix6 egress_of(const struct egress_address *a)
{
	return (struct prefix6){egress_address_of(a), 128};
}

static void name_of(const struct own_address *own, char name[IF_NAMESIZE])
{
	if (if_indextoname((unsigned)own->ifindex, name) == NULL)
		memcpy(name, "?", 2);
}

/*
 * An address of ours, or an address in a prefix of ours, that the kernel has now or had before: the
 * kernel answers for it, and packets to it do not reach the kernel.
 */
static void compare_one(struct alarms *alarms, const struct prefix6 *ours,
			const struct addresses *before, const struct addresses *now)
{
	const struct own_address *is = addresses_in(now, ours), *was = addresses_in(before, ours);
	char subject[INET6_ADDRSTRLEN + 4], own[INET6_ADDRSTRLEN], name[IF_NAMESIZE];

	if (is == NULL && was == NULL)
		return;
	addresses_print(&ours->addr, subject);
	if (ours->len < 128)
		snprintf(subject + strlen(subject), 5, "/%u",
			 addr6_is_mapped(&ours->addr) ? ours->len - MAPPED_BITS : ours->len);
	if (is == NULL) {
		alarm_clear(alarms, ALARM_ADDRESS_IN_KERNEL, subject);
		return;
	}
	addresses_print(&is->addr, own);
	name_of(is, name);
	alarm_raise(alarms, ALARM_ADDRESS_IN_KERNEL, subject,
		    "the kernel has %s on interface %s; take it off with: ip address del %s/%u "
		    "dev %s",
		    own, name, own,
		    addr6_is_mapped(&is->addr) ? is->network.len - MAPPED_BITS : is->network.len,
		    name);
}

void own_compare(struct alarms *alarms, const struct network *net, const struct addresses *before,
		 const struct addresses *now)
{
	for (uint32_t i = 0; i < net->n_addresses; i++) {
		const struct prefix6 ours = egress_of(&net->addresses[i]);

		compare_one(alarms, &ours, before, now);
	}
	for (uint32_t i = 0; i < net->n_globals; i++)
		compare_one(alarms, &net->globals[i].prefix, before, now);
	for (uint32_t i = 0; i < net->n_untranslated; i++)
		compare_one(alarms, &net->untranslated[i], before, now);
}

static bool has_egress(const struct network *net, const struct egress_address *a)
{
	struct addr6 addr = egress_address_of(a);

	return network_find_egress(net, &addr) >= 0;
}

static bool has_global(const struct network *net, const struct prefix6 *prefix)
{
	uint32_t low = 0, high = net->n_globals; /* the list is sorted */

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct prefix6 *at = &net->globals[middle].prefix;
		int order = addr6_compare(&prefix->addr, &at->addr);

		if (order == 0)
			return prefix->len == at->len;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static bool has_untranslated(const struct network *net, const struct prefix6 *prefix)
{
	for (uint32_t i = 0; i < net->n_untranslated; i++)
		if (net->untranslated[i].len == prefix->len &&
		    addr6_equal(&net->untranslated[i].addr, &prefix->addr))
			return true;
	return false;
}

void own_follow(struct alarms *alarms, const struct network *before, const struct network *net,
		const struct addresses *own)
{
	const struct addresses none = {0};

	for (uint32_t i = 0; i < before->n_addresses; i++) {
		const struct prefix6 was = egress_of(&before->addresses[i]);

		if (!has_egress(net, &before->addresses[i]))
			compare_one(alarms, &was, own, &none);
	}
	for (uint32_t i = 0; i < before->n_globals; i++)
		if (!has_global(net, &before->globals[i].prefix))
			compare_one(alarms, &before->globals[i].prefix, own, &none);
	for (uint32_t i = 0; i < before->n_untranslated; i++)
		if (!has_untranslated(net, &before->untranslated[i]))
			compare_one(alarms, &before->untranslated[i], own, &none);
}

static int check_untranslated(const struct addresses *own, const char *file,
			      const struct network *before, const struct network *net,
			      struct err_list *errs)
{
	char text[INET6_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN], name[IF_NAMESIZE];
	int ret = 0;

	for (uint32_t i = 0; i < net->n_untranslated; i++) {
		const struct prefix6 *ours = &net->untranslated[i];
		const struct own_address *is = addresses_in(own, ours);

		if (is == NULL || (before != NULL && has_untranslated(before, ours)))
			continue;
		addresses_print(&is->addr, text);
		addresses_print(&ours->addr, prefix);
		name_of(is, name);
		err_add(errs, file, 0, 0,
			"%s/%u leaves untranslated by a route, and holds %s, which belongs to the "
			"kernel, on interface %s: list only what is the site's",
			prefix, ours->len - MAPPED_BITS, text, name);
		ret = -EADDRINUSE;
	}
	return ret;
}

int own_check(const struct addresses *own, const char *file, const struct network *before,
	      const struct network *net, struct err_list *errs)
{
	char text[INET6_ADDRSTRLEN], prefix[INET6_ADDRSTRLEN], name[IF_NAMESIZE];
	const struct own_address *is;
	int ret = 0, one;

	for (uint32_t i = 0; i < net->n_addresses; i++) {
		const struct prefix6 ours = egress_of(&net->addresses[i]);

		is = addresses_in(own, &ours);
		if (is == NULL || (before != NULL && has_egress(before, &net->addresses[i])))
			continue;
		addresses_print(&is->addr, text);
		name_of(is, name);
		err_add(errs, file, 0, 0,
			"egress address %s belongs to the kernel, on interface %s: the kernel "
			"would answer for it; take it off with: ip address del %s dev %s",
			text, name, text, name);
		ret = -EADDRINUSE;
	}
	for (uint32_t i = 0; i < net->n_globals; i++) {
		const struct global_prefix *global = &net->globals[i];

		is = addresses_in(own, &global->prefix);
		if (is == NULL || (before != NULL && has_global(before, &global->prefix)))
			continue;
		addresses_print(&is->addr, text);
		addresses_print(&global->prefix.addr, prefix);
		name_of(is, name);
		err_add(errs, file, 0, 0,
			"%s/%u, a global prefix of site %s, holds %s, which belongs to the kernel, "
			"on interface %s: list only what is the site's",
			prefix, global->prefix.len, network_site_name(net, global->site), text,
			name);
		ret = -EADDRINUSE;
	}
	one = check_untranslated(own, file, before, net, errs);
	return ret == 0 ? one : ret;
}
