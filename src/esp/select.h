/*
 * Traffic selectors of an SA (RFC 4301 section 4.4.1).
 */
#pragma once

#include "base/drop.h"
#include "esp/sa.h"

#include <stddef.h>
#include <stdint.h>

/*
 * May the inner packet at @ip, @len unchecked bytes, come out of an SA with these selectors? Its
 * source must fit one of the remote ones, and its destination one of the local ones; where a side
 * has none, any address fits. DROP_NONE or DROP_ESP_SELECTOR. A later fragment has no ports, and
 * fits only a selector of any port.
 */
enum drop esp_select(const struct esp_spec *spec, const uint8_t *ip, size_t len);
