/* homeward status: a summary of four lines, then ports and workers. */
#include "base/clean.h"
#include "client.h"
#include "table.h"
#include "text.h"

#include <string.h>

static const struct table_column port_columns[] = {
	{"PORT", TABLE_LEFT},
	{"DRIVER", TABLE_LEFT},
	{"INTERFACE", TABLE_LEFT},
	{"STATE", TABLE_LEFT},
	{"QUEUES", TABLE_LEFT},
	{"MTU", TABLE_RIGHT},
	{"PACKETS IN", TABLE_RIGHT},
	{"BYTES IN", TABLE_RIGHT},
	{"PACKETS OUT", TABLE_RIGHT},
	{"BYTES OUT", TABLE_RIGHT},
	{"PASSED", TABLE_RIGHT},
	{"LOST", TABLE_RIGHT},
	{NULL},
};

static const struct table_column loss_columns[] = {
	{"PORT", TABLE_LEFT},
	{"LOST", TABLE_LEFT, 14},
	{"PACKETS", TABLE_RIGHT, 10},
	{"WHAT IT MEANS", TABLE_LEFT},
	{NULL},
};

static const struct table_column worker_columns[] = {
	{"WORKER", TABLE_LEFT},
	{"BUSY", TABLE_RIGHT},
	{"FLOWS", TABLE_RIGHT},
	{"PACKETS IN", TABLE_RIGHT},
	{"PACKETS OUT", TABLE_RIGHT},
	{"HELD", TABLE_RIGHT},
	{"DROPPED", TABLE_RIGHT},
	{"HANDED ON", TABLE_RIGHT},
	{"ASKED", TABLE_RIGHT},
	{"SPILLED", TABLE_RIGHT},
	{NULL},
};

/* "4", and for af_xdp whether the kernel copies each frame. */
static void put_queues(struct table *t, const json_t *port)
{
	const json_t *queues = json_object_get(port, "queues"), *queue;
	size_t n = json_array_size(queues), copies = 0, direct = 0, i;

	json_array_foreach(queues, i, queue)
	{
		copies += strcmp(client_text(queue, "mode"), "copy") == 0;
		direct += strcmp(client_text(queue, "mode"), "zero_copy") == 0;
	}
	if (copies + direct == 0)
		table_cell(t, "%zu", n);
	else if (copies == 0)
		table_cell(t, "%zu zero copy", n);
	else if (direct == 0)
		table_cell(t, "%zu copy", n);
	else
		table_cell(t, "%zu zero copy, %zu copy", direct, copies);
}

/* What could be better. */
static void print_hints(const json_t *ports, FILE *out)
{
	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port)
	{
		char name[TEXT_SIZE], hint[4 * TEXT_SIZE];

		clean_text(client_text(port, "name"), name, sizeof(name));
		clean_text(client_text(port, "hint"), hint, sizeof(hint));
		if (hint[0] != '\0')
			fprintf(out, "hint       %s: %s\n", name, hint);
	}
}

static void print_ports(const json_t *ports, FILE *out)
{
	struct table *t = table_create(port_columns);
	json_t *port;
	size_t i;

	json_array_foreach(ports, i, port)
	{
		const char *interface = client_text(port, "interface");

		table_cell(t, "%s", client_text(port, "name"));
		table_cell(t, "%s", client_text(port, "driver"));
		table_cell(t, "%s", interface[0] != '\0' ? interface : "-");
		table_cell(t, "%s", client_text(port, "state"));
		put_queues(t, port);
		table_cell(t, "%u", (unsigned)client_number(port, "mtu"));
		table_cell(t, "%s", text_count(client_number(port, "rx_packets")).buf);
		table_cell(t, "%s", text_bytes(client_number(port, "rx_bytes")).buf);
		table_cell(t, "%s", text_count(client_number(port, "tx_packets")).buf);
		table_cell(t, "%s", text_bytes(client_number(port, "tx_bytes")).buf);
		table_cell(
			t, "%s",
			text_count(client_number(json_object_get(port, "kernel"), "passed")).buf);
		table_cell(t, "%s", text_count(client_number(port, "lost_packets")).buf);
	}
	table_print(t, true, out);
	table_destroy(t);
}

static size_t add_losses(struct table *t, const json_t *port)
{
	size_t i, n = 0;
	json_t *loss;

	json_array_foreach(json_object_get(port, "lost"), i, loss)
	{
		if (client_number(loss, "packets") == 0)
			continue;
		table_cell(t, "%s", client_text(port, "name"));
		table_cell(t, "%s", client_text(loss, "reason"));
		table_cell(t, "%s", text_count(client_number(loss, "packets")).buf);
		table_cell(t, "%s", client_text(loss, "help"));
		n++;
	}
	return n;
}

/* Where packets were lost that no worker saw. */
static void print_losses(const json_t *ports, FILE *out)
{
	struct table *t = table_create(loss_columns);
	size_t i, n = 0;
	json_t *port;

	json_array_foreach(ports, i, port) n += add_losses(t, port);
	if (n > 0) {
		fputc('\n', out);
		table_print(t, true, out);
	}
	table_destroy(t);
}

static void print_workers(const json_t *workers, FILE *out)
{
	struct table *t = table_create(worker_columns);
	json_t *worker;
	size_t i;

	json_array_foreach(workers, i, worker)
	{
		double busy = json_number_value(json_object_get(worker, "busy"));

		table_cell(t, "%u", (unsigned)client_number(worker, "index"));
		table_cell(t, "%.0f %%", 100 * busy);
		table_cell(t, "%s", text_count(client_number(worker, "flows")).buf);
		table_cell(t, "%s", text_count(client_number(worker, "rx")).buf);
		table_cell(t, "%s", text_count(client_number(worker, "tx")).buf);
		table_cell(t, "%s", text_count(client_number(worker, "held")).buf);
		table_cell(t, "%s", text_count(client_number(worker, "drops")).buf);
		table_cell(t, "%s", text_count(client_number(worker, "handed_out")).buf);
		table_cell(t, "%s", text_count(client_number(worker, "asked")).buf);
		table_cell(t, "%s", text_count(client_number(worker, "spilled")).buf);
	}
	table_print(t, true, out);
	table_destroy(t);
}

static uint64_t sum_lost(const json_t *status)
{
	uint64_t sum = 0;
	json_t *port;
	size_t i;

	json_array_foreach(json_object_get(status, "ports"), i, port) sum +=
		client_number(port, "lost_packets");
	return sum;
}

static void print_head(const json_t *status, FILE *out)
{
	const json_t *flows = json_object_get(status, "flows");
	const json_t *packets = json_object_get(status, "packets");
	uint64_t now = client_number(flows, "now"), capacity = client_number(flows, "capacity");
	char version[TEXT_SIZE], file[TEXT_SIZE];

	clean_text(client_text(status, "version"), version, sizeof(version));
	clean_text(client_text(status, "config"), file, sizeof(file));
	fprintf(out, "homewardd  %s, process %u, up %s\n", version,
		(unsigned)client_number(status, "pid"),
		text_duration(client_number(status, "uptime_s")).buf);
	fprintf(out, "config     %s\n", file);
	fprintf(out, "flows      %s of %s (%s), %s created, %s ended\n", text_count(now).buf,
		text_count(capacity).buf, text_share(now, capacity).buf,
		text_count(client_number(flows, "created")).buf,
		text_count(client_number(flows, "ended")).buf);
	fprintf(out, "packets    %s in, %s out, %s held, %s dropped: %s\n",
		text_count(client_number(packets, "rx")).buf,
		text_count(client_number(packets, "tx")).buf,
		text_count(client_number(packets, "held")).buf,
		text_count(client_number(packets, "drops")).buf,
		json_is_true(json_object_get(status, "accounted"))
			? "all accounted for"
			: "NOT ALL ACCOUNTED FOR, please report this");
	if (sum_lost(status) > 0)
		fprintf(out, "lost       %s on the way to or from a worker: see below\n",
			text_count(sum_lost(status)).buf);
}

/*
 * Fragmentation and reassembly change the number of packets, and so do probes of tunnels. Without
 * these lines the packets would not seem to add up.
 */
static void print_fragments(const json_t *status, FILE *out)
{
	uint64_t made = 0, joined = 0, injected = 0;
	const json_t *worker;
	size_t i;

	json_array_foreach(json_object_get(status, "workers"), i, worker)
	{
		made += client_number(worker, "fragments_made");
		joined += client_number(worker, "fragments_joined");
		injected += client_number(worker, "injected");
	}
	if (made + joined > 0)
		fprintf(out, "fragments  %s more by fragmentation, %s fewer by reassembly\n",
			text_count(made).buf, text_count(joined).buf);
	if (injected > 0)
		fprintf(out, "own        %s more: probes of tunnels, requests to neighbours\n",
			text_count(injected).buf);
}

/* What changes of the configuration did to flows, if anything. */
static void print_changes(const json_t *status, FILE *out)
{
	const json_t *flows = json_object_get(status, "flows"), *reason;
	uint64_t moved = client_number(flows, "moved"), ended = 0;
	size_t i;

	json_array_foreach(json_object_get(flows, "ended_by"), i, reason) ended +=
		client_number(reason, "flows");
	if (moved + ended == 0)
		return;
	fprintf(out, "changes    moved %s, ended %s", text_counted(moved, "flow", "flows").buf,
		text_count(ended).buf);
	json_array_foreach(json_object_get(flows, "ended_by"), i, reason)
	{
		uint64_t n = client_number(reason, "flows");

		if (n > 0)
			fprintf(out, ", %s %s", text_count(n).buf, client_text(reason, "reason"));
	}
	fputc('\n', out);
}

/* Rare: on a machine whose CPU time stamp counters are unreliable. */
static void print_clocks(const json_t *status, FILE *out)
{
	uint64_t steps = 0;
	const json_t *worker;
	size_t i;

	json_array_foreach(json_object_get(status, "workers"), i, worker) steps +=
		client_number(worker, "clock_steps");
	if (steps > 0)
		fprintf(out,
			"clock      the processors' counters were wrong %s, the system's clock was "
			"used\n",
			text_counted(steps, "time", "times").buf);
}

/* A turn of the control thread that lasts much longer delays everything else that it does. */
static void print_control(const json_t *status, FILE *out)
{
	const json_t *control = json_object_get(status, "control");
	double longest = (double)client_number(control, "longest_turn_us");
	double recent = (double)client_number(control, "recent_turn_us");

	fprintf(out, "control    longest turn %.1f ms, %.1f ms in the last minutes\n",
		longest / 1000, recent / 1000);
}

/* Alarms come before the numbers. */
static void print_alarms(const json_t *status, FILE *out)
{
	json_t *alarm;
	size_t i;

	json_array_foreach(json_object_get(status, "alarms"), i, alarm)
	{
		char subject[TEXT_SIZE], text[2 * TEXT_SIZE];

		clean_text(client_text(alarm, "subject"), subject, sizeof(subject));
		clean_text(client_text(alarm, "text"), text, sizeof(text));
		fprintf(out, "%-10s %s, for %s: %s: %s\n", client_text(alarm, "severity"),
			client_text(alarm, "alarm"),
			text_duration(client_number(alarm, "since_s")).buf, subject, text);
		fprintf(out, "           to do: %s\n", client_text(alarm, "help"));
	}
}

int status_run(const struct cli *cli)
{
	json_t *status = client_get(cli, "/v1/status");

	if (status == NULL)
		return CLI_EXIT_FAILED;
	if (cli->json) {
		client_print_json(status, cli->out);
	} else {
		print_head(status, cli->out);
		print_fragments(status, cli->out);
		print_changes(status, cli->out);
		print_clocks(status, cli->out);
		print_control(status, cli->out);
		print_alarms(status, cli->out);
		print_hints(json_object_get(status, "ports"), cli->out);
		fputc('\n', cli->out);
		print_ports(json_object_get(status, "ports"), cli->out);
		print_losses(json_object_get(status, "ports"), cli->out);
		fputc('\n', cli->out);
		print_workers(json_object_get(status, "workers"), cli->out);
	}
	json_decref(status);
	return CLI_EXIT_OK;
}
