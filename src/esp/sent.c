/*
 * Outbound SAs by SPI: a hash table of chains, with room for all rows, so that a search is short
 * whatever routers claim. Only far ends that we negotiated with can make a chain longer.
 */
#include "esp/sent.h"

static uint16_t hash(uint32_t spi)
{
	return (uint16_t)(spi * UINT32_C(0x9e3779b1) >> 16);
}

void esp_sent_add(struct esp_sent *s, uint32_t spi, uint16_t row)
{
	s->next[row] = s->first[hash(spi)];
	s->first[hash(spi)] = row;
}

void esp_sent_remove(struct esp_sent *s, uint32_t spi, uint16_t row)
{
	uint16_t *at = &s->first[hash(spi)];

	while (*at != row && *at != 0)
		at = &s->next[*at];
	*at = s->next[row];
	s->next[row] = 0;
}

uint16_t esp_sent_first(const struct esp_sent *s, uint32_t spi)
{
	return s->first[hash(spi)];
}
