/* The stages of this folder; their contracts are the rows of pipeline.c. */
#pragma once

#include "lane.h"

void stage_lookup(struct lane *lane, struct burst *b);
void stage_lookup6(struct lane *lane, struct burst *b);
void stage_follow6(struct lane *lane, struct burst *b);
void stage_follow(struct lane *lane, struct burst *b);
