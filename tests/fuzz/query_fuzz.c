/*
 * Any bytes as the query of each list of the API: it is refused in a sentence, or answered with JSON
 * in a bounded number of steps.
 */
#include "control/api/list.h"
#include "control/api/server.h"
#include "fakes.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

enum { URL_SIZE = 2048, STEPS_MAX = 10000, TUNNELS = 3 };

/* As a constant; little-endian. */
#define MAPPED(four)                                                                               \
	{                                                                                          \
		{                                                                                  \
			0, (uint64_t)(four) << 32 | 0xffff0000                                     \
		}                                                                                  \
	}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {"/v1/sites", "/v1/tunnels", "/v1/flows", "/v1/egress",
				    "/v1/drops"};

static struct spec_tunnel tunnels[TUNNELS] = {
	{.name = "one", .local = MAPPED(1), .remote = MAPPED(2), .mtu = 1400},
	{.name = "two", .local = MAPPED(1), .remote = MAPPED(3), .mtu = 1400},
	{.name = "three", .local = MAPPED(1), .remote = MAPPED(4), .mtu = 1400},
};
static struct spec_site sites[] = {
	{.name = "paris", .tunnels = tunnels, .n_tunnels = 2},
	{.name = "oslo", .tunnels = tunnels + 2, .n_tunnels = 1},
};
static struct spec_address addresses[] = {{.addr = MAPPED(5), .slices = {0x6}},
					  {.addr = MAPPED(6), .slices = {0x2}}};
static struct spec_pool pools[] = {
	{.name = "internet", .slice_size = 2048, .addresses = addresses, .n_addresses = 2},
	{.name = "empty", .slice_size = 2048},
};
static struct config_port config_ports[] = {{.name = "wan", .driver = PORT_MEMORY}};
static struct port ports[] = {{.config = config_ports}};
static struct port_set port_set = {.ports = ports, .n = 1};
static struct worker *workers[] = {&fake_workers[0], &fake_workers[1]};
static const struct network_spec spec = {
	.sites = sites, .n_sites = 2, .pools = pools, .n_pools = 2};
static struct api api = {
	.ctx = {.ports = &port_set, .workers = workers, .n_workers = FAKE_WORKERS}};

static void stop_if(bool wrong, const char *what, const char *url)
{
	if (wrong) {
		fprintf(stderr, "%s: %s\n", url, what);
		abort();
	}
}

/* One text, or one a line. */
static void check_json(struct evbuffer *out, const char *url)
{
	char *line;

	while ((line = evbuffer_readln(out, NULL, EVBUFFER_EOL_LF)) != NULL) {
		json_t *json = json_loads(line, 0, NULL);

		stop_if(!json_is_object(json), "it is not answered with JSON", url);
		json_decref(json);
		free(line);
	}
	stop_if(evbuffer_get_length(out) != 0, "the last line has no end", url);
}

static void follow(struct stream *stream, const char *url)
{
	struct evbuffer *out = evbuffer_new();
	static struct writer w;
	enum step step = STEP_MORE;

	writer_init(&w, out);
	for (unsigned i = 0; step == STEP_MORE || step == STEP_WAIT; i++) {
		stop_if(i == STEPS_MAX, "the answer does not end", url);
		step = stream->step(stream, &w);
	}
	writer_flush(&w);
	stop_if(step != STEP_DONE, "the answer fails", url);
	stream->end(stream);
	check_json(out, url);
	evbuffer_free(out);
}

static void ask(const char *url)
{
	const struct api_call call = {.method = "GET", .url = url, .who = ""};
	struct api_reply reply = {.status = 200};

	api_answer(&api, &call, &reply);
	if (reply.stream != NULL)
		follow(reply.stream, url);
	else
		stop_if(reply.status != 200 &&
				json_string_length(json_object_get(reply.body, "error")) < 3,
			"refused without a word", url);
	json_decref(reply.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	char url[URL_SIZE + 32];

	size = end != NULL ? (size_t)(end - data) : size; /* a file of the corpus is a line */
	if (api.ctx.net == NULL) {
		api.ctx.net = network_create(&spec, NULL);
		for (size_t i = 0; i < FAKE_WORKERS; i++)
			fake_workers[i].n_flows = 20;
	}
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		snprintf(url, sizeof(url), "%s?%.*s", paths[i],
			 (int)(size < URL_SIZE ? size : URL_SIZE), (const char *)data);
		ask(url);
	}
	return 0;
}
