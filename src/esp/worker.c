/* What a worker needs for ESP: made by the control thread before the worker starts. */
#include "esp/worker.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

struct esp_worker *esp_worker_create(struct esp_table *table, uint16_t index)
{
	struct esp_worker *w = memory_lines(sizeof(*w));

	if (w == NULL)
		return NULL;
	w->table = table;
	w->index = index;
	w->cipher = esp_cipher_create();
	w->acquire_ns = memory_reserve(ESP_TUNNELS * sizeof(w->acquire_ns[0]));
	if (w->cipher != NULL && w->acquire_ns != NULL)
		return w;
	esp_worker_destroy(w);
	return NULL;
}

void esp_worker_destroy(struct esp_worker *w)
{
	if (w == NULL)
		return;
	esp_cipher_destroy(w->cipher);
	memory_unmap(w->acquire_ns, ESP_TUNNELS * sizeof(w->acquire_ns[0]));
	explicit_bzero(w, sizeof(*w));
	free(w);
}
