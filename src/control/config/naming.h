/*
 * Finds objects of the file by name: the targets of references.
 *
 * Private to control/config. A list of names is sorted once, since a file may have 100,000 routes.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct network_spec;
struct report;
struct tree_node;

enum naming_kind { NAMING_SITES, NAMING_TUNNELS, NAMING_POOLS, NAMING_NETWORKS, NAMING_KINDS };

struct named {
	const char *name;
	uint32_t index; /* of the object; of a tunnel: of its site */
	uint32_t part; /* of a tunnel: among those of its site */
};

struct naming {
	struct named *lists[NAMING_KINDS]; /* sorted */
	size_t n[NAMING_KINDS];
};

/* 0 or -ENOMEM. Borrows the names. Call naming_fini() in any case. */
int naming_make(struct naming *naming, const struct network_spec *spec);
void naming_fini(struct naming *naming);

/* NULL: there is no such object. */
const struct named *naming_find(const struct naming *naming, enum naming_kind kind,
				const char *name);

/*
 * The object that the text of @node names. NULL: the node is missing or no text, or there is no
 * such object, which is reported with the nearest name.
 */
const struct named *naming_resolve(const struct naming *naming, enum naming_kind kind,
				   const struct tree_node *node, struct report *report);
