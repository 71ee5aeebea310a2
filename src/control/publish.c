/*
 * Publication: see publish.h.
 *
 * The two snapshots take turns. The one that no worker reads is filled and published. When every
 * worker has taken it, no worker reads the other one. So no snapshot is written while it is read,
 * and a worker always sees a pointer that differs from its previous one.
 */
#include "control/publish.h"

#include "worker/worker.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static void fill(struct snapshot *s, const struct publication *new)
{
	if (new->net != NULL)
		s->net = new->net;
	if (new->nexthops != NULL)
		s->nexthops = new->nexthops;
	if (new->settings != NULL)
		s->settings = *new->settings;
	if (new->ports != NULL)
		memcpy(s->ports, new->ports, s->n_ports * sizeof(s->ports[0]));
	s->generation++;
}

/* Takes ownership of the new parts, and returns the parts that they replace. */
static struct publication own(struct publisher *p, const struct publication *new)
{
	struct publication replaced = {0};

	if (new->net != NULL) {
		replaced.net = p->net;
		p->net = new->net;
	}
	if (new->nexthops != NULL) {
		replaced.nexthops = p->nexthops;
		p->nexthops = new->nexthops;
	}
	return replaced;
}

void publisher_init(struct publisher *p, struct network *net, const struct settings *settings,
		    uint16_t n_ports)
{
	const struct publication first = {.net = net, .settings = settings};

	assert(n_ports <= PORTS_MAX);
	*p = (struct publisher){0};
	p->snapshots[0].n_ports = n_ports;
	fill(&p->snapshots[0], &first);
	own(p, &first);
}

void publisher_serve(struct publisher *p, struct worker *const *workers, size_t n)
{
	p->workers = workers;
	p->n_workers = n;
}

void publisher_fini(struct publisher *p)
{
	nexthops_destroy(p->nexthops);
	network_destroy(p->net);
	*p = (struct publisher){0};
}

void publisher_drop_next(struct publisher *p, struct worker_next **next)
{
	for (size_t i = 0; i < p->n_workers; i++)
		worker_destroy_next(next[i]);
}

int publisher_make_next(struct publisher *p, const struct network *net,
			const struct worker_heirs *heirs, struct worker_next **next)
{
	memset(next, 0, p->n_workers * sizeof(next[0]));
	for (size_t i = 0; i < p->n_workers; i++) {
		next[i] = worker_create_next(p->workers[i], net, heirs);
		if (next[i] == NULL) {
			publisher_drop_next(p, next);
			return -ENOMEM;
		}
	}
	return 0;
}

void publisher_publish(struct publisher *p, const struct publication *new,
		       struct publication *replaced)
{
	struct snapshot *next = &p->snapshots[!p->current];
	struct publication old;

	*next = p->snapshots[p->current];
	fill(next, new);
	old = own(p, new);
	p->current = !p->current;
	for (size_t i = 0; i < p->n_workers; i++)
		worker_publish(p->workers[i], next, new->next != NULL ? new->next[i] : NULL);
	worker_synchronize(p->workers, p->n_workers);
	for (size_t i = 0; i < p->n_workers && new->next != NULL; i++)
		worker_destroy_next(new->next[i]);
	if (replaced != NULL) {
		*replaced = old;
		return;
	}
	nexthops_destroy(old.nexthops);
	network_destroy(old.net);
}
