/*
 * Prints a configuration as YAML, by the tables: see config_print().
 *
 * Optional settings that were missing are left out; defaults are written like any value.
 */
#include "control/config/print.h"

#include "control/config/config.h"
#include "control/config/schema.h"
#include "control/config/tree.h"
#include "control/config/value.h"
#include "network/spec.h"

#include <string.h>

struct printer {
	FILE *out;
	const struct config *config;
};

static void print_block(const struct printer *p, const struct block *block, const void *base,
			unsigned indent, bool in_item);

static const void *print_field_of(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static uint64_t load_number(const struct setting *setting, const void *base)
{
	uint16_t v16;
	uint32_t v32;
	bool flag;

	if (setting->size == sizeof(flag)) {
		memcpy(&flag, print_field_of(base, setting->offset), sizeof(flag));
		return flag;
	}
	if (setting->size == sizeof(v16)) {
		memcpy(&v16, print_field_of(base, setting->offset), sizeof(v16));
		return v16;
	}
	memcpy(&v32, print_field_of(base, setting->offset), sizeof(v32));
	return v32;
}

static size_t load_count(size_t offset, const void *base)
{
	size_t n;

	memcpy(&n, print_field_of(base, offset), sizeof(n));
	return n;
}

static const void *load_array(size_t offset, const void *base)
{
	const void *items;

	memcpy(&items, print_field_of(base, offset), sizeof(items));
	return items;
}

static bool is_zero6(const void *field)
{
	struct addr6 addr = addr6_read(field);

	return addr6_is_zero(&addr);
}

static bool has_egress(const struct spec_vnet *vnet)
{
	return vnet->no_egress || vnet->egress_pool != SPEC_POOL_DEFAULT;
}

static bool is_kind(const struct spec_target *target, enum spec_target_kind kind)
{
	return target->kind == kind;
}

bool config_is_set(const struct setting *setting, const void *base)
{
	bool has;

	if (setting->has_offset > 0) {
		memcpy(&has, print_field_of(base, setting->has_offset), sizeof(has));
		return has;
	}
	switch (setting->type) {
	case SETTING_LIST:
	case SETTING_PREFIXES6:
		return load_count(setting->count_offset, base) > 0;
	case SETTING_PREFIXES:
		return load_count(setting->count_offset, base) +
			       load_count(setting->six_count_offset, base) >
		       0;
	case SETTING_ADDRESS:
	case SETTING_ADDRESS4:
	case SETTING_ADDRESS6:
		return !is_zero6(print_field_of(base, setting->offset));
	case SETTING_NAME:
	case SETTING_PATH:
	case SETTING_TEXT:
	case SETTING_INTERFACE:
	case SETTING_DEVICE:
		return *(const char *)print_field_of(base, setting->offset) != '\0';
	case SETTING_NUMBER:
	case SETTING_DURATION: /* if the setting has a default, a 0 came from the file */
		return load_number(setting, base) != 0 || setting->fallback != NULL;
	case SETTING_NETWORK: /* the first is the default */
		return load_number(setting, base) != 0;
	case SETTING_POOL:
		return has_egress(base);
	case SETTING_TARGET:
		return is_kind(base, setting->target);
	case SETTING_BLOCK:
		for (size_t i = 0; i < setting->block->n; i++)
			if (config_is_set(&setting->block->settings[i], base))
				return true;
		return false;
	default:
		return true;
	}
}

static void print_quoted(const struct printer *p, const char *text)
{
	fputc('"', p->out);
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', p->out);
		fputc(*text, p->out);
	}
	fputc('"', p->out);
}

static void print_address(const struct printer *p, int family, const void *addr)
{
	char text[INET6_ADDRSTRLEN];

	fputs(inet_ntop(family, addr, text, sizeof(text)), p->out);
}

/* Quoted, because to YAML a colon at the end, as of 2001:db8::, means a map. */
static void print_address6(const struct printer *p, const void *addr)
{
	fputc('"', p->out);
	print_address(p, AF_INET6, addr);
	fputc('"', p->out);
}

static void print_mapped(const struct printer *p, const void *field)
{
	struct addr6 addr = addr6_read(field);
	be32_t four = addr6_to_ipv4(&addr);

	if (addr6_is_mapped(&addr))
		print_address(p, AF_INET, &four);
	else
		print_address6(p, field);
}

static void print_prefix(const struct printer *p, const struct prefix4 *prefix)
{
	print_address(p, AF_INET, &prefix->addr);
	fprintf(p->out, "/%u", prefix->len);
}

/* Quoted, because in a list a colon at the beginning, as of ::/0, means a map, too. */
static void print_prefix6(const struct printer *p, const struct prefix6 *prefix)
{
	fputc('"', p->out);
	print_address(p, AF_INET6, &prefix->addr);
	fprintf(p->out, "/%u\"", prefix->len);
}

static void print_prefix_any(const struct printer *p, const struct prefix6 *prefix)
{
	if (prefix->len >= MAPPED_BITS && addr6_is_mapped(&prefix->addr))
		print_prefix(p, &(struct prefix4){addr6_to_ipv4(&prefix->addr),
						  (uint8_t)(prefix->len - MAPPED_BITS)});
	else
		print_prefix6(p, prefix);
}

static void print_prefixes(const struct printer *p, const struct setting *setting, const void *base)
{
	const struct prefix4 *four = load_array(setting->offset, base);
	const struct prefix6 *six = load_array(setting->six_offset, base);
	size_t n4 = load_count(setting->count_offset, base);
	size_t n6 = load_count(setting->six_count_offset, base);

	fputc('[', p->out);
	for (size_t i = 0; i < n4 + n6; i++) {
		fputs(i == 0 ? "" : ", ", p->out);
		if (i < n4)
			print_prefix(p, &four[i]);
		else
			print_prefix6(p, &six[i - n4]);
	}
	fputc(']', p->out);
}

static void print_prefixes6(const struct printer *p, const struct setting *setting,
			    const void *base)
{
	const struct prefix6 *prefixes = load_array(setting->offset, base);
	size_t n = load_count(setting->count_offset, base);

	fputc('[', p->out);
	for (size_t i = 0; i < n; i++) {
		fputs(i == 0 ? "" : ", ", p->out);
		print_prefix6(p, &prefixes[i]);
	}
	fputc(']', p->out);
}

static void print_slices(const struct printer *p, const struct spec_address *address)
{
	const char *comma = "";
	uint32_t last;

	fputc('[', p->out);
	for (uint32_t k = 0; k < SPEC_SLICES_MAX; k++) {
		if (!spec_owns_slice(address, k))
			continue;
		for (last = k; last + 1 < SPEC_SLICES_MAX; last++) {
			if (!spec_owns_slice(address, last + 1))
				break;
		}
		fprintf(p->out, "%s%u", comma, k);
		if (last > k)
			fprintf(p->out, "-%u", last);
		comma = ", ";
		k = last;
	}
	fputc(']', p->out);
}

static void print_mac(const struct printer *p, const uint8_t *mac)
{
	fprintf(p->out, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		mac[5]);
}

static void print_target(const struct printer *p, const struct spec_target *target)
{
	if (target->kind == TARGET_DROP)
		fputs("true", p->out);
	else
		print_quoted(p, spec_target_name(&p->config->network, target));
}

static void print_egress(const struct printer *p, const struct spec_vnet *vnet)
{
	if (vnet->no_egress)
		fputs("none", p->out);
	else
		print_quoted(p, p->config->network.pools[vnet->egress_pool].name);
}

static void print_list(const struct printer *p, const struct setting *setting, const void *base,
		       unsigned indent)
{
	const char *item = load_array(setting->offset, base);
	size_t n = load_count(setting->count_offset, base);

	for (size_t i = 0; i < n; i++, item += setting->block->item_size) {
		fprintf(p->out, "\n%*s- ", (int)indent, "");
		print_block(p, setting->block, item, indent + 2, true);
	}
}

static void print_value(const struct printer *p, const struct setting *setting, const void *base,
			unsigned indent)
{
	const void *field = print_field_of(base, setting->offset);
	char duration[VALUE_DURATION_SIZE];

	switch (setting->type) {
	case SETTING_BLOCK:
		print_block(p, setting->block, base, indent, false);
		return;
	case SETTING_LIST:
		print_list(p, setting, base, indent);
		return;
	case SETTING_PREFIXES:
		print_prefixes(p, setting, base);
		return;
	case SETTING_PREFIXES6:
		print_prefixes6(p, setting, base);
		return;
	case SETTING_SLICES:
		print_slices(p, base);
		return;
	case SETTING_NUMBER:
		fprintf(p->out, "%llu", (unsigned long long)load_number(setting, base));
		return;
	case SETTING_DURATION:
		fputs(value_duration_text(load_number(setting, base), duration), p->out);
		return;
	case SETTING_CHOICE:
		fputs(setting->choices[load_number(setting, base)], p->out);
		return;
	case SETTING_ADDRESS:
	case SETTING_ADDRESS4:
	case SETTING_ADDRESS6:
		print_mapped(p, field);
		return;
	case SETTING_MAC:
		print_mac(p, field);
		return;
	case SETTING_PORT:
		print_quoted(p, p->config->ports[load_number(setting, base)].name);
		return;
	case SETTING_PREFIX:
		print_prefix_any(p, field);
		return;
	case SETTING_NETWORK:
		print_quoted(p, p->config->network.vnets[load_number(setting, base)].name);
		return;
	case SETTING_POOL:
		print_egress(p, base);
		return;
	case SETTING_TARGET:
		print_target(p, base);
		return;
	case SETTING_NAME:
	case SETTING_PATH:
	case SETTING_TEXT:
	case SETTING_INTERFACE:
	case SETTING_DEVICE:
		print_quoted(p, field);
		return;
	}
}

void config_print_value(const struct config *config, const struct setting *setting,
			const void *base, FILE *out)
{
	const struct printer p = {out, config};

	print_value(&p, setting, base, 0);
}

/* @in_item: the first setting is on the line of its dash. */
static void print_block(const struct printer *p, const struct block *block, const void *base,
			unsigned indent, bool in_item)
{
	for (size_t i = 0; i < block->n; i++) {
		const struct setting *setting = &block->settings[i];

		if (!config_is_set(setting, base) || !schema_takes(block, setting, base))
			continue;
		if (!in_item)
			fprintf(p->out, "\n%*s", (int)indent, "");
		in_item = false;
		fprintf(p->out, "%s:", setting->name);
		if (setting->type != SETTING_BLOCK && setting->type != SETTING_LIST)
			fputc(' ', p->out);
		print_value(p, setting, base, indent + 2);
	}
}

void config_print(const struct config *config, FILE *out)
{
	struct printer p = {out, config};

	print_block(&p, &schema_file, config, 0, true);
	fputc('\n', out);
}
