/* Opening: what is sealed comes back, and every failure has its drop reason. */
#include "esp/open.h"

#include "base/wire.h"
#include "pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct pair p;
static struct pair_packet at;

static void test_every_length(void **state)
{
	for (enum pair_suite suite = 0; suite < PAIR_SUITES; suite++) {
		pair_make(&p, suite, NULL);
		for (unsigned len = IPV4_LEN; len < 1500; len += len < 120 ? 1 : 97) {
			uint8_t want[1500];
			struct esp_in in;

			pair_inner(want, len);
			pair_seal(&p, &at, len);
			assert_int_equal(at.out.drop, DROP_NONE);
			in = pair_in(&p, &at);
			assert_int_equal(pair_open(&p, &in), DROP_NONE);
			assert_int_equal(in.inner_len, len);
			assert_memory_equal(in.inner, want, len);
			assert_false(in.six);
		}
		pair_end(&p);
	}
}

static void test_replay(void **state)
{
	struct pair_packet copy;
	struct esp_in in;

	pair_make(&p, PAIR_GCM256, NULL);
	pair_seal(&p, &at, 100);
	copy = at;
	copy.out.outer = copy.room + (at.out.outer - at.room);
	in = pair_in(&p, &at);
	assert_int_equal(pair_open(&p, &in), DROP_NONE);
	in = pair_in(&p, &copy);
	assert_int_equal(pair_open(&p, &in), DROP_ESP_REPLAY);
	assert_int_equal(p.in_sa->replayed, 1);
	assert_int_equal(p.in_sa->packets, 1);
	pair_end(&p);
}

/* Both pass the first look at the window; one is delivered. */
static void test_replay_within_a_burst(void **state)
{
	struct pair_packet copy;
	struct esp_in in[2];

	pair_make(&p, PAIR_CBC128_256, NULL);
	pair_seal(&p, &at, 100);
	copy = at;
	copy.out.outer = copy.room + (at.out.outer - at.room);
	in[0] = pair_in(&p, &at);
	in[1] = pair_in(&p, &copy);
	esp_open(p.worker, in, 2);
	assert_int_equal(in[0].drop, DROP_NONE);
	assert_int_equal(in[1].drop, DROP_ESP_REPLAY);
	pair_end(&p);
}

/* Every bit from the SPI on: never delivered, the window does not move, the original still works. */
static void test_every_bit(void **state)
{
	for (enum pair_suite suite = 0; suite < PAIR_SUITES; suite++) {
		static struct pair_packet copy;
		struct esp_in in;

		pair_make(&p, suite, NULL);
		pair_seal(&p, &at, 40);
		for (unsigned bit = 0; bit < (at.out.outer_len - IPV4_LEN) * 8u; bit++) {
			enum drop drop;

			copy = at;
			copy.out.outer = copy.room + (at.out.outer - at.room);
			in = pair_in(&p, &copy);
			in.esp[bit / 8] ^= (uint8_t)(1 << bit % 8);
			drop = pair_open(&p, &in);
			if (drop != DROP_ESP_AUTH && drop != DROP_ESP_REPLAY)
				fail_msg("suite %d, bit %u: %d", suite, bit, drop);
			assert_int_equal(p.in_sa->window.newest, 0);
		}
		in = pair_in(&p, &at);
		assert_int_equal(pair_open(&p, &in), DROP_NONE);
		pair_end(&p);
	}
}

static void test_every_cut(void **state)
{
	for (enum pair_suite suite = 0; suite < PAIR_SUITES; suite++) {
		static struct pair_packet copy;
		struct esp_in in;

		pair_make(&p, suite, NULL);
		pair_seal(&p, &at, 40);
		for (unsigned len = 0; len + IPV4_LEN < at.out.outer_len; len++) {
			enum drop drop;

			copy = at;
			copy.out.outer = copy.room + (at.out.outer - at.room);
			in = pair_in(&p, &copy);
			in.len = (uint16_t)len;
			drop = pair_open(&p, &in);
			if (drop != DROP_ESP_AUTH && drop != DROP_ESP_SHORT)
				fail_msg("suite %d, length %u: %d", suite, len, drop);
		}
		pair_end(&p);
	}
}

static void with_esn(struct esp_spec *spec)
{
	spec->esn = true;
}

/* Numbers of 64 bits go on over the border, out of order as well. */
static void test_esn_over_the_border(void **state)
{
	for (enum pair_suite suite = 0; suite < PAIR_SUITES; suite++) {
		static struct pair_packet late;
		struct esp_in in;

		pair_make(&p, suite, with_esn);
		p.out_sa->window.newest = UINT64_C(0x4fffffff0);
		p.in_sa->window.newest = UINT64_C(0x4fffffff0);
		pair_seal(&p, &late, 60);
		for (unsigned n = 0; n < 40; n++) {
			pair_seal(&p, &at, 60);
			in = pair_in(&p, &at);
			assert_int_equal(pair_open(&p, &in), DROP_NONE);
		}
		assert_int_equal(p.in_sa->window.newest, UINT64_C(0x500000019));
		in = pair_in(&p, &late);
		assert_int_equal(pair_open(&p, &in), DROP_NONE);
		assert_int_equal(in.number, UINT64_C(0x4fffffff1));
		pair_end(&p);
	}
}

/* What is inside, by hand: the trailer is changed before sealing. */
static enum drop open_text(uint8_t pad_len, uint8_t next, uint8_t first, int spoil)
{
	struct esp_job job = {.sa = p.out_sa};
	uint8_t outer[IPV4_LEN] = {IPV4_PLAIN};
	struct esp_in in = {.sa = p.in_sa, .ip = outer};
	uint8_t *esp = at.room + ESP_HEAD_MAX, *text = esp + ESP_HEADER_LEN + 8;

	at.out.outer = esp;
	job.esp = esp;
	job.number = ++p.out_sa->window.newest;
	job.len = ESP_HEADER_LEN + 8 + 64 + 16;
	wire_put_be32(esp, p.out_sa->spi);
	wire_put_be32(esp + 4, htonl((uint32_t)job.number));
	pair_inner(text, 50);
	text[0] = first;
	for (unsigned i = 50; i < 62; i++)
		text[i] = (uint8_t)(i - 49);
	text[62] = pad_len;
	text[63] = next;
	if (spoil >= 0)
		text[spoil] ^= 0x80;
	esp_cipher_seal(p.worker->cipher, &job, 1);
	in.esp = esp;
	in.len = job.len;
	return pair_open(&p, &in);
}

static void test_inside(void **state)
{
	pair_make(&p, PAIR_GCM128, NULL);
	assert_int_equal(open_text(12, 4, 0x45, -1), DROP_NONE);
	assert_int_equal(open_text(0, 4, 0x45, -1), DROP_NONE);
	assert_int_equal(open_text(12, 4, 0x45, 50), DROP_ESP_PADDING);
	assert_int_equal(open_text(12, 4, 0x45, 61), DROP_ESP_PADDING);
	assert_int_equal(open_text(13, 4, 0x45, -1), DROP_ESP_PADDING);
	assert_int_equal(open_text(63, 4, 0x45, -1), DROP_ESP_PADDING);
	assert_int_equal(open_text(255, 4, 0x45, -1), DROP_ESP_PADDING);
	assert_int_equal(open_text(12, 59, 0x45, -1), DROP_ESP_DUMMY);
	assert_int_equal(open_text(12, 6, 0x45, -1), DROP_ESP_NEXT_HEADER); /* transport mode */
	assert_int_equal(open_text(12, 41, 0x45, -1), DROP_ESP_NEXT_HEADER);
	assert_int_equal(open_text(12, 4, 0x60, -1), DROP_ESP_NEXT_HEADER);
	assert_int_equal(open_text(12, 41, 0x60, -1), DROP_NONE);
	assert_int_equal(p.in_sa->refused, 9);
	pair_end(&p);
}

static void limit(struct esp_spec *spec)
{
	if (spec->outbound)
		spec->window = 64;
	spec->limits = (struct esp_limits){.soft_packets = 2, .hard_packets = 3};
}

static unsigned events(enum esp_event_type type)
{
	struct esp_event e;
	unsigned n = 0;

	while (esp_take_event(p.table, &e))
		n += e.type == type;
	return n;
}

static void test_limits(void **state)
{
	static struct pair_packet packets[4];

	pair_make(&p, PAIR_GCM128, limit);
	p.out_sa->limits.hard_packets = p.out_sa->limits.soft_packets = 100;
	p.out_sa->least_packets = 100;
	for (unsigned i = 0; i < 4; i++) {
		struct esp_in in;

		pair_seal(&p, &packets[i], 60);
		in = pair_in(&p, &packets[i]);
		assert_int_equal(pair_open(&p, &in), i < 3 ? DROP_NONE : DROP_ESP_LIMIT);
		if (i == 2)
			assert_int_equal(events(ESP_EVENT_SOFT), 1);
	}
	assert_int_equal(events(ESP_EVENT_HARD), 1);
	pair_end(&p);
}

/* A moved peer is told once it is believed; an old packet from elsewhere is not. */
static void test_mapping(void **state)
{
	static struct pair_packet old, new;
	struct esp_in in;
	struct esp_event e;

	pair_make(&p, PAIR_GCM256, NULL);
	pair_seal(&p, &at, 60);
	in = pair_in(&p, &at);
	assert_int_equal(pair_open(&p, &in), DROP_NONE);
	assert_false(esp_take_event(p.table, &e));

	pair_seal(&p, &old, 60);
	pair_seal(&p, &new, 60);
	in = pair_in(&p, &new);
	wire_put_be32(new.out.outer + IPV4_SRC, inet_addr("203.0.113.9"));
	in.esp[20] ^= 1;
	assert_int_equal(pair_open(&p, &in), DROP_ESP_AUTH);
	assert_false(esp_take_event(p.table, &e)); /* not authenticated */
	pair_seal(&p, &new, 60);
	in = pair_in(&p, &new);
	wire_put_be32(new.out.outer + IPV4_SRC, inet_addr("203.0.113.9"));
	assert_int_equal(pair_open(&p, &in), DROP_NONE);
	assert_true(esp_take_event(p.table, &e));
	assert_int_equal(e.type, ESP_EVENT_MAPPING);
	assert_int_equal(e.handle, p.in);
	assert_true(addr6_to_ipv4(&e.ends.remote) == inet_addr("203.0.113.9"));
	in = pair_in(&p, &old);
	wire_put_be32(old.out.outer + IPV4_SRC, inet_addr("203.0.113.66"));
	assert_int_equal(pair_open(&p, &in), DROP_NONE); /* in the window, but not the newest */
	assert_false(esp_take_event(p.table, &e));
	pair_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_replay_within_a_burst),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_esn_over_the_border),
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
