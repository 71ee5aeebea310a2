/*
 * Alarms about refused routes: see refusals.h. An alarm has one sentence, so of several reasons the
 * first one is told; `homeward status --json` counts them all.
 */
#include "control/bgp/refusals.h"

#include "base/types.h"
#include "control/alarm.h"
#include "control/routing/routing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>

enum { PREFIX_TEXT = INET6_ADDRSTRLEN + 32 };

const char *refusals_owner(const struct network_spec *spec, uint32_t source)
{
	if (source < spec->n_sites)
		return spec->sites[source].name;
	if (source >= LEARNED_WHOLE && source - LEARNED_WHOLE < spec->n_vnets)
		return spec->vnets[source - LEARNED_WHOLE].name;
	return "";
}

static const char *subject_of(const struct network_spec *spec, uint32_t source,
			      char buf[static ALARM_SUBJECT_SIZE])
{
	snprintf(buf, ALARM_SUBJECT_SIZE, "%s%s", source < LEARNED_WHOLE ? "" : "network ",
		 refusals_owner(spec, source));
	return buf;
}

/* ", one of them to 10.0.0.0/8"; nothing without a @prefix. */
static const char *example_text(const struct prefix6 *prefix, char buf[static PREFIX_TEXT])
{
	char addr[INET6_ADDRSTRLEN];
	be32_t four;

	buf[0] = '\0';
	if (prefix == NULL)
		return buf;
	if (prefix->len >= MAPPED_BITS && addr6_is_mapped(&prefix->addr)) {
		four = addr6_to_ipv4(&prefix->addr);
		inet_ntop(AF_INET, &four, addr, sizeof(addr));
		snprintf(buf, PREFIX_TEXT, ", one of them to %s/%u", addr,
			 prefix->len - MAPPED_BITS);
	} else {
		inet_ntop(AF_INET6, &prefix->addr, addr, sizeof(addr));
		snprintf(buf, PREFIX_TEXT, ", one of them to %s/%u", addr, prefix->len);
	}
	return buf;
}

void refusals_tell(struct alarms *alarms, const struct learned *l, const struct network_spec *spec,
		   const struct table *t, uint32_t source)
{
	static const char *const why[] = {
		[LEARNED_GATEWAY] = "their gateway is not the `peer` of a tunnel there",
		[LEARNED_DEFAULT] = "so short a prefix would take public destinations from egress",
		[LEARNED_ITSELF] = "they lead to the far end of a tunnel through this tunnel",
	};
	char subject[ALARM_SUBJECT_SIZE], text[PREFIX_TEXT];

	subject_of(spec, source, subject);
	if (t->n_refused > 0 && t->short_of_memory) {
		alarm_raise(alarms, ALARM_LEARNED_REFUSED, subject,
			    "there is not enough memory for all routes of table %u", t->number);
		return;
	}
	if (t->n_refused > 0) {
		alarm_raise(alarms, ALARM_LEARNED_REFUSED, subject,
			    "table %u has more than %zu prefixes, and further ones are refused",
			    t->number, t->limit);
		return;
	}
	for (enum learned_refusal i = 0; i < LEARNED_REFUSALS; i++) {
		const struct prefix6 *example;
		size_t n = learned_refused(l, source, i, &example);

		if (n == 0)
			continue;
		alarm_raise(alarms, ALARM_LEARNED_REFUSED, subject,
			    "routes of table %u are refused: %zu%s: %s", t->number, n,
			    example_text(example, text), why[i]);
		return;
	}
	alarm_clear(alarms, ALARM_LEARNED_REFUSED, subject);
}

void refusals_tell_all(struct alarms *alarms, const struct learned *l, bool short_of_memory)
{
	int error;
	size_t n = learned_waiting(l, &error);

	if (short_of_memory || error == -ENOMEM)
		alarm_raise(alarms, ALARM_LEARNED_REFUSED, REFUSALS_ALL,
			    "there is not enough memory for all of their routes; it is tried again "
			    "every few seconds");
	else if (n > 0)
		alarm_raise(alarms, ALARM_LEARNED_REFUSED, REFUSALS_ALL,
			    "they have more than %d prefixes together: %zu wait until others go",
			    ROUTING_LEARNED_MAX, n);
	else
		alarm_clear(alarms, ALARM_LEARNED_REFUSED, REFUSALS_ALL);
}

static bool is_owner(const struct network_spec *spec, const uint32_t *sources, size_t n,
		     const char *subject)
{
	char owner[ALARM_SUBJECT_SIZE];

	for (size_t i = 0; i < n; i++)
		if (sources[i] != REFUSALS_NOBODY &&
		    strcmp(subject_of(spec, sources[i], owner), subject) == 0)
			return true;
	return false;
}

void refusals_forget(struct alarms *alarms, const struct network_spec *spec,
		     const uint32_t *sources, size_t n)
{
	for (size_t i = alarms_count(alarms); i-- > 0;) {
		const struct alarm *alarm = alarms_at(alarms, i);
		char subject[ALARM_SUBJECT_SIZE];

		if (alarm->kind != ALARM_LEARNED_REFUSED ||
		    strcmp(alarm->subject, REFUSALS_ALL) == 0 ||
		    is_owner(spec, sources, n, alarm->subject))
			continue;
		memcpy(subject, alarm->subject, sizeof(subject)); /* the alarm goes */
		alarm_clear(alarms, ALARM_LEARNED_REFUSED, subject);
	}
}
