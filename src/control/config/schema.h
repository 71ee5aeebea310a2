/*
 * The tables of settings: one row each. Parsing, checking, printing and the reference in
 * docs/configuration.md walk them.
 *
 * Private to control/config and control/change.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum setting_type {
	SETTING_BLOCK, /* a map with settings of its own, in the same struct */
	SETTING_LIST, /* a list of maps, each landing in an item of an array */
	SETTING_PREFIXES, /* a list of prefixes -> arrays of struct prefix4 and struct prefix6 */
	SETTING_PREFIXES6, /* a list of IPv6 prefixes -> array of struct prefix6 */
	SETTING_SLICES, /* a list of numbers and ranges -> bits; read once slice-size is known */
	SETTING_NUMBER, /* -> uint16_t or uint32_t */
	SETTING_DURATION, /* -> uint16_t, seconds */
	SETTING_NAME, /* -> char[SPEC_NAME_SIZE] */
	SETTING_CHOICE, /* one of .choices -> enum */
	SETTING_ADDRESS, /* of either family -> struct addr6, unicast; IPv4: mapped */
	SETTING_ADDRESS4, /* -> the same, IPv4 only */
	SETTING_ADDRESS6, /* -> struct addr6, unicast */
	SETTING_MAC, /* -> uint8_t[6], unicast */
	SETTING_PATH, /* -> char[CONFIG_PATH_SIZE] */
	SETTING_INTERFACE, /* -> char[IFNAMSIZ] */
	SETTING_PORT, /* the name of a port -> uint16_t, its index; found once all are read */
};

enum { SETTINGS_MAX = 16 }; /* of one block */

/*
 * What a change of a setting does to the flows that it concerns. A later one outweighs those before
 * it. The words for people are in control/change/difference.c.
 */
enum setting_effect {
	EFFECT_NONE,
	EFFECT_NEW, /* flows go on as they are, new ones follow it */
	EFFECT_LIMIT, /* new flows above it are refused; nothing where it became larger */
	EFFECT_NEXT, /* flows follow it from their next packet on */
	EFFECT_IDLE, /* a timeout: the sweep goes by it from now on */
	EFFECT_PATH, /* flows go on, their packets leave in the new way */
	EFFECT_MOVE, /* flows go on by another tunnel of the site */
	EFFECT_SOURCE, /* flows from sources that are no longer allowed end */
	EFFECT_PREFIX, /* untranslated flows from what is no longer a global prefix end */
	EFFECT_MAPPING, /* flows end whose packets another worker gets now */
	EFFECT_SLICE, /* flows end whose egress port is no longer ours */
	EFFECT_SITE, /* all flows of the site end */
};

struct setting {
	const char *name;
	enum setting_type type;
	bool required;
	bool power_of_two;
	uint64_t min, max; /* number, duration: value; lists: items */
	const char *fallback; /* read like the file's own text if the setting is missing */
	const char *fallback_words; /* where the default depends: what the reference says */
	const char *unit;
	const char *help;
	size_t offset, size; /* where it lands in the struct of its block */
	size_t count_offset; /* lists: a size_t */
	size_t six_offset, six_count_offset; /* where what is IPv6 of it lands; 0: IPv4 only */
	size_t has_offset; /* optional: a bool that says it was there; 0: none */
	bool reloadable; /* a change is taken while the daemon runs */
	const char *restart; /* otherwise: why it is taken at the next start only */
	enum setting_effect effect; /* of a change on flows */
	unsigned needed_by, taken_by; /* bits of enum port_driver; taken_by 0: all */
	const char *const *choices; /* by number of the enum, NULL at the end */
	const struct block *block; /* SETTING_BLOCK, SETTING_LIST */
};

struct block {
	const char *title; /* of its chapter in the reference */
	const char *noun; /* "a port": for sentences */
	const struct setting *settings;
	size_t n;
	size_t item_size; /* of the struct; 0: that of the block around it */
};

/* The whole file; lands in struct config. */
extern const struct block schema_file;

/* Its chapters: items of lists. */
extern const struct block schema_port;
extern const struct block schema_site;
extern const struct block schema_tunnel; /* of a site */
extern const struct block schema_pool;
extern const struct block schema_address; /* of a pool */

/* What @setting wants, for sentences: "a number from 576 to 9216". Written to @buf. */
enum { SCHEMA_EXPECTS_SIZE = 192 };
const char *schema_expects(const struct setting *setting, char buf[static SCHEMA_EXPECTS_SIZE]);

/* NULL: not a setting of @block. */
const struct setting *schema_find(const struct block *block, const char *name);
