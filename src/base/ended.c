/* The names of reasons why a change ends flows, from the list in ended.h. */
#include "base/ended.h"

#define X(id, name, help) {name, help},

const struct ended_info ended_infos[ENDED_COUNT] = {{"none", "it lives on"}, ENDED_LIST(X)};
