"""The third branch, lisbon: the same addresses once more, by IPsec. Keys come from strongSwan."""
import os
import secrets
import shutil

import show
from bed import charon
from bed.ipsec import far_end, ipsec_site
from bed.netns import wait_until
from bed.topology import lisbon


class Secret:
    """Two charons with one secret: that of the branch, and that of the gateway."""

    def __init__(self, build, folder):
        self.folder = folder
        self.key = secrets.token_urlsafe(24)
        self.branch = lisbon(device="ipsec0", make_tunnel=self.start_branch)
        copies = os.path.join(build, os.path.basename(folder))  # not in /run: nothing is executed there
        self.plugins, self.program = os.path.join(copies, "plugins"), os.path.join(copies, "charon")
        self.socket = os.path.join(folder, "plugin.sock")
        os.makedirs(folder, exist_ok=True)
        shutil.rmtree(copies, ignore_errors=True)
        charon.copy_plugins(build, self.plugins)
        shutil.copy("/usr/sbin/charon-systemd", self.program)

    def start(self, one):
        one.mount_alone(self.plugins, self.program)
        one.start()
        return one

    def start_branch(self, branch):
        self.far = self.start(charon.branch(branch.router, os.path.join(self.folder, "lisbon")))
        self.far.load(far_end(branch, key=self.key, remote_ts="198.51.100.0/24,10.8.0.0/16,10.255.0.0/16"))
        wait_until("ipsec0", lambda: branch.router.ip("link", "show", branch.device,
                                                      check=False).returncode == 0)

    def start_gateway(self, topology):
        self.hub = self.start(charon.gateway(topology, os.path.join(self.folder, "hub"), self.socket))
        self.psk = self.hub.write(os.path.join("..", "lisbon.psk"), self.key + "\n")

    def configuration(self, text, sites):
        """@text, with the site of the branch instead of the one by GRE."""
        ours = ipsec_site(self.branch, f"identity: hub.example\npeer-identity: lisbon.example\n"
                                       f"psk: {os.path.normpath(self.psk)}")
        return (f"ipsec: {{vici-socket: {self.hub.vici}, plugin-socket: {self.socket}}}\n"
                + text.replace(sites, ours))

    def wait_up(self, daemon):
        wait_until("lisbon's tunnel", lambda: daemon.ask("ipsec")["ipsec"][0]["state"] == "up", 30)


def show_keys(daemon):
    show.heading("lisbon's tunnel is encrypted (homeward ipsec):")
    show.quote(daemon.homeward("ipsec").stdout)
