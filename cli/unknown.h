/* homeward tunnels --unknown. */
#pragma once

#include "cli.h"

int unknown_run(const struct cli *cli); /* exit status */
