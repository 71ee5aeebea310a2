/*
 * What the rows of route.c name: each handler is in the file named by the last word of its path.
 * Private to control/api/.
 */
#pragma once

#include "control/api/route.h"

extern const struct route_arg networks_args[], routes_args[], lookup_args[];
extern const struct route_field networks_fields[], routes_fields[], lookup_fields[];
void networks_answer(const struct api_request *rq, struct api_reply *reply);
void routes_answer(const struct api_request *rq, struct api_reply *reply);
void lookup_answer(const struct api_request *rq, struct api_reply *reply);

extern const struct route_arg sites_args[], tunnels_args[], health_args[], ipsec_args[],
	flows_args[], egress_args[], drops_args[], config_args[], config_check_args[],
	config_apply_args[], config_rollback_args[], config_history_args[];
extern const struct route_field status_fields[], sites_fields[], tunnels_fields[], health_fields[],
	ipsec_fields[], flows_fields[], egress_fields[], drops_fields[], unknown_fields[],
	openapi_fields[], config_fields[], config_check_fields[], config_diff_fields[],
	config_apply_fields[], config_confirm_fields[], config_history_fields[];
struct bgp;

/* What is learned from kernel tables. @bgp NULL: nothing. */
json_t *learned_describe(const struct bgp *bgp);

void status_answer(const struct api_request *rq, struct api_reply *reply);
void sites_answer(const struct api_request *rq, struct api_reply *reply);
void tunnels_answer(const struct api_request *rq, struct api_reply *reply);
void ipsec_answer(const struct api_request *rq, struct api_reply *reply);
void health_answer(const struct api_request *rq, struct api_reply *reply);
void unknown_answer(const struct api_request *rq, struct api_reply *reply);
void flows_answer(const struct api_request *rq, struct api_reply *reply);
void egress_answer(const struct api_request *rq, struct api_reply *reply);
void drops_answer(const struct api_request *rq, struct api_reply *reply);
void config_answer(const struct api_request *rq, struct api_reply *reply);
void config_check_answer(const struct api_request *rq, struct api_reply *reply);
void config_diff_answer(const struct api_request *rq, struct api_reply *reply);
void config_apply_answer(const struct api_request *rq, struct api_reply *reply);
void config_rollback_answer(const struct api_request *rq, struct api_reply *reply);
void config_confirm_answer(const struct api_request *rq, struct api_reply *reply);
void config_history_answer(const struct api_request *rq, struct api_reply *reply);
void openapi_answer(const struct api_request *rq, struct api_reply *reply);
