/*
 * Outbound SAs by what their packets have on the wire: for ICMP errors that embed one. Control
 * thread.
 */
#pragma once

#include "esp/sa.h"

enum { ESP_SENT_ROWS = ESP_SAS_MAX + 1 };

/* Chains of rows; 0 ends one. All zero: empty. */
struct esp_sent {
	uint16_t first[ESP_SENT_ROWS]; /* by a hash of the SPI */
	uint16_t next[ESP_SENT_ROWS];
};

/* @spi: host order, as far ends chose it: several may have chosen the same one. */
void esp_sent_add(struct esp_sent *s, uint32_t spi, uint16_t row);
void esp_sent_remove(struct esp_sent *s, uint32_t spi, uint16_t row);

/* The first row of the chain that @spi may be in; next[row] is the one behind it. */
uint16_t esp_sent_first(const struct esp_sent *s, uint32_t spi);
