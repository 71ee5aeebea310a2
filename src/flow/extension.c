/* Extension lines: see extension.h. */
#include "flow/extension.h"

#include "base/memory.h"
#include "flow/table.h"

#include <errno.h>

int flow_table_allow_extensions(struct flow_table *t)
{
	assert(t->extensions == NULL && t->used == 0);
	t->extensions = memory_map((size_t)t->capacity * sizeof(struct flow_extension), NULL);
	return t->extensions == NULL ? -ENOMEM : 0;
}

struct flow_extension *flow_table_extend(struct flow_table *t, uint32_t record)
{
	struct flow *f = &t->records[record];

	assert(f->state > FLOW_RESTING);
	if (t->extensions == NULL)
		return NULL;
	if (!f->is_extended)
		t->extensions[record] = (struct flow_extension){0};
	f->is_extended = true;
	return &t->extensions[record];
}

struct flow_extension *flow_table_extension(const struct flow_table *t, uint32_t record)
{
	return t->records[record].is_extended ? &t->extensions[record] : NULL;
}
