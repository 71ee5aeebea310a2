/*
 * charon's requests on the table of SAs. The table is a list of this test, which notes what it is
 * told, so that each row of the tests says what workers would do.
 */
#include "control/ipsec/sas.h"

#include "base/types.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	ROWS = 48,
	OF_TUNNEL = 32,
	TUNNEL = 17,
	OTHER = 18,
	NO_TUNNEL = 19,
	PEER_SPI = 0x1234,
	CHARON = 100
};

#define SECOND UINT64_C(1000000000)
#define SPI_FIRST 0xc0000000u

/* --- a table ---------------------------------------------------------------------------------- */

struct esp_table {
	struct {
		uint32_t handle; /* 0: free */
		bool reserved;
		struct esp_spec spec;
		struct esp_ends ends;
	} rows[ROWS];
	uint32_t used[32]; /* by tunnel: handle; 0: none */
	uint32_t n_given;
	unsigned to_reclaim;
	struct esp_event events[4];
	unsigned n_events;
	struct esp_counters counters;
};

static struct esp_table table;

static unsigned row_of(uint32_t handle)
{
	for (unsigned i = 0; i < ROWS; i++)
		if (table.rows[i].handle == handle)
			return i;
	return ROWS;
}

int esp_reserve(struct esp_table *t, uint32_t *spi)
{
	unsigned i = row_of(0);

	if (i == ROWS)
		return -ENOSPC;
	*spi = t->rows[i].handle = SPI_FIRST + ++t->n_given;
	t->rows[i].reserved = true;
	return 0;
}

int esp_add(struct esp_table *t, const struct esp_spec *spec, uint32_t *handle, const char **why)
{
	unsigned i = spec->outbound ? row_of(0) : row_of(spec->spi);

	if (spec->encryption != ESP_AES_GCM_16) {
		*why = "not in this test";
		return -EINVAL;
	}
	if (i == ROWS)
		return spec->outbound ? -ENOSPC : -ENOENT;
	*handle = spec->outbound ? SPI_FIRST + ++t->n_given : spec->spi;
	t->rows[i].handle = *handle;
	t->rows[i].reserved = false;
	t->rows[i].spec = *spec;
	t->rows[i].ends = spec->ends;
	return 0;
}

int esp_use(struct esp_table *t, uint32_t handle)
{
	t->used[t->rows[row_of(handle)].spec.tunnel] = handle;
	return 0;
}

void esp_use_none(struct esp_table *t, uint16_t tunnel)
{
	t->used[tunnel] = 0;
}

int esp_update(struct esp_table *t, uint32_t handle, const struct esp_ends *ends)
{
	t->rows[row_of(handle)].ends = *ends;
	return 0;
}

int esp_remove(struct esp_table *t, uint32_t handle)
{
	unsigned i = row_of(handle);

	assert_true(i < ROWS);
	t->rows[i].handle = 0;
	t->to_reclaim++;
	return 0;
}

void esp_reclaim(struct esp_table *t)
{
	t->to_reclaim = 0;
}

bool esp_must_reclaim(const struct esp_table *t)
{
	return t->to_reclaim > 0;
}

int esp_read(const struct esp_table *t, uint32_t handle, struct esp_counters *out)
{
	*out = t->counters;
	return row_of(handle) == ROWS ? -ENOENT : 0;
}

bool esp_take_event(struct esp_table *t, struct esp_event *e)
{
	if (t->n_events == 0)
		return false;
	*e = t->events[--t->n_events];
	return true;
}

/* --- the bed ---------------------------------------------------------------------------------- */

static struct ike_message sent;
static enum ike_type sent_type;
static unsigned synchronized;

static bool has_tunnel(void *arg, uint32_t tunnel)
{
	return tunnel == TUNNEL || tunnel == OTHER;
}

static void synchronize(void *arg)
{
	synchronized++;
}

static bool note_event(void *arg, enum ike_type type, struct ike_message *m)
{
	sent = *m;
	sent_type = type;
	return true;
}

static struct addr6 far_ends[32];

static void note_far_end(void *arg, uint16_t tunnel, const struct addr6 *remote)
{
	far_ends[tunnel] = *remote;
}

static struct ipsec_sas *create(void)
{
	static const struct ipsec_sas_parts parts = {&table,	 has_tunnel,   synchronize,
						     note_event, note_far_end, NULL};
	struct ipsec_sas *s;

	memset(&table, 0, sizeof(table));
	sent_type = 0;
	s = ipsec_sas_create(&parts);
	assert_non_null(s);
	ipsec_sas_met(s, CHARON);
	return s;
}

static enum ike_status ask(struct ipsec_sas *s, enum ike_type type, struct ike_message *m,
			   uint64_t now_ns)
{
	struct ike_answer answer = {0};
	enum ike_status status;

	m->header.type = (uint16_t)type;
	status = ipsec_sas_request(s, m, &answer, now_ns);
	m->answer = answer;
	return status;
}

static void put_end(struct ike_end *end, uint32_t addr, uint16_t port)
{
	struct addr6 six = addr6_from_ipv4(htonl(addr));

	memcpy(end->address, &six, sizeof(end->address));
	end->port = port;
}

enum { US = 0xc0000201, THEM = 0xc0000202, THEM_MOVED = 0xc0000203 };

/* The names of the two SAs of a tunnel, as charon gives them. */
static struct ike_sa name_of(bool outbound, uint32_t tunnel, uint32_t spi)
{
	struct ike_sa sa = {.spi = htonl(spi), .tunnel = tunnel};

	put_end(outbound ? &sa.source : &sa.destination, US, 4500);
	put_end(outbound ? &sa.destination : &sa.source, THEM, 4500);
	return sa;
}

static struct ike_message add_message(bool outbound, uint32_t tunnel, uint32_t spi)
{
	return (struct ike_message){.add_sa = {
					    .sa = name_of(outbound, tunnel, spi),
					    .replay_window = 1024,
					    .encryption = ESP_AES_GCM_16,
					    .integrity = 1024, /* charon's "none" */
					    .encryption_len = 36,
					    .direction = outbound ? IKE_OUT : IKE_IN,
					    .tunnel_mode = 1,
					    .esp = 1,
					    .udp = 1,
					    .dscp = IKE_DSCP_OUT,
					    .copy_df = 1,
					    .n_source = 1,
					    .source = {{.protocol = outbound ? 1 : 2}},
				    }};
}

static uint32_t reserve(struct ipsec_sas *s)
{
	struct ike_message m = {0};

	assert_int_equal(ask(s, IKE_GET_SPI, &m, SECOND), IKE_OK);
	return ntohl(m.answer.spi);
}

static uint32_t add_inbound(struct ipsec_sas *s)
{
	uint32_t spi = reserve(s);
	struct ike_message m = add_message(false, TUNNEL, spi);

	assert_int_equal(ask(s, IKE_ADD_SA, &m, SECOND), IKE_OK);
	return spi;
}

static void add_outbound(struct ipsec_sas *s, uint32_t spi)
{
	struct ike_message m = add_message(true, TUNNEL, spi);

	assert_int_equal(ask(s, IKE_ADD_SA, &m, SECOND), IKE_OK);
	m = (struct ike_message){.sa = name_of(true, TUNNEL, spi)};
	assert_int_equal(ask(s, IKE_USE_SA, &m, SECOND), IKE_OK);
}

static uint32_t used_spi(void)
{
	uint32_t handle = table.used[TUNNEL];

	return handle == 0 ? 0 : table.rows[row_of(handle)].spec.spi;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void test_add(void **state)
{
	struct ipsec_sas *s = create();
	uint32_t spi = add_inbound(s);
	const struct esp_spec *in = &table.rows[row_of(spi)].spec, *out;
	struct addr6 us = addr6_from_ipv4(htonl(US)), them = addr6_from_ipv4(htonl(THEM));

	add_outbound(s, PEER_SPI);
	assert_int_equal(used_spi(), PEER_SPI);
	assert_true(addr6_equal(&far_ends[TUNNEL], &them));
	assert_true(ipsec_sas_is_up(s, TUNNEL) && !ipsec_sas_is_up(s, OTHER));
	out = &table.rows[row_of(table.used[TUNNEL])].spec;
	assert_int_equal(ipsec_sas_count(s), 2); /* the reserved one is the inbound one */
	for (unsigned i = 0; i < 2; i++) {
		const struct esp_spec *spec = i == 0 ? in : out;

		assert_true(addr6_equal(&spec->ends.local, &us));
		assert_true(addr6_equal(&spec->ends.remote, &them));
		assert_true(spec->ends.udp && !spec->clear_df && !spec->no_dscp);
		assert_int_equal(spec->tunnel, TUNNEL);
		assert_int_equal(spec->integrity, ESP_AEAD);
		assert_int_equal(spec->window, 1024);
		assert_int_equal(spec->outbound, i == 1);
	}
	assert_int_equal(in->remote.at[0].protocol, 2); /* the source of what comes in is far */
	assert_int_equal(out->local.at[0].protocol, 1);
	ipsec_sas_destroy(s);
}

static void test_refused(void **state)
{
	struct ipsec_sas *s = create();
	struct ike_message m;

	m = add_message(true, NO_TUNNEL, PEER_SPI);
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_UNKNOWN_TUNNEL);
	m = add_message(true, 0, PEER_SPI);
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_UNKNOWN_TUNNEL);
	m = add_message(true, UINT32_MAX, PEER_SPI);
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_UNKNOWN_TUNNEL);
	m = add_message(true, TUNNEL, PEER_SPI);
	m.add_sa.encryption = ESP_AES_CBC;
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_UNSUPPORTED);
	m = add_message(true, TUNNEL, PEER_SPI);
	m.add_sa.tunnel_mode = 0;
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_UNSUPPORTED);
	m = add_message(true, TUNNEL, PEER_SPI);
	m.add_sa.encryption_len = IKE_KEY_MAX + 1;
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_UNSUPPORTED);
	m = add_message(true, TUNNEL, PEER_SPI);
	m.add_sa.n_source = IKE_SELECTORS_MAX + 1;
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_UNSUPPORTED);
	m = add_message(false, TUNNEL, SPI_FIRST + 5); /* never reserved */
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_NOT_FOUND);
	assert_int_equal(ipsec_sas_count(s), 0);
	add_outbound(s, PEER_SPI);
	m = add_message(true, TUNNEL, PEER_SPI);
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_EXISTS);
	m = (struct ike_message){0};
	assert_int_equal(ask(s, IKE_REPLY, &m, 0), IKE_BAD_MESSAGE);
	ipsec_sas_destroy(s);
}

/* Without room a request is refused and nothing is left behind. */
static void test_full(void **state)
{
	struct ipsec_sas *s = create();
	struct ike_message m = {0};

	for (unsigned i = 0; i < ROWS; i++)
		reserve(s);
	assert_int_equal(ask(s, IKE_GET_SPI, &m, 0), IKE_FULL);
	m = add_message(true, TUNNEL, PEER_SPI);
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_FULL);
	assert_int_equal(ipsec_sas_count(s), ROWS);
	ipsec_sas_met(s, CHARON + 1); /* reserved for nobody any more */
	assert_int_equal(ipsec_sas_count(s), 0);
	ipsec_sas_destroy(s);
}

/* A far end that adds without end leaves rows to others, and may add again when some are gone. */
static void test_full_tunnel(void **state)
{
	struct ipsec_sas *s = create();
	struct ike_message m;
	uint32_t spi;

	for (unsigned i = 0; i < OF_TUNNEL - 1; i++)
		add_outbound(s, PEER_SPI + i);
	add_inbound(s);
	m = add_message(true, TUNNEL, PEER_SPI + OF_TUNNEL);
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_FULL);
	spi = reserve(s);
	m = add_message(false, TUNNEL, spi);
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_FULL);
	m = add_message(true, OTHER, PEER_SPI);
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_OK);
	m = (struct ike_message){.sa = name_of(true, TUNNEL, PEER_SPI)};
	assert_int_equal(ask(s, IKE_DELETE_SA, &m, 0), IKE_OK);
	m = add_message(false, TUNNEL, spi);
	assert_int_equal(ask(s, IKE_ADD_SA, &m, 0), IKE_OK);
	ipsec_sas_destroy(s);
}

/* The old SA goes when charon says so, and the newest that is left is used. */
static void test_rekey(void **state)
{
	struct ipsec_sas *s = create();
	uint32_t old = add_inbound(s), new;
	struct ike_message m;

	add_outbound(s, PEER_SPI);
	new = add_inbound(s);
	add_outbound(s, PEER_SPI + 1);
	assert_int_equal(used_spi(), PEER_SPI + 1);
	m = (struct ike_message){.sa = name_of(true, TUNNEL, PEER_SPI)};
	assert_int_equal(ask(s, IKE_DELETE_SA, &m, 0), IKE_OK);
	m = (struct ike_message){.sa = name_of(false, TUNNEL, old)};
	synchronized = 0;
	assert_int_equal(ask(s, IKE_DELETE_SA, &m, 0), IKE_OK);
	assert_int_equal(synchronized, 1);
	assert_int_equal(table.to_reclaim, 0);
	assert_int_equal(used_spi(), PEER_SPI + 1);
	assert_true(row_of(new) < ROWS && row_of(old) == ROWS);
	add_outbound(s, PEER_SPI + 2);
	m = (struct ike_message){.sa = name_of(true, TUNNEL, PEER_SPI + 2)};
	assert_int_equal(ask(s, IKE_DELETE_SA, &m, 0), IKE_OK);
	assert_int_equal(used_spi(), PEER_SPI + 1); /* better than none */
	m = (struct ike_message){.sa = name_of(true, TUNNEL, PEER_SPI + 1)};
	assert_int_equal(ask(s, IKE_DELETE_SA, &m, 0), IKE_OK);
	assert_int_equal(used_spi(), 0);
	m = (struct ike_message){.sa = name_of(true, TUNNEL, PEER_SPI + 1)};
	assert_int_equal(ask(s, IKE_DELETE_SA, &m, 0), IKE_NOT_FOUND);
	ipsec_sas_destroy(s);
}

/* Our own and the peer's SPI may be one number: the destination tells them apart. */
static void test_same_spi(void **state)
{
	struct ipsec_sas *s = create();
	uint32_t spi = add_inbound(s);
	struct ike_message m;

	add_outbound(s, spi);
	m = (struct ike_message){.sa = name_of(false, TUNNEL, spi)};
	assert_int_equal(ask(s, IKE_DELETE_SA, &m, 0), IKE_OK);
	assert_int_equal(used_spi(), spi);
	assert_int_equal(ipsec_sas_count(s), 1);
	ipsec_sas_destroy(s);
}

static void test_move(void **state)
{
	struct addr6 moved = addr6_from_ipv4(htonl(THEM_MOVED));
	struct ipsec_sas *s = create();
	uint32_t spi = add_inbound(s);
	struct ike_message m = {.update_sa = {.sa = name_of(false, TUNNEL, spi), .new_udp = 1}};

	put_end(&m.update_sa.new_source, THEM_MOVED, 10000);
	put_end(&m.update_sa.new_destination, US, 4500);
	assert_int_equal(ask(s, IKE_UPDATE_SA, &m, 0), IKE_OK);
	assert_true(addr6_equal(&table.rows[row_of(spi)].ends.remote, &moved));
	assert_int_equal(table.rows[row_of(spi)].ends.remote_port, 10000);
	assert_false(ipsec_sas_is_up(s, TUNNEL)); /* it is the inbound one */
	add_outbound(s, PEER_SPI);
	m = (struct ike_message){.update_sa = {.sa = name_of(true, TUNNEL, PEER_SPI)}};
	put_end(&m.update_sa.new_source, US, 4500);
	put_end(&m.update_sa.new_destination, THEM_MOVED, 10000);
	assert_int_equal(ask(s, IKE_UPDATE_SA, &m, 0), IKE_OK);
	assert_true(addr6_equal(&far_ends[TUNNEL], &moved));
	ipsec_sas_destroy(s);
}

static void test_query(void **state)
{
	struct ipsec_sas *s = create();
	uint32_t spi = add_inbound(s);
	struct ike_message m = {.sa = name_of(false, TUNNEL, spi)};

	assert_int_equal(ask(s, IKE_QUERY_SA, &m, 9 * SECOND), IKE_OK);
	assert_int_equal(m.answer.idle_s, UINT32_MAX);
	table.counters = (struct esp_counters){.packets = 3, .bytes = 300, .used_ns = 4 * SECOND};
	m = (struct ike_message){.sa = name_of(false, TUNNEL, spi)};
	assert_int_equal(ask(s, IKE_QUERY_SA, &m, 9 * SECOND), IKE_OK);
	assert_int_equal(m.answer.idle_s, 5);
	assert_int_equal(m.answer.packets, 3);
	assert_int_equal(m.answer.bytes, 300);
	ipsec_sas_destroy(s);
}

static void test_events(void **state)
{
	struct ipsec_sas *s = create();
	uint32_t spi = add_inbound(s);
	struct addr6 moved = addr6_from_ipv4(htonl(THEM_MOVED));

	table.events[table.n_events++] =
		(struct esp_event){.type = ESP_EVENT_ACQUIRE, .tunnel = OTHER};
	ipsec_sas_tick(s, SECOND);
	assert_int_equal(sent_type, IKE_ACQUIRE);
	assert_int_equal(sent.acquire.tunnel, OTHER);
	table.events[table.n_events++] =
		(struct esp_event){.type = ESP_EVENT_MAPPING,
				   .tunnel = TUNNEL,
				   .handle = spi,
				   .ends = {.remote = moved, .remote_port = 999}};
	ipsec_sas_tick(s, SECOND);
	assert_int_equal(sent_type, IKE_MAPPING);
	assert_int_equal(sent.mapping.sa.spi, htonl(spi));
	assert_memory_equal(sent.mapping.new_source.address, &moved, sizeof(moved));
	assert_int_equal(sent.mapping.new_source.port, 999);
	table.events[table.n_events++] =
		(struct esp_event){.type = ESP_EVENT_HARD, .tunnel = TUNNEL, .handle = spi};
	ipsec_sas_tick(s, SECOND);
	assert_int_equal(sent_type, IKE_EXPIRE);
	assert_int_equal(sent.expire.hard, 1);
	sent_type = 0;
	table.events[table.n_events++] =
		(struct esp_event){.type = ESP_EVENT_SOFT, .tunnel = TUNNEL, .handle = spi + 1};
	ipsec_sas_tick(s, SECOND); /* of an SA that is gone */
	assert_int_equal(sent_type, 0);
	ipsec_sas_destroy(s);
}

/* charon ended: its SAs stay until the tunnel has new ones, and no longer than their lifetime. */
static void test_orphans(void **state)
{
	struct ipsec_sas *s = create();
	uint32_t spi = reserve(s);
	struct ike_message m = add_message(false, TUNNEL, spi);

	m.add_sa.hard_s = 100;
	assert_int_equal(ask(s, IKE_ADD_SA, &m, SECOND), IKE_OK);
	add_outbound(s, PEER_SPI);
	ipsec_sas_met(s, CHARON + 1);
	ipsec_sas_tick(s, 50 * SECOND);
	assert_int_equal(ipsec_sas_count(s), 2);
	assert_int_equal(used_spi(), PEER_SPI);
	ipsec_sas_tick(s, 107 * SECOND);
	assert_int_equal(ipsec_sas_count(s), 1);
	add_outbound(s, PEER_SPI + 1);
	ipsec_sas_tick(s, 5 * SECOND);
	assert_int_equal(ipsec_sas_count(s), 2);
	ipsec_sas_tick(s, 12 * SECOND);
	assert_int_equal(ipsec_sas_count(s), 1);
	assert_int_equal(used_spi(), PEER_SPI + 1);
	ipsec_sas_destroy(s);
}

static void test_flush(void **state)
{
	struct ipsec_sas *s = create();
	struct ike_message m = {0};

	add_inbound(s);
	add_outbound(s, PEER_SPI);
	assert_int_equal(ask(s, IKE_FLUSH_SAS, &m, 0), IKE_OK);
	assert_int_equal(ipsec_sas_count(s), 0);
	assert_int_equal(used_spi(), 0);
	assert_int_equal(row_of(0), 0);
	ipsec_sas_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),	    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_full),	    cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_same_spi),    cmocka_unit_test(test_move),
		cmocka_unit_test(test_query),	    cmocka_unit_test(test_events),
		cmocka_unit_test(test_orphans),	    cmocka_unit_test(test_flush),
		cmocka_unit_test(test_full_tunnel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
