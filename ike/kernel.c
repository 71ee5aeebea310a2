/*
 * The backend that keeps charon's SAs and policies in homewardd: see kernel.h.
 *
 * An SA belongs to the tunnel whose number it has as interface ID: homewardd writes that into each
 * connection that it loads. SAs without one are refused; they would belong to nobody.
 *
 * homewardd needs no policies, since its routes say what enters a tunnel, and the selectors of an SA
 * what may come out. Of the outbound policies it needs the SPI: by it the old SA gives way to the new
 * one after a rekeying. A policy without an SPI is a trap and stays here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "kernel.h"

#include "convert.h"
#include "known.h"
#include "link.h"

#include <daemon.h>

typedef struct private_kernel_homeward_t private_kernel_homeward_t;

struct private_kernel_homeward_t {
	kernel_ipsec_t public;
	known_t *known;
	link_t *link;
};

static const char *const reasons[] = {
	[IKE_OK] = "ok",
	[IKE_NOT_FOUND] = "not found",
	[IKE_UNKNOWN_TUNNEL] = "no tunnel of homewardd has this interface ID",
	[IKE_UNSUPPORTED] = "homewardd does not support these algorithms",
	[IKE_FULL] = "homewardd has no room",
	[IKE_EXISTS] = "the SA exists",
	[IKE_BAD_MESSAGE] = "homewardd does not understand the message",
	[IKE_OTHER_VERSION] = "homewardd has another version",
};

static status_t ask(private_kernel_homeward_t *this, enum ike_type type, const char *what,
		    struct ike_message *m)
{
	uint32_t status;

	if (link_request(this->link, type, m) != SUCCESS) {
		DBG1(DBG_KNL, "%s failed: homewardd does not answer", what);
		return FAILED;
	}
	status = m->header.status;
	if (status == IKE_OK)
		return SUCCESS;
	if (status == IKE_NOT_FOUND)
		return NOT_FOUND;
	DBG1(DBG_KNL, "%s failed: %s", what,
	     status < countof(reasons) ? reasons[status] : "for an unknown reason");
	return status == IKE_UNSUPPORTED ? NOT_SUPPORTED : FAILED;
}

METHOD(kernel_ipsec_t, get_features, kernel_feature_t, private_kernel_homeward_t *this)
{
	return KERNEL_ESP_V3_TFC | KERNEL_POLICY_SPI | KERNEL_NO_POLICY_UPDATES;
}

METHOD(kernel_ipsec_t, get_spi, status_t, private_kernel_homeward_t *this, host_t *src, host_t *dst,
       uint8_t protocol, uint32_t *spi)
{
	struct ike_message m = {};
	status_t status;

	if (protocol != IPPROTO_ESP)
		return NOT_SUPPORTED;
	convert_end(src, &m.sa.source);
	convert_end(dst, &m.sa.destination);
	status = ask(this, IKE_GET_SPI, "reserving an SPI", &m);
	*spi = m.answer.spi;
	return status;
}

METHOD(kernel_ipsec_t, get_cpi, status_t, private_kernel_homeward_t *this, host_t *src, host_t *dst,
       uint16_t *cpi)
{
	return NOT_SUPPORTED; /* IPComp */
}

METHOD(kernel_ipsec_t, add_sa, status_t, private_kernel_homeward_t *this, kernel_ipsec_sa_id_t *id,
       kernel_ipsec_add_sa_t *data)
{
	struct ike_message m = {};
	status_t status = NOT_SUPPORTED;

	if (convert_add_sa(id, data, &m.add_sa))
		status = ask(this, IKE_ADD_SA, "adding an SA", &m);
	memwipe(&m, sizeof(m));
	if (status == SUCCESS)
		known_add_sa(this->known, id, data->inbound, data->lifetime->time.rekey,
			     data->lifetime->time.life);
	return status;
}

METHOD(kernel_ipsec_t, update_sa, status_t, private_kernel_homeward_t *this,
       kernel_ipsec_sa_id_t *id, kernel_ipsec_update_sa_t *data)
{
	struct ike_message m = {};
	status_t status;

	convert_sa(id, &m.update_sa.sa);
	convert_end(data->new_src, &m.update_sa.new_source);
	convert_end(data->new_dst, &m.update_sa.new_destination);
	m.update_sa.udp = data->encap;
	m.update_sa.new_udp = data->new_encap;
	status = ask(this, IKE_UPDATE_SA, "moving an SA", &m);
	if (status == SUCCESS)
		known_move_sa(this->known, id, data->new_dst);
	return status;
}

METHOD(kernel_ipsec_t, query_sa, status_t, private_kernel_homeward_t *this,
       kernel_ipsec_sa_id_t *id, kernel_ipsec_query_sa_t *data, uint64_t *bytes, uint64_t *packets,
       time_t *time)
{
	struct ike_message m = {};
	status_t status;

	convert_sa(id, &m.sa);
	status = ask(this, IKE_QUERY_SA, "asking for an SA", &m);
	if (status != SUCCESS)
		return status;
	if (bytes != NULL)
		*bytes = m.answer.bytes;
	if (packets != NULL)
		*packets = m.answer.packets;
	if (time != NULL)
		*time = m.answer.idle_s == UINT32_MAX ? 0 : time_monotonic(NULL) - m.answer.idle_s;
	return SUCCESS;
}

METHOD(kernel_ipsec_t, del_sa, status_t, private_kernel_homeward_t *this, kernel_ipsec_sa_id_t *id,
       kernel_ipsec_del_sa_t *data)
{
	struct ike_message m = {};

	known_remove_sa(this->known, id);
	convert_sa(id, &m.sa);
	return ask(this, IKE_DELETE_SA, "deleting an SA", &m);
}

METHOD(kernel_ipsec_t, flush_sas, status_t, private_kernel_homeward_t *this)
{
	struct ike_message m = {};

	known_flush_sas(this->known);
	return ask(this, IKE_FLUSH_SAS, "deleting all SAs", &m);
}

static bool is_outbound(const kernel_ipsec_policy_id_t *id,
			const kernel_ipsec_manage_policy_t *data)
{
	return id->dir == POLICY_OUT && data->type == POLICY_IPSEC && id->if_id != 0;
}

METHOD(kernel_ipsec_t, add_policy, status_t, private_kernel_homeward_t *this,
       kernel_ipsec_policy_id_t *id, kernel_ipsec_manage_policy_t *data)
{
	struct ike_message m = {};

	if (!is_outbound(id, data))
		return SUCCESS;
	if (data->sa->esp.spi == 0) {
		known_add_trap(this->known, id->if_id, data->sa->reqid, id->src_ts, id->dst_ts);
		return SUCCESS;
	}
	convert_end(data->src, &m.sa.source);
	convert_end(data->dst, &m.sa.destination);
	m.sa.spi = data->sa->esp.spi;
	m.sa.tunnel = id->if_id;
	return ask(this, IKE_USE_SA, "sending by an SA", &m);
}

METHOD(kernel_ipsec_t, query_policy, status_t, private_kernel_homeward_t *this,
       kernel_ipsec_policy_id_t *id, kernel_ipsec_query_policy_t *data, time_t *use_time)
{
	return NOT_SUPPORTED; /* charon takes the time of the SA */
}

METHOD(kernel_ipsec_t, del_policy, status_t, private_kernel_homeward_t *this,
       kernel_ipsec_policy_id_t *id, kernel_ipsec_manage_policy_t *data)
{
	if (is_outbound(id, data) && data->sa->esp.spi == 0)
		known_remove_trap(this->known, id->if_id, data->sa->reqid);
	return SUCCESS;
}

METHOD(kernel_ipsec_t, flush_policies, status_t, private_kernel_homeward_t *this)
{
	return SUCCESS;
}

/* No policy of ours is in the way of charon's own sockets. */
METHOD(kernel_ipsec_t, bypass_socket, bool, private_kernel_homeward_t *this, int fd, int family)
{
	return TRUE;
}

/* ESP in UDP does not reach charon's sockets: homewardd takes it from the port. */
METHOD(kernel_ipsec_t, enable_udp_decap, bool, private_kernel_homeward_t *this, int fd, int family,
       uint16_t port)
{
	return TRUE;
}

METHOD(kernel_ipsec_t, destroy, void, private_kernel_homeward_t *this)
{
	if (this->link != NULL)
		link_destroy(this->link);
	known_destroy(this->known);
	free(this);
}

static void on_expire(private_kernel_homeward_t *this, const struct ike_expire *e)
{
	host_t *destination = known_destination(this->known, e->sa.spi, e->sa.tunnel);

	if (destination == NULL)
		return;
	charon->kernel->expire(charon->kernel, IPPROTO_ESP, e->sa.spi, destination, e->hard != 0);
	destination->destroy(destination);
}

static void on_mapping(private_kernel_homeward_t *this, const struct ike_mapping *e)
{
	host_t *destination = known_destination(this->known, e->sa.spi, e->sa.tunnel);
	host_t *source = convert_host(&e->new_source);

	if (destination != NULL && source != NULL)
		charon->kernel->mapping(charon->kernel, IPPROTO_ESP, e->sa.spi, destination,
					source);
	DESTROY_IF(destination);
	DESTROY_IF(source);
}

static void on_event(private_kernel_homeward_t *this, const struct ike_message *event)
{
	switch (event->header.type) {
	case IKE_EXPIRE:
		on_expire(this, &event->expire);
		break;
	case IKE_MAPPING:
		on_mapping(this, &event->mapping);
		break;
	case IKE_ACQUIRE:
		known_acquire(this->known, event->acquire.tunnel);
		break;
	default:
		DBG1(DBG_KNL, "unknown event %d of homewardd", event->header.type);
	}
}

/* The keys are gone with the former instance: new ones, instead of packets that nobody can read. */
static void on_fresh(private_kernel_homeward_t *this)
{
	known_renew_all(this->known);
}

kernel_ipsec_t *kernel_homeward_create(void)
{
	private_kernel_homeward_t *this;
	link_listener_t listener = {.event = (void *)on_event, .fresh = (void *)on_fresh};
	const char *path = lib->settings->get_str(
		lib->settings, "%s.plugins.kernel-homeward.socket", IKE_SOCKET, lib->ns);

	INIT(this,
	     .public =
		     {
			     .get_features = _get_features,
			     .get_spi = _get_spi,
			     .get_cpi = _get_cpi,
			     .add_sa = _add_sa,
			     .update_sa = _update_sa,
			     .query_sa = _query_sa,
			     .del_sa = _del_sa,
			     .flush_sas = _flush_sas,
			     .add_policy = _add_policy,
			     .query_policy = _query_policy,
			     .del_policy = _del_policy,
			     .flush_policies = _flush_policies,
			     .bypass_socket = _bypass_socket,
			     .enable_udp_decap = _enable_udp_decap,
			     .destroy = _destroy,
		     },
	     .known = known_create(), );
	listener.owner = this;
	this->link = link_create(path, &listener);
	if (this->link == NULL) {
		destroy(this);
		return NULL;
	}
	return &this->public;
}
