/*
 * homeward tunnels --unknown: senders of tunnel packets that match no configured tunnel, as YAML.
 *
 * The output can be pasted below `sites:` unchanged. A sender that cannot be one of our tunnels is
 * printed as a comment that says why.
 */
#include "unknown.h"

#include "base/clean.h"
#include "client.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

static const struct {
	const char *reason;
	const char *what;
} strangers[] = {
	{"gre_ethernet", "Ethernet frames in GRE (gretap, NVGRE)"},
	{"gre_erspan", "mirrored Ethernet frames (ERSPAN)"},
	{"gre_eoip", "EoIP (MikroTik), Ethernet frames"},
	{"gre_pptp", "PPTP, GRE version 1"},
};

static struct text clean(const json_t *tunnel, const char *name)
{
	struct text t;

	clean_text(client_text(tunnel, name), t.buf, sizeof(t.buf));
	return t;
}

static void print_address(const char *name, const char *address, FILE *out)
{
	const char *quote = strchr(address, ':') != NULL ? "'" : "";

	fprintf(out, "        %s: %s%s%s\n", name, quote, address, quote);
}

static void print_seen(const json_t *tunnel, FILE *out)
{
	fprintf(out, "%s, the last %s ago",
		text_counted(client_number(tunnel, "packets"), "packet", "packets").buf,
		text_duration(client_number(tunnel, "last_s")).buf);
}

static void print_stranger(const json_t *tunnel, const char *what, FILE *out)
{
	fprintf(out, "# %s sends %s to %s, which is no tunnel of IP packets: ",
		clean(tunnel, "remote").buf, what, clean(tunnel, "local").buf);
	print_seen(tunnel, out);
	fputc('\n', out);
}

static void print_site(const json_t *tunnel, size_t number, FILE *out)
{
	struct text known = clean(tunnel, "known_as");

	fprintf(out, "  # ");
	print_seen(tunnel, out);
	if (known.buf[0] != '\0')
		fprintf(out, "; the tunnel %s has this remote, with another key or local end",
			known.buf);
	fprintf(out, "\n  - name: new-%zu\n    tunnels:\n      - name: new-%zu-gre\n", number,
		number);
	fprintf(out, "        type: gre\n");
	print_address("local", clean(tunnel, "local").buf, out);
	print_address("remote", clean(tunnel, "remote").buf, out);
	if (json_is_integer(json_object_get(tunnel, "key")))
		fprintf(out, "        key: %" PRIu64 "\n", client_number(tunnel, "key"));
	fprintf(out, "        port: %s\n", clean(tunnel, "port").buf);
}

static const char *stranger_of(const char *reason)
{
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
		if (strcmp(strangers[i].reason, reason) == 0)
			return strangers[i].what;
	return NULL;
}

int unknown_run(const struct cli *cli)
{
	json_t *answer = client_get(cli, "/v1/tunnels/unknown"), *tunnel;
	const json_t *tunnels = json_object_get(answer, "tunnels");
	size_t i, number = 0;

	if (answer == NULL)
		return CLI_EXIT_FAILED;
	if (cli->json)
		client_print_json(answer, cli->out);
	else if (json_array_size(tunnels) == 0)
		fprintf(cli->out, "no unknown tunnel in the last ten minutes\n");
	json_array_foreach(tunnels, i, tunnel)
	{
		const char *what = stranger_of(client_text(tunnel, "reason"));

		if (cli->json)
			break;
		if (what != NULL)
			print_stranger(tunnel, what, cli->out);
		else
			print_site(tunnel, ++number, cli->out);
	}
	json_decref(answer);
	return CLI_EXIT_OK;
}
