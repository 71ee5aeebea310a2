/*
 * Makes the items of a difference: see items.h.
 *
 * The tables of the configuration list all settings, so none is forgotten. A setting differs if the
 * bytes of its field differ. Values are shown as in the file.
 */
#include "control/change/items.h"

#include "base/addr6.h"
#include "control/config/config.h"
#include "control/config/print.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 128, SENTENCE_SIZE = 512 };

/* What an effect does to the flows of the item's object, in words. */
static const struct {
	const char *words;
	bool ends_flows;
} effects[] = {
	[EFFECT_NONE] = {NULL, false},
	[EFFECT_NEW] = {"flows go on, new ones follow it", false},
	[EFFECT_LIMIT] = {"flows go on, new ones above it are refused", false},
	[EFFECT_NEXT] = {"flows follow it from their next packet on", false},
	[EFFECT_IDLE] = {"flows that were idle for longer end", false},
	[EFFECT_PATH] = {"flows go on", false},
	[EFFECT_MOVE] = {"flows go on by another tunnel of the site", false},
	[EFFECT_ROUTE] = {"flows end whose route leads elsewhere now (far_route_lost)", true},
	[EFFECT_SOURCE] = {"flows from other sources end (source_removed)", true},
	[EFFECT_PREFIX] = {"untranslated flows from other sources end (prefix_removed)", true},
	[EFFECT_MAPPING] = {"flows that it changes the worker of end (mapping_changed)", true},
	[EFFECT_SLICE] = {"flows with its ports end (slice_lost)", true},
	[EFFECT_SITE] = {"its flows end (site_removed)", true},
};

const char *items_prefix_text(const struct prefix6 *prefix, char buf[static ITEMS_PREFIX_SIZE])
{
	bool four = addr6_is_mapped(&prefix->addr) && prefix->len >= MAPPED_BITS;
	be32_t addr = addr6_to_ipv4(&prefix->addr);
	size_t len;

	inet_ntop(four ? AF_INET : AF_INET6, four ? (const void *)&addr : &prefix->addr, buf,
		  INET6_ADDRSTRLEN);
	len = strlen(buf);
	snprintf(buf + len, ITEMS_PREFIX_SIZE - len, "/%d",
		 four ? prefix->len - MAPPED_BITS : prefix->len);
	return buf;
}

void draft_say(struct items *items, struct draft *draft, const char *fmt, ...)
{
	char sentence[SENTENCE_SIZE], *all;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	if (asprintf(&all, "%s%s%s", draft->detail != NULL ? draft->detail : "",
		     draft->detail != NULL ? ", " : "", sentence) < 0) {
		items->failed = true;
		return;
	}
	free(draft->detail);
	draft->detail = all;
}

void draft_effect(struct draft *draft, enum setting_effect effect)
{
	if (effect > draft->effect)
		draft->effect = effect;
}

static struct change_item *new_item(struct items *items)
{
	struct difference *d = items->out;
	struct change_item *more;

	if (d->n == items->room) {
		items->room = items->room == 0 ? 16 : items->room * 2;
		more = realloc(d->items, items->room * sizeof(*more));
		if (more == NULL)
			return NULL;
		d->items = more;
	}
	return &d->items[d->n];
}

void items_add(struct items *items, const char *kind, const char *name, enum change_what what,
	       struct draft *draft)
{
	bool is_empty = what == CHANGE_CHANGED && draft->detail == NULL;
	struct change_item *item = items->failed || is_empty ? NULL : new_item(items);

	if (item != NULL) {
		*item = (struct change_item){
			.kind = kind,
			.name = strdup(name),
			.what = what,
			.detail = draft->detail,
			.effect = effects[draft->effect].words,
			.ends_flows = effects[draft->effect].ends_flows,
			.needs_restart = draft->why_restart != NULL,
			.why_restart = draft->why_restart,
		};
		items->out->n++;
		items->failed = item->name == NULL;
	} else {
		items->failed |= !is_empty;
		free(draft->detail);
	}
	*draft = (struct draft){0};
}

static const void *items_field_of(const void *base, size_t offset)
{
	return (const char *)base + offset;
}

static size_t load_count(size_t offset, const void *base)
{
	size_t n;

	memcpy(&n, items_field_of(base, offset), sizeof(n));
	return n;
}

static const void *load_array(size_t offset, const void *base)
{
	const void *array;

	memcpy(&array, items_field_of(base, offset), sizeof(array));
	return array;
}

static const char *port_name(const struct config *config, const struct setting *setting,
			     const void *base)
{
	uint16_t port;

	memcpy(&port, items_field_of(base, setting->offset), sizeof(port));
	return port < config->n_ports ? config->ports[port].name : "";
}

const char *items_vnet_name(const struct network_spec *spec, uint16_t vnet)
{
	return vnet < spec->n_vnets ? spec->vnets[vnet].name : "default";
}

static const char *egress_name(const struct config *config, const struct spec_vnet *vnet)
{
	if (vnet->no_egress)
		return "none";
	return vnet->egress_pool == SPEC_POOL_DEFAULT
		       ? ""
		       : config->network.pools[vnet->egress_pool].name;
}

/* "" if the target leads to something of another kind. */
static const char *target_name(const struct config *config, const struct setting *setting,
			       const struct spec_target *target)
{
	if (target->kind != setting->target)
		return "";
	return target->kind == TARGET_DROP ? "true" : spec_target_name(&config->network, target);
}

static bool same_references(const struct items *items, const struct setting *setting,
			    const void *before, const void *after)
{
	const struct spec_site *a = before, *b = after;

	if (setting->type == SETTING_POOL)
		return strcmp(egress_name(items->before, before),
			      egress_name(items->after, after)) == 0;
	if (setting->type == SETTING_TARGET)
		return strcmp(target_name(items->before, setting, before),
			      target_name(items->after, setting, after)) == 0;
	return strcmp(items_vnet_name(&items->before->network, a->vnet),
		      items_vnet_name(&items->after->network, b->vnet)) == 0;
}

static bool same_prefixes4(const struct prefix4 *a, const struct prefix4 *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i].addr != b[i].addr || a[i].len != b[i].len)
			return false;
	}
	return true;
}

static bool same_prefixes6(const struct prefix6 *a, const struct prefix6 *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!addr6_equal(&a[i].addr, &b[i].addr) || a[i].len != b[i].len)
			return false;
	}
	return true;
}

/* Compares two lists item by item, in order. */
static bool same_lists(const struct items *items, const struct setting *setting, const void *before,
		       const void *after)
{
	const struct block *block = setting->block;
	const char *a = load_array(setting->offset, before);
	const char *b = load_array(setting->offset, after);
	size_t n = load_count(setting->count_offset, before);

	if (n != load_count(setting->count_offset, after))
		return false;
	if (a == b)
		return true; /* shared (config_splice()), so ports have the same numbers, too */
	for (size_t i = 0; i < n; i++, a += block->item_size, b += block->item_size) {
		for (size_t k = 0; k < block->n; k++) {
			if (!items_same(items, &block->settings[k], a, b))
				return false;
		}
	}
	return true;
}

static bool same_prefixes(const struct setting *setting, const void *before, const void *after)
{
	size_t n = load_count(setting->count_offset, before);
	size_t n6 = load_count(setting->six_count_offset, before);

	return n == load_count(setting->count_offset, after) &&
	       n6 == load_count(setting->six_count_offset, after) &&
	       same_prefixes4(load_array(setting->offset, before),
			      load_array(setting->offset, after), n) &&
	       same_prefixes6(load_array(setting->six_offset, before),
			      load_array(setting->six_offset, after), n6);
}

/* Compares a value that is stored in the struct itself. */
static bool same_bytes(const struct setting *setting, const void *before, const void *after)
{
	size_t has = setting->has_offset;

	if (has > 0 &&
	    memcmp(items_field_of(before, has), items_field_of(after, has), sizeof(bool)) != 0)
		return false;
	return memcmp(items_field_of(before, setting->offset),
		      items_field_of(after, setting->offset), setting->size) == 0;
}

bool items_same(const struct items *items, const struct setting *setting, const void *before,
		const void *after)
{
	size_t n;

	switch (setting->type) {
	case SETTING_BLOCK:
		for (size_t i = 0; i < setting->block->n; i++) {
			if (!items_same(items, &setting->block->settings[i], before, after))
				return false;
		}
		return true;
	case SETTING_LIST:
		return same_lists(items, setting, before, after);
	case SETTING_PREFIXES:
		return same_prefixes(setting, before, after);
	case SETTING_PREFIXES6:
		n = load_count(setting->count_offset, before);
		return n == load_count(setting->count_offset, after) &&
		       same_prefixes6(load_array(setting->offset, before),
				      load_array(setting->offset, after), n);
	case SETTING_PREFIX:
		return same_prefixes6(items_field_of(before, setting->offset),
				      items_field_of(after, setting->offset), 1);
	case SETTING_NETWORK:
	case SETTING_POOL:
	case SETTING_TARGET:
		return same_references(items, setting, before, after);
	case SETTING_NAME:
	case SETTING_PATH:
	case SETTING_INTERFACE:
	case SETTING_DEVICE:
		return strcmp(items_field_of(before, setting->offset),
			      items_field_of(after, setting->offset)) == 0;
	case SETTING_PORT:
		return strcmp(port_name(items->before, setting, before),
			      port_name(items->after, setting, after)) == 0;
	default:
		return same_bytes(setting, before, after);
	}
}

static void walk(struct items *items, const struct block *block, const char *path,
		 const void *before, const void *after, differs_fn differs, void *arg)
{
	char inner[PATH_SIZE];

	for (size_t i = 0; i < block->n; i++) {
		const struct setting *setting = &block->settings[i];

		if (items_same(items, setting, before, after))
			continue;
		snprintf(inner, sizeof(inner), "%s%s%s", path, path[0] != '\0' ? "." : "",
			 setting->name);
		if (setting->type == SETTING_BLOCK)
			walk(items, setting->block, inner, before, after, differs, arg);
		else
			differs(items, arg, setting, inner, before, after);
	}
}

void items_walk(struct items *items, const struct block *block, const void *before,
		const void *after, differs_fn differs, void *arg)
{
	walk(items, block, "", before, after, differs, arg);
}

/* Removes the quotes that a name has in a file. */
static void unquote(char *text)
{
	size_t len = strlen(text);

	if (len < 2 || text[0] != '"' || text[len - 1] != '"')
		return;
	memmove(text, text + 1, len - 2);
	text[len - 2] = '\0';
}

const char *items_text(struct items *items, const struct config *config,
		       const struct setting *setting, const void *base,
		       char buf[static ITEMS_TEXT_SIZE])
{
	if (setting->type == SETTING_LIST) {
		snprintf(buf, ITEMS_TEXT_SIZE, "%zu items",
			 load_count(setting->count_offset, base));
		return buf;
	}
	if (!config_is_set(setting, base))
		return "not set";
	rewind(items->value);
	config_print_value(config, setting, base, items->value);
	if (fflush(items->value) != 0) {
		items->failed = true;
		return "";
	}
	snprintf(buf, ITEMS_TEXT_SIZE, "%.*s", (int)items->value_len, items->value_text);
	if (items->value_len >= ITEMS_TEXT_SIZE)
		strcpy(buf + ITEMS_TEXT_SIZE - sizeof("..."), "...");
	unquote(buf);
	return buf;
}

static bool became_smaller(const struct setting *setting, const void *before, const void *after)
{
	uint32_t a, b;

	if (setting->size != sizeof(a))
		return true;
	memcpy(&a, items_field_of(before, setting->offset), sizeof(a));
	memcpy(&b, items_field_of(after, setting->offset), sizeof(b));
	return b < a;
}

void items_differ(struct items *items, void *arg, const struct setting *setting, const char *path,
		  const void *before, const void *after)
{
	char old[ITEMS_TEXT_SIZE], new[ITEMS_TEXT_SIZE];
	struct draft *draft = arg;

	draft_say(items, draft, "%s %s -> %s", path,
		  items_text(items, items->before, setting, before, old),
		  items_text(items, items->after, setting, after, new));
	if (!setting->reloadable)
		draft->why_restart = setting->restart;
	else if (setting->effect != EFFECT_LIMIT || became_smaller(setting, before, after))
		draft_effect(draft, setting->effect);
}
