/*
 * Why a change of the configuration ended a flow: every reason, one line each.
 *
 * Counter, API, CLI and documentation read this list, as they read that of drop reasons. A flow
 * that ends because its time is over is none of these.
 *
 * X(enum name, name for people, what it means)
 */
#pragma once

#define ENDED_LIST(X)                                                                              \
	X(SITE_REMOVED, "site_removed", "its site was removed")                                    \
	X(SLICE_LOST, "slice_lost",                                                                \
	  "its egress address, or the slice of its egress port, is ours no longer")                \
	X(SOURCE_REMOVED, "source_removed", "its source is not among the site's prefixes now")     \
	X(PREFIX_REMOVED, "prefix_removed", "the global prefix of its source was removed")         \
	X(MAPPING_CHANGED, "mapping_changed",                                                      \
	  "another worker has its packets now: the mapping of the pool for new flows changed")     \
	X(ROUTE_LOST, "route_lost", "its destination has become ours, or is ours no longer")       \
	X(FAR_REMOVED, "far_removed", "the site of its private destination was removed")           \
	X(ALIAS_LOST, "alias_lost", "the alias by which another site sees its host was removed")   \
	X(FAR_ROUTE_LOST, "far_route_lost",                                                        \
	  "no route or private link leads to the site of its destination now")

/* clang-format off */
enum ended {
	ENDED_NOT, /* it lives on */
#define X(id, name, help) ENDED_##id,
	ENDED_LIST(X)
#undef X
	ENDED_COUNT,
};
/* clang-format on */

struct ended_info {
	const char *name;
	const char *help;
};

extern const struct ended_info ended_infos[ENDED_COUNT]; /* [ENDED_NOT] is {"none", ...} */
