/* The tables of drop reasons and answers, from the lists in drop.h. */
#include "base/drop.h"

#include "base/wire.h"

#define DROP(id, name, help) {name, help},
#define ANSWER(id, name, help, type, code, type6, code6, drop)                                     \
	{{name, help}, {type, code}, {type6, code6}, DROP_##drop},

const struct drop_info drop_infos[DROP_COUNT] = {{"none", "delivered"}, DROP_LIST(DROP)};
const struct answer_info answer_infos[ANSWER_COUNT] = {ANSWER_LIST(ANSWER)};
