/* Settings that workers use while packets pass. */
#pragma once

#include "control/config/config.h"
#include "path/snapshot.h"

/* Fills in everything except what a worker sets itself. Any thread. */
struct settings settings_of(const struct config *config);
