/* Requests to the kernel to resolve neighbours: see search.h. */
#include "control/kernel/search.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

#include <linux/neighbour.h>

enum { QUESTIONS_A_SECOND = 256 };

void search_init(struct search *s, struct view *view, struct mnl_socket *nl)
{
	*s = (struct search){.view = view, .nl = nl};
	asking_init(&s->asking);
}

static void search_resolve(const struct search *s, uint8_t port, const struct addr6 *addr)
{
	int ret = netlink_resolve(s->nl, s->view->ports[port].ifindex, addr);

	if (ret != 0)
		log_debug("cannot ask for a neighbour on port number %u: %s", port, strerror(-ret));
}

/*
 * Unknown, failed or stale: the kernel must be asked. In other states it is resolving it, or has
 * confirmed it.
 */
static bool needs_asking(const struct neighbour_row *r)
{
	return (r->state & (NUD_INCOMPLETE | NUD_REACHABLE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT |
			    NUD_NOARP)) == 0;
}

/* Packets go to it, or would go to it if another nexthop failed. */
static bool is_target(const struct search *s, size_t i)
{
	const struct neighbour_row *r = &s->view->rows.rows[i];

	return r->live && r->base == (int)i && (r->refs > 0 || r->uses > 0) &&
	       s->view->ports[r->port].has_kernel;
}

static size_t ask_round(struct search *s, bool hosts, size_t left)
{
	const struct neighbour_rows *h = &s->view->rows;

	for (size_t n = 0; n < h->n_rows && left > 0; n++) {
		size_t i = (s->next + n) % h->n_rows;
		const struct neighbour_row *r = &h->rows[i];

		if (!is_target(s, i) || r->host != hosts || !needs_asking(r))
			continue;
		search_resolve(s, r->port, &r->addr);
		if (--left == 0)
			s->next = i + 1;
	}
	return left;
}

void search_targets(struct search *s)
{
	ask_round(s, true, ask_round(s, false, QUESTIONS_A_SECOND));
}

/* An address that was not found must not stay in the kernel's table. */
static void forget(const struct search *s, const struct asking_row *gone)
{
	int row = rows_find(&s->view->rows, gone->port, &gone->addr);
	const struct neighbour_row *r = row == ROWS_NONE ? NULL : &s->view->rows.rows[row];

	if (r != NULL && r->refs == 0 && r->uses == 0 &&
	    (r->state == NUD_INCOMPLETE || r->state == NUD_FAILED))
		netlink_forget(s->nl, s->view->ports[gone->port].ifindex, &gone->addr);
}

static bool add_host(struct search *s, uint8_t port, const struct addr6 *addr)
{
	int row = rows_find(&s->view->rows, port, addr);

	if (row == ROWS_NONE || !rows_is_resolved(&s->view->rows.rows[row]))
		return false;
	asking_heard(&s->asking, port, addr);
	s->view->hosts_full = view_add_host(s->view, port, addr) == -ENOSPC;
	return true;
}

bool search_want(struct search *s, uint8_t port, uint16_t site, const struct addr6 *addr,
		 uint64_t now_ms)
{
	struct asking_row gone;

	if (add_host(s, port, addr))
		return true;
	if (asking_want(&s->asking, port, site, addr, now_ms, &gone))
		search_resolve(s, port, addr);
	if (gone.until_ms != 0)
		forget(s, &gone);
	return false;
}

void search_take_found(struct search *s, uint64_t now_ms)
{
	struct asking_row gone;

	for (size_t i = s->asking.n; i-- > 0;) {
		const struct asking_row *r = &s->asking.rows[i];

		if (add_host(s, r->port, &r->addr))
			asking_found(&s->asking, i);
	}
	while (asking_give_up(&s->asking, now_ms, &gone))
		forget(s, &gone);
}

bool search_is_complete(const struct search *s)
{
	for (size_t i = 0; i < s->view->rows.n_rows; i++)
		if (is_target(s, i) && !rows_is_resolved(&s->view->rows.rows[i]))
			return false;
	return true;
}
