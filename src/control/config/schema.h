/*
 * The tables of settings: one row each. Parsing, checking, printing and the reference in
 * docs/configuration.md use them.
 *
 * Private to control/config and control/change.
 */
#pragma once

#include "network/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
	SETTING_BLOCK, /* a map with settings of its own, stored in the same struct */
	SETTING_LIST, /* a list of maps, each stored in an item of an array */
	SETTING_PREFIXES, /* a list of prefixes -> arrays of struct prefix4 and struct prefix6 */
	SETTING_PREFIXES6, /* a list of IPv6 prefixes -> array of struct prefix6 */
	SETTING_PREFIX, /* of either family -> struct prefix6; IPv4: mapped */
	SETTING_SLICES, /* a list of numbers and ranges -> bits; read when slice-size is known */
	SETTING_NUMBER, /* -> uint16_t or uint32_t */
	SETTING_DURATION, /* -> uint16_t, seconds */
	SETTING_NAME, /* -> char[SPEC_NAME_SIZE] */
	SETTING_CHOICE, /* one of .choices -> enum or bool */
	SETTING_ADDRESS, /* of either family -> struct addr6, unicast; IPv4: v4-mapped */
	SETTING_ADDRESS4, /* -> as above, IPv4 only */
	SETTING_ADDRESS6, /* -> struct addr6, unicast */
	SETTING_MAC, /* -> uint8_t[6], unicast */
	SETTING_PATH, /* -> char[CONFIG_PATH_SIZE] */
	SETTING_TEXT, /* printable ASCII -> char[] */
	SETTING_INTERFACE, /* -> char[IFNAMSIZ] */
	SETTING_DEVICE, /* for DPDK -> char[CONFIG_DEVICE_SIZE] */
	/* the name of a port -> uint16_t, its index; looked up when all ports are read */
	SETTING_PORT,
	/* these name objects, too, and are looked up by check_networks.c */
	SETTING_NETWORK, /* the name of a virtual network -> uint16_t, its index */
	SETTING_POOL, /* the name of an egress pool, or `none` -> fields of struct spec_vnet */
	SETTING_TARGET, /* the name of what `.target` says -> fields of struct spec_target */
};

enum { SETTINGS_MAX = 24 }; /* of one block */

/*
 * What a change of a setting does to the flows that it concerns. A later value outweighs an earlier
 * one. The texts for people are in control/change/difference.c.
 */
enum setting_effect {
	EFFECT_NONE,
	EFFECT_NEW, /* flows go on unchanged, new ones use it */
	EFFECT_LIMIT, /* new flows above the limit are refused; no effect if it became larger */
	EFFECT_NEXT, /* flows use it from their next packet on */
	EFFECT_IDLE, /* a timeout: the next sweep uses it */
	EFFECT_PATH, /* flows go on, their packets leave by the new path */
	EFFECT_MOVE, /* flows go on by another tunnel of the site */
	EFFECT_ROUTE, /* flows end if no route leads to the site of their destination any more */
	EFFECT_SOURCE, /* flows from sources that are no longer allowed end */
	EFFECT_PREFIX, /* untranslated flows from what is no longer a global prefix end */
	EFFECT_MAPPING, /* flows end whose packets now go to another worker */
	EFFECT_SLICE, /* flows end whose egress port is no longer ours */
	EFFECT_SITE, /* all flows of the site end */
};

struct setting {
	const char *name;
	enum setting_type type;
	bool required;
	bool power_of_two;
	uint64_t min, max; /* number, duration: range of the value; lists: number of items */
	const char *fallback; /* read like text of the file if the setting is missing */
	/* if the default depends on others: its text in the reference */
	const char *fallback_words;
	const char *unit;
	const char *help;
	size_t offset, size; /* offset of the value in the struct of its block */
	size_t count_offset; /* lists: offset of a size_t */
	/* lists of both families: offset of the IPv6 array; 0: IPv4 only */
	size_t six_offset, six_count_offset;
	size_t has_offset; /* optional: offset of a bool that says it was present; 0: none */
	bool reloadable; /* a change is applied while the daemon runs */
	const char *restart; /* otherwise: why it needs a restart */
	enum setting_effect effect; /* effect of a change on flows */
	/* bits of the values of the block's variant that need or take it; taken_by 0: all */
	unsigned needed_by, taken_by;
	const char *const *choices; /* names by value of the enum, NULL at the end */
	enum spec_target_kind target; /* SETTING_TARGET */
	const struct block *block; /* SETTING_BLOCK, SETTING_LIST */
};

struct block {
	const char *title; /* title of its chapter in the reference */
	const char *noun; /* "a port": for sentences */
	const struct setting *settings;
	size_t n;
	size_t item_size; /* size of the struct; 0: it is part of the surrounding block's struct */
	/* the setting whose value decides which others go with an item; NULL: all go with it */
	const struct setting *variant;
};

/* The whole file; stored in struct config. */
extern const struct block schema_file;

/* Its chapters: items of lists. */
extern const struct block schema_port;
extern const struct block schema_site;
extern const struct block schema_tunnel; /* of a site */
extern const struct block schema_alias; /* of a site */
extern const struct block schema_pool;
extern const struct block schema_address; /* of a pool */
extern const struct block schema_network;
extern const struct block schema_route; /* of a network */
extern const struct block schema_target; /* of a route */

/*
 * Describes the values that @setting accepts, for sentences: "a number from 576 to 9216". Written
 * to @buf.
 */
enum { SCHEMA_EXPECTS_SIZE = 192 };
const char *schema_expects(const struct setting *setting, char buf[static SCHEMA_EXPECTS_SIZE]);

/* Does @setting go with an item of @block, stored at @base? By the block's variant. */
bool schema_takes(const struct block *block, const struct setting *setting, const void *base);

/* NULL: not a setting of @block. */
const struct setting *schema_find(const struct block *block, const char *name);
