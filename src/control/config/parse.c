/*
 * Fills structs from a tree, by the tables.
 *
 * The function of its type reads a setting. A missing setting gets its default, read by the same
 * function. Port names and the slices of addresses may depend on later parts of the file: here only
 * their syntax is checked, and check*.c reads them.
 */
#include "control/config/parse.h"

#include "base/nearest.h"
#include "control/config/report.h"
#include "control/config/schema.h"
#include "control/config/tree.h"
#include "control/config/value.h"
#include "network/spec.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Returns 0, or -EINVAL if an error was reported. */
typedef int (*parse_fn)(struct report *report, const struct setting *setting,
			const struct tree_node *node, void *base);

static void *parse_field_of(void *base, size_t offset)
{
	return (char *)base + offset;
}

static int parse_refuse(struct report *report, const struct setting *setting,
			const struct tree_node *node)
{
	char expects[SCHEMA_EXPECTS_SIZE], shown[REPORT_SHOWN_SIZE];

	schema_expects(setting, expects);
	if (tree_is_null(node))
		report_at(report, node, "\"%s\" has no value: it must be %s", setting->name,
			  expects);
	else
		report_at(report, node, "\"%s\" must be %s, not %s", setting->name, expects,
			  node->kind == TREE_TEXT ? report_shown(node->text, shown)
						  : tree_kind_name(node->kind));
	return -EINVAL;
}

static void store_number(const struct setting *setting, void *base, uint64_t value)
{
	uint16_t v16 = (uint16_t)value;
	uint32_t v32 = (uint32_t)value;
	bool flag = value != 0;

	assert(setting->size == sizeof(flag) || setting->size == sizeof(v16) ||
	       setting->size == sizeof(v32));
	memcpy(parse_field_of(base, setting->offset),
	       setting->size == sizeof(flag)  ? (void *)&flag
	       : setting->size == sizeof(v16) ? (void *)&v16
					      : &v32,
	       setting->size);
}

static int parse_number(struct report *report, const struct setting *setting,
			const struct tree_node *node, void *base)
{
	uint64_t value;

	if (value_number(node->text, &value) < 0 || value < setting->min || value > setting->max ||
	    (setting->power_of_two && (value & (value - 1)) != 0))
		return parse_refuse(report, setting, node);
	store_number(setting, base, value);
	return 0;
}

static int parse_duration(struct report *report, const struct setting *setting,
			  const struct tree_node *node, void *base)
{
	uint64_t value;

	if (value_duration(node->text, &value) < 0 || value < setting->min || value > setting->max)
		return parse_refuse(report, setting, node);
	store_number(setting, base, value);
	return 0;
}

static int parse_name(struct report *report, const struct setting *setting,
		      const struct tree_node *node, void *base)
{
	if (!value_is_name(node->text, setting->size - 1))
		return parse_refuse(report, setting, node);
	strcpy(parse_field_of(base, setting->offset), node->text);
	return 0;
}

/* A name for a new interface must be one that the kernel accepts. */
static int parse_interface(struct report *report, const struct setting *setting,
			   const struct tree_node *node, void *base)
{
	if (strcmp(node->text, ".") == 0 || strcmp(node->text, "..") == 0)
		return parse_refuse(report, setting, node);
	return parse_name(report, setting, node, base);
}

static int parse_device(struct report *report, const struct setting *setting,
			const struct tree_node *node, void *base)
{
	if (!value_is_device(node->text, setting->size - 1))
		return parse_refuse(report, setting, node);
	strcpy(parse_field_of(base, setting->offset), node->text);
	return 0;
}

static int parse_path(struct report *report, const struct setting *setting,
		      const struct tree_node *node, void *base)
{
	if (!value_is_path(node->text, setting->size - 1))
		return parse_refuse(report, setting, node);
	strcpy(parse_field_of(base, setting->offset), node->text);
	return 0;
}

static int parse_text(struct report *report, const struct setting *setting,
		      const struct tree_node *node, void *base)
{
	if (!value_is_text(node->text, setting->size - 1))
		return parse_refuse(report, setting, node);
	strcpy(parse_field_of(base, setting->offset), node->text);
	return 0;
}

static int parse_choice(struct report *report, const struct setting *setting,
			const struct tree_node *node, void *base)
{
	char shown[REPORT_SHOWN_SIZE];
	struct nearest near = nearest_begin(node->text);

	for (size_t i = 0; setting->choices[i] != NULL; i++) {
		if (strcmp(setting->choices[i], node->text) == 0) {
			store_number(setting, base, i);
			return 0;
		}
		nearest_offer(&near, setting->choices[i]);
	}

	if (near.best == NULL)
		return parse_refuse(report, setting, node);
	report_at(report, node, "\"%s\" can not be %s: did you mean \"%s\"?", setting->name,
		  report_shown(node->text, shown), near.best);
	return -EINVAL;
}

static int report_not_unicast(struct report *report, const struct setting *setting,
			      const struct tree_node *node, const char *what)
{
	char expects[SCHEMA_EXPECTS_SIZE];

	report_at(report, node, "\"%s\" must be %s, but %s is %s", setting->name,
		  schema_expects(setting, expects), node->text, what);
	return -EINVAL;
}

static int parse_address6(struct report *report, const struct setting *setting,
			  const struct tree_node *node, void *base)
{
	struct addr6 addr;

	if (value_address6(node->text, &addr) < 0)
		return parse_refuse(report, setting, node);
	if (value_not_unicast6(&addr) != NULL)
		return report_not_unicast(report, setting, node, value_not_unicast6(&addr));
	memcpy(parse_field_of(base, setting->offset), &addr, sizeof(addr));
	return 0;
}

static int parse_address4(struct report *report, const struct setting *setting,
			  const struct tree_node *node, void *base)
{
	struct addr6 mapped;
	be32_t addr;

	if (value_address(node->text, &addr) < 0)
		return parse_refuse(report, setting, node);
	if (value_not_unicast(addr) != NULL)
		return report_not_unicast(report, setting, node, value_not_unicast(addr));
	mapped = addr6_from_ipv4(addr);
	memcpy(parse_field_of(base, setting->offset), &mapped, sizeof(mapped));
	return 0;
}

static int parse_address(struct report *report, const struct setting *setting,
			 const struct tree_node *node, void *base)
{
	return strchr(node->text, ':') != NULL ? parse_address6(report, setting, node, base)
					       : parse_address4(report, setting, node, base);
}

static int parse_mac(struct report *report, const struct setting *setting,
		     const struct tree_node *node, void *base)
{
	static const uint8_t zero[6];
	uint8_t mac[6];

	if (value_mac(node->text, mac) < 0 || (mac[0] & 1) != 0 ||
	    memcmp(mac, zero, sizeof(mac)) == 0)
		return parse_refuse(report, setting, node);
	memcpy(parse_field_of(base, setting->offset), mac, sizeof(mac));
	return 0;
}

/* Checks only the syntax of a reference: check*.c look it up when all objects are read. */
static int parse_reference(struct report *report, const struct setting *setting,
			   const struct tree_node *node, void *base)
{
	return value_is_name(node->text, SPEC_NAME_SIZE - 1) ? 0
							     : parse_refuse(report, setting, node);
}

static int parse_target(struct report *report, const struct setting *setting,
			const struct tree_node *node, void *base)
{
	struct spec_target *target = base;

	target->kind = setting->target;
	if (setting->target == TARGET_DROP)
		return strcmp(node->text, "true") == 0 ? 0 : parse_refuse(report, setting, node);
	return parse_reference(report, setting, node, base);
}

/*
 * Checks only the syntax: slices are read when the pool's slice-size is known, see check_egress.c.
 */
static int parse_slices(struct report *report, const struct setting *setting,
			const struct tree_node *node, void *base)
{
	return 0;
}

static bool is_fitting(struct report *report, const struct setting *setting,
		       const struct tree_node *node)
{
	if (node->n < setting->min)
		report_at(report, node, "\"%s\" is empty: it must have at least %llu item",
			  setting->name, (unsigned long long)setting->min);
	else if (node->n > setting->max)
		report_at(report, node, "\"%s\" has %zu items: at most %llu fit", setting->name,
			  node->n, (unsigned long long)setting->max);
	return node->n >= setting->min && node->n <= setting->max;
}

/*
 * @n zeroed items at *@at, a pointer in some struct. When memory runs out, reports it and returns
 * NULL.
 */
static void *make_items(struct report *report, const struct setting *setting,
			const struct tree_node *node, size_t n, size_t item_size, void *at)
{
	void *items = calloc(n, item_size);

	if (items == NULL)
		report_at(report, node, "there is not enough memory for \"%s\"", setting->name);
	else
		memcpy(at, &items, sizeof(items));
	return items;
}

/*
 * Allocates one zeroed item for each item of @node and stores the array in the struct. NULL: an
 * error was reported.
 */
static void *make_array(struct report *report, const struct setting *setting,
			const struct tree_node *node, size_t item_size, void *base)
{
	void *items;

	if (!is_fitting(report, setting, node))
		return NULL;
	items = make_items(report, setting, node, node->n, item_size,
			   parse_field_of(base, setting->offset));
	if (items != NULL)
		memcpy(parse_field_of(base, setting->count_offset), &node->n, sizeof(node->n));
	return items;
}

static int parse_list(struct report *report, const struct setting *setting,
		      const struct tree_node *node, void *base)
{
	char *item = make_array(report, setting, node, setting->block->item_size, base);

	if (item == NULL)
		return -EINVAL;
	for (const struct tree_node *v = node->first; v != NULL; v = v->next) {
		parse_block(report, setting->block, v, item);
		item += setting->block->item_size;
	}
	return 0;
}

static void report_prefix(struct report *report, const struct tree_node *node, int rc, int family,
			  const void *addr, uint8_t len)
{
	char shown[REPORT_SHOWN_SIZE], right[INET6_ADDRSTRLEN];

	if (rc == -EINVAL)
		report_at(report, node, "%s is not %s", report_shown(node->text, shown),
			  family == AF_INET ? "an IPv4 prefix such as 10.0.1.0/24"
					    : "an IPv6 prefix such as 2001:db8:1::/48");
	else if (rc == -EDOM)
		report_at(report, node, "%s has bits of a host set: the prefix is %s/%u",
			  node->text, inet_ntop(family, addr, right, sizeof(right)), len);
}

static bool is_prefix6(const struct tree_node *node)
{
	return node->kind == TREE_TEXT && strchr(node->text, ':') != NULL;
}

static size_t count_prefixes6(const struct tree_node *list)
{
	size_t n = 0;

	for (const struct tree_node *v = list->first; v != NULL; v = v->next)
		n += is_prefix6(v);
	return n;
}

static void parse_prefix(struct report *report, const struct tree_node *node,
			 struct prefix4 *prefix)
{
	int rc;

	if (node->kind != TREE_TEXT) {
		report_at(report, node, "an IPv4 prefix such as 10.0.1.0/24 must be here, not %s",
			  tree_kind_name(node->kind));
		return;
	}
	rc = value_prefix(node->text, prefix);
	report_prefix(report, node, rc, AF_INET, &prefix->addr, prefix->len);
}

static void parse_prefix6(struct report *report, const struct tree_node *node,
			  struct prefix6 *prefix)
{
	int rc = value_prefix6(node->text, prefix);

	report_prefix(report, node, rc, AF_INET6, &prefix->addr, prefix->len);
}

static int parse_prefix_any(struct report *report, const struct setting *setting,
			    const struct tree_node *node, void *base)
{
	struct prefix6 prefix;
	int rc = value_prefix_any(node->text, &prefix);
	bool four = strchr(node->text, ':') == NULL;
	be32_t addr;

	if (rc == -EINVAL)
		return parse_refuse(report, setting, node);
	addr = addr6_to_ipv4(&prefix.addr);
	report_prefix(report, node, rc, four ? AF_INET : AF_INET6,
		      four ? (const void *)&addr : &prefix.addr,
		      four ? (uint8_t)(prefix.len - MAPPED_BITS) : prefix.len);
	memcpy(parse_field_of(base, setting->offset), &prefix, sizeof(prefix));
	return rc == 0 ? 0 : -EINVAL;
}

/* Two arrays, one for each family; either may be empty. */
static int parse_prefixes(struct report *report, const struct setting *setting,
			  const struct tree_node *node, void *base)
{
	size_t n6 = count_prefixes6(node), n4 = node->n - n6;
	struct prefix4 *prefix = NULL;
	struct prefix6 *prefix6 = NULL;

	if (!is_fitting(report, setting, node))
		return -EINVAL;
	if (n4 > 0) {
		prefix = make_items(report, setting, node, n4, sizeof(*prefix),
				    parse_field_of(base, setting->offset));
		if (prefix == NULL)
			return -EINVAL;
	}
	if (n6 > 0) {
		prefix6 = make_items(report, setting, node, n6, sizeof(*prefix6),
				     parse_field_of(base, setting->six_offset));
		if (prefix6 == NULL)
			return -EINVAL;
	}
	memcpy(parse_field_of(base, setting->count_offset), &n4, sizeof(n4));
	memcpy(parse_field_of(base, setting->six_count_offset), &n6, sizeof(n6));
	for (const struct tree_node *v = node->first; v != NULL; v = v->next) {
		if (is_prefix6(v))
			parse_prefix6(report, v, prefix6++);
		else
			parse_prefix(report, v, prefix++);
	}
	return 0;
}

static int parse_prefixes6(struct report *report, const struct setting *setting,
			   const struct tree_node *node, void *base)
{
	struct prefix6 *prefix = make_array(report, setting, node, sizeof(*prefix), base);

	if (prefix == NULL)
		return -EINVAL;
	for (const struct tree_node *v = node->first; v != NULL; v = v->next, prefix++) {
		if (v->kind == TREE_TEXT)
			parse_prefix6(report, v, prefix);
		else
			report_at(report, v,
				  "an IPv6 prefix such as 2001:db8:1::/48 must be here, not %s",
				  tree_kind_name(v->kind));
	}
	return 0;
}

static int parse_inner(struct report *report, const struct setting *setting,
		       const struct tree_node *node, void *base)
{
	parse_block(report, setting->block, node, base);
	return 0;
}

static const struct {
	enum tree_kind kind;
	parse_fn parse;
} types[] = {
	[SETTING_BLOCK] = {TREE_MAP, parse_inner},
	[SETTING_LIST] = {TREE_LIST, parse_list},
	[SETTING_PREFIXES] = {TREE_LIST, parse_prefixes},
	[SETTING_PREFIXES6] = {TREE_LIST, parse_prefixes6},
	[SETTING_SLICES] = {TREE_LIST, parse_slices},
	[SETTING_NUMBER] = {TREE_TEXT, parse_number},
	[SETTING_DURATION] = {TREE_TEXT, parse_duration},
	[SETTING_NAME] = {TREE_TEXT, parse_name},
	[SETTING_CHOICE] = {TREE_TEXT, parse_choice},
	[SETTING_ADDRESS] = {TREE_TEXT, parse_address},
	[SETTING_ADDRESS4] = {TREE_TEXT, parse_address4},
	[SETTING_ADDRESS6] = {TREE_TEXT, parse_address6},
	[SETTING_MAC] = {TREE_TEXT, parse_mac},
	[SETTING_PATH] = {TREE_TEXT, parse_path},
	[SETTING_TEXT] = {TREE_TEXT, parse_text},
	[SETTING_INTERFACE] = {TREE_TEXT, parse_interface},
	[SETTING_DEVICE] = {TREE_TEXT, parse_device},
	[SETTING_PORT] = {TREE_TEXT, parse_reference},
	[SETTING_PREFIX] = {TREE_TEXT, parse_prefix_any},
	[SETTING_NETWORK] = {TREE_TEXT, parse_reference},
	[SETTING_POOL] = {TREE_TEXT, parse_reference},
	[SETTING_TARGET] = {TREE_TEXT, parse_target},
};

static void parse_setting(struct report *report, const struct setting *setting,
			  const struct tree_node *node, void *base)
{
	bool yes = true;

	if (node->kind != types[setting->type].kind || tree_is_null(node)) {
		parse_refuse(report, setting, node);
		return;
	}
	if (types[setting->type].parse(report, setting, node, base) == 0 && setting->has_offset > 0)
		memcpy(parse_field_of(base, setting->has_offset), &yes, sizeof(yes));
}

static void report_unknown(struct report *report, const struct block *block,
			   const struct tree_node *key)
{
	char shown[REPORT_SHOWN_SIZE];
	struct nearest near = nearest_begin(key->text);

	if (report_is_full(report))
		return;
	for (size_t i = 0; i < block->n; i++)
		nearest_offer(&near, block->settings[i].name);
	report_shown(key->text, shown);
	if (near.best != NULL)
		report_at(report, key, "%s is not a setting of %s: did you mean \"%s\"?", shown,
			  block->noun, near.best);
	else
		report_at(report, key, "%s is not a setting of %s", shown, block->noun);
}

/* A reference has no index until its name is looked up. */
static void forget_references(const struct block *block, void *base)
{
	uint16_t any = SPEC_PORT_ANY;
	int default_pool = SPEC_POOL_DEFAULT;

	for (size_t i = 0; i < block->n; i++) {
		void *field = parse_field_of(base, block->settings[i].offset);

		if (block->settings[i].type == SETTING_PORT)
			memcpy(field, &any, sizeof(any));
		else if (block->settings[i].type == SETTING_POOL)
			memcpy(field, &default_pool, sizeof(default_pool));
	}
}

/* A setting that is missing in the file. @node is NULL if its block is missing, too. */
static void parse_missing(struct report *report, const struct setting *setting,
			  const struct block *block, const struct tree_node *node, void *base)
{
	struct tree_node fallback = {.text = setting->fallback};

	if (setting->required && node != NULL)
		report_at(report, node, "\"%s\" is missing: %s must have it", setting->name,
			  block->noun);
	else if (setting->type == SETTING_BLOCK)
		parse_block(report, setting->block, NULL, base);
	else if (setting->fallback != NULL)
		types[setting->type].parse(report, setting, &fallback, base);
}

void parse_block(struct report *report, const struct block *block, const struct tree_node *node,
		 void *base)
{
	const struct tree_node *seen[SETTINGS_MAX] = {NULL};

	if (node != NULL && node->kind != TREE_MAP) {
		report_at(report, node, "%s must be a map of settings, not %s", block->noun,
			  tree_is_null(node) ? "nothing" : tree_kind_name(node->kind));
		node = NULL;
	}

	forget_references(block, base);
	for (const struct tree_node *v = node != NULL ? node->first : NULL; v != NULL;
	     v = v->next) {
		const struct setting *setting = schema_find(block, v->key->text);
		size_t i;

		if (setting == NULL) {
			report_unknown(report, block, v->key);
			continue;
		}
		i = (size_t)(setting - block->settings);
		if (seen[i] != NULL) {
			report_at(report, v->key, "\"%s\" is here twice: it is already on line %u",
				  setting->name, seen[i]->key->line);
			continue;
		}
		seen[i] = v;
		parse_setting(report, setting, v, base);
	}

	for (size_t i = 0; i < block->n; i++) {
		if (seen[i] == NULL)
			parse_missing(report, &block->settings[i], block, node, base);
	}
}
