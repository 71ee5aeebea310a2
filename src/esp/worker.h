/*
 * What a worker needs for ESP: the table, its cipher, and its events for the control thread.
 */
#pragma once

#include "esp/cipher.h"
#include "esp/row.h"

struct esp_worker {
	struct esp_table *table;
	struct esp_cipher *cipher;
	uint16_t index; /* of the worker */
	uint64_t now_ns; /* CLOCK_MONOTONIC; the stage sets it */
	uint64_t *acquire_ns; /* [ESP_TUNNELS]: no acquire is told again before */
	uint64_t unknown_ns; /* the same for unknown SPIs */
	struct esp_job jobs[64]; /* of one burst */
};

/* For worker @index of @table. NULL if memory ran out. Control thread. */
struct esp_worker *esp_worker_create(struct esp_table *table, uint16_t index);
void esp_worker_destroy(struct esp_worker *w); /* NULL is fine */
