/* The names of drop reasons and answers, from the lists in drop.h. */
#include "drop.h"

#define X(id, name, help) {name, help},

const struct drop_info drop_infos[DROP_COUNT] = {{"none", "delivered"}, DROP_LIST(X)};
const struct drop_info answer_infos[ANSWER_COUNT] = {ANSWER_LIST(X)};
