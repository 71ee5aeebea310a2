/* What the configuration sets for workers while packets pass. */
#pragma once

#include "control/config/config.h"
#include "path/snapshot.h"

/* All but what is the workers' own. Any thread. */
struct settings settings_of(const struct config *config);
