/* The names of the kinds of tunnel, in the configuration and the API. */
#include "tunnel/kinds.h"

#define X(id, name, protocol) [TUNNEL_##id] = name,

const char *const tunnel_kind_names[TUNNEL_TYPES + 1] = {TUNNEL_KIND_LIST(X)};
