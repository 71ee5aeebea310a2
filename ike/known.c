/*
 * What the plugin remembers: see known.h.
 *
 * Times are kept here and not by homewardd: charon has no timers of its own for SAs, and they have to
 * run on while homewardd is away.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "known.h"

#include <daemon.h>
#include <processing/jobs/callback_job.h>
#include <threading/mutex.h>

enum { RENEWED_PER_S = 100 };

typedef struct {
	host_t *destination;
	uint32_t spi, tunnel;
	bool inbound;
} sa_t;

typedef struct {
	traffic_selector_t *src, *dst;
	uint32_t tunnel, reqid;
	unsigned users;
} trap_t;

struct known_t {
	mutex_t *mutex;
	linked_list_t *sas; /* sa_t */
	linked_list_t *traps; /* trap_t */
};

/* What a timer needs when the SA may be gone. */
typedef struct {
	known_t *known;
	uint32_t spi, tunnel;
	bool hard;
} expiry_t;

static void destroy_sa(sa_t *sa)
{
	sa->destination->destroy(sa->destination);
	free(sa);
}

static void destroy_trap(trap_t *trap)
{
	DESTROY_IF(trap->src);
	DESTROY_IF(trap->dst);
	free(trap);
}

known_t *known_create(void)
{
	known_t *this;

	return INIT(this, .mutex = mutex_create(MUTEX_TYPE_DEFAULT), .sas = linked_list_create(),
		    .traps = linked_list_create(), );
}

void known_destroy(known_t *this)
{
	this->sas->destroy_function(this->sas, (void *)destroy_sa);
	this->traps->destroy_function(this->traps, (void *)destroy_trap);
	this->mutex->destroy(this->mutex);
	free(this);
}

/* Under the mutex. */
static sa_t *find_sa(known_t *this, uint32_t spi, uint32_t tunnel)
{
	enumerator_t *each = this->sas->create_enumerator(this->sas);
	sa_t *sa = NULL, *found = NULL;

	while (found == NULL && each->enumerate(each, &sa)) {
		if (sa->spi == spi && sa->tunnel == tunnel)
			found = sa;
	}
	each->destroy(each);
	return found;
}

host_t *known_destination(known_t *this, uint32_t spi, uint32_t tunnel)
{
	host_t *destination = NULL;
	sa_t *sa;

	this->mutex->lock(this->mutex);
	sa = find_sa(this, spi, tunnel);
	if (sa != NULL)
		destination = sa->destination->clone(sa->destination);
	this->mutex->unlock(this->mutex);
	return destination;
}

static job_requeue_t expire(expiry_t *expiry)
{
	host_t *destination = known_destination(expiry->known, expiry->spi, expiry->tunnel);

	if (destination != NULL) {
		charon->kernel->expire(charon->kernel, IPPROTO_ESP, expiry->spi, destination,
				       expiry->hard);
		destination->destroy(destination);
	}
	return JOB_REQUEUE_NONE;
}

static void expire_after(known_t *this, const sa_t *sa, uint64_t ms, bool hard)
{
	expiry_t *expiry;

	INIT(expiry, .known = this, .spi = sa->spi, .tunnel = sa->tunnel, .hard = hard, );
	lib->scheduler->schedule_job_ms(
		lib->scheduler,
		(job_t *)callback_job_create((callback_job_cb_t)expire, expiry, free, NULL),
		(uint32_t)min(ms, (uint64_t)UINT32_MAX));
}

void known_add_sa(known_t *this, const kernel_ipsec_sa_id_t *id, bool inbound, uint64_t soft_s,
		  uint64_t hard_s)
{
	sa_t *sa;

	INIT(sa, .destination = id->dst->clone(id->dst), .spi = id->spi, .tunnel = id->if_id,
	     .inbound = inbound, );
	this->mutex->lock(this->mutex);
	this->sas->insert_last(this->sas, sa);
	if (soft_s != 0)
		expire_after(this, sa, soft_s * 1000, FALSE);
	if (hard_s != 0)
		expire_after(this, sa, hard_s * 1000, TRUE);
	this->mutex->unlock(this->mutex);
}

bool known_move_sa(known_t *this, const kernel_ipsec_sa_id_t *id, host_t *destination)
{
	sa_t *sa;

	this->mutex->lock(this->mutex);
	sa = find_sa(this, id->spi, id->if_id);
	if (sa != NULL) {
		sa->destination->destroy(sa->destination);
		sa->destination = destination->clone(destination);
	}
	this->mutex->unlock(this->mutex);
	return sa != NULL;
}

bool known_remove_sa(known_t *this, const kernel_ipsec_sa_id_t *id)
{
	sa_t *sa;

	this->mutex->lock(this->mutex);
	sa = find_sa(this, id->spi, id->if_id);
	if (sa != NULL)
		this->sas->remove(this->sas, sa, NULL);
	this->mutex->unlock(this->mutex);
	if (sa != NULL)
		destroy_sa(sa);
	return sa != NULL;
}

void known_flush_sas(known_t *this)
{
	sa_t *sa;

	this->mutex->lock(this->mutex);
	while (this->sas->remove_last(this->sas, (void **)&sa) == SUCCESS)
		destroy_sa(sa);
	this->mutex->unlock(this->mutex);
}

void known_renew_all(known_t *this)
{
	enumerator_t *each;
	uint64_t n = 0;
	sa_t *sa;

	this->mutex->lock(this->mutex);
	each = this->sas->create_enumerator(this->sas);
	while (each->enumerate(each, &sa)) {
		if (sa->inbound)
			expire_after(this, sa, n++ * 1000 / RENEWED_PER_S, FALSE);
	}
	each->destroy(each);
	this->mutex->unlock(this->mutex);
}

/* Under the mutex. */
static trap_t *find_trap(known_t *this, uint32_t tunnel, uint32_t reqid)
{
	enumerator_t *each = this->traps->create_enumerator(this->traps);
	trap_t *trap = NULL, *found = NULL;

	while (found == NULL && each->enumerate(each, &trap)) {
		if (trap->tunnel == tunnel && (reqid == 0 || trap->reqid == reqid))
			found = trap;
	}
	each->destroy(each);
	return found;
}

void known_add_trap(known_t *this, uint32_t tunnel, uint32_t reqid, traffic_selector_t *src,
		    traffic_selector_t *dst)
{
	trap_t *trap;

	this->mutex->lock(this->mutex);
	trap = find_trap(this, tunnel, reqid);
	if (trap == NULL) {
		INIT(trap, .src = src->clone(src), .dst = dst->clone(dst), .tunnel = tunnel,
		     .reqid = reqid, );
		this->traps->insert_last(this->traps, trap);
	}
	trap->users++;
	this->mutex->unlock(this->mutex);
}

void known_remove_trap(known_t *this, uint32_t tunnel, uint32_t reqid)
{
	trap_t *trap;

	this->mutex->lock(this->mutex);
	trap = find_trap(this, tunnel, reqid);
	if (trap != NULL && --trap->users > 0)
		trap = NULL;
	if (trap != NULL)
		this->traps->remove(this->traps, trap, NULL);
	this->mutex->unlock(this->mutex);
	if (trap != NULL)
		destroy_trap(trap);
}

void known_acquire(known_t *this, uint32_t tunnel)
{
	kernel_acquire_data_t data = {};
	uint32_t reqid = 0;
	trap_t *trap;

	this->mutex->lock(this->mutex);
	trap = find_trap(this, tunnel, 0);
	if (trap != NULL) {
		reqid = trap->reqid;
		data.src = trap->src->clone(trap->src);
		data.dst = trap->dst->clone(trap->dst);
	}
	this->mutex->unlock(this->mutex);
	if (reqid != 0)
		charon->kernel->acquire(charon->kernel, reqid, &data);
	DESTROY_IF(data.src);
	DESTROY_IF(data.dst);
}
