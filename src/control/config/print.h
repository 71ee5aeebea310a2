/*
 * Prints one setting as the file spells it.
 *
 * Private to control/config and control/change.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct config;
struct setting;

/* Was @setting in the file, or does it have a default? @base: the struct of its block. */
bool config_is_set(const struct setting *setting, const void *base);

/* Writes the value of @setting, as config_print() does. Not for blocks and lists. */
void config_print_value(const struct config *config, const struct setting *setting,
			const void *base, FILE *out);
