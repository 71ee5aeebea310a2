/*
 * kernel-homeward: the plugin of strongSwan's charon that gives SAs to homewardd, which encrypts and
 * decrypts. It provides kernel-ipsec only; addresses and routes stay with kernel-netlink.
 *
 * charon takes the first plugin that provides kernel-ipsec. Plugins that are not in its own list come
 * first, so this one wins when it is loaded.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "kernel.h"

#include <daemon.h>
#include <plugins/plugin.h>

METHOD(plugin_t, get_name, char *, plugin_t *this)
{
	return "kernel-homeward";
}

METHOD(plugin_t, get_features, int, plugin_t *this, plugin_feature_t *features[])
{
	static plugin_feature_t f[] = {
		PLUGIN_CALLBACK(kernel_ipsec_register, kernel_homeward_create),
		PLUGIN_PROVIDE(CUSTOM, "kernel-ipsec"),
	};

	*features = f;
	return countof(f);
}

METHOD(plugin_t, destroy, void, plugin_t *this)
{
	free(this);
}

plugin_t *kernel_homeward_plugin_create(void);

plugin_t *kernel_homeward_plugin_create(void)
{
	plugin_t *this;

	return INIT(this, .get_name = _get_name, .get_features = _get_features,
		    .destroy = _destroy, );
}
