"""A gateway with IPsec tunnels: the usual topology, a charon beside homewardd, one in each branch.

  berlin-host -- berlin: charon, ipsec0 ==ESP in UDP==\\
                                                       gateway: homewardd, charon -- internet
  madrid-host -- madrid: GRE, or charon too  =========/

Nobody writes a file of the gateway's charon: its connections come from homewardd, by vici.
"""
import os
import re

from bed import charon, servers
from bed.daemon import Daemon, configuration, site
from bed.netns import wait_until
from bed.topology import SERVER, Topology

KEY = "a long secret of two branches"
ESP = "aes256gcm16-x25519,aes256gcm16"
IKE = "aes256gcm16-prfsha384-ecp384,aes256gcm16-prfsha256-x25519"


def identity(branch):
    return f"{branch.name}.example"


def far_end(branch, esp=ESP, ike=IKE, rekey="1h", key=KEY, ident=None, more="", child="",
            local_ts="10.0.1.0/24", remote_ts="198.51.100.0/24", local="", remote="", hub="hub.example",
            hub_address=None):
    """swanctl.conf of a branch. @local, @remote: lines instead of those of a pre-shared key."""
    return f"""
        connections {{
          hub {{
            version = 2
            local_addrs = {branch.outer}
            remote_addrs = {hub_address or branch.gateway4}
            proposals = {ike}
            {more}
            local {{
              id = {ident or identity(branch)}
              {local or "auth = psk"}
            }}
            remote {{
              id = {hub}
              {remote or "auth = psk"}
            }}
            children {{
              hub {{
                local_ts = {local_ts}
                remote_ts = {remote_ts}
                esp_proposals = {esp}
                rekey_time = {rekey}
                {child}
              }}
            }}
          }}
        }}
        secrets {{
          ike-hub {{
            secret = "{key}"
          }}
        }}
        """


def ipsec_site(branch, settings, remote=True, more=""):
    """A site with an IPsec tunnel; @settings are those of its section ipsec, @more the site's."""
    lines = "".join(f"          {line.strip()}\n" for line in settings.strip().splitlines())
    where = f"        remote: {branch.outer}\n" if remote else ""
    return f"""\
  - name: {branch.name}
    prefixes: [10.0.1.0/24]
    tunnels:
      - name: {branch.name}-ipsec
        type: ipsec
        local: {branch.gateway4}
{where}        address: {branch.inner}
        port: underlay
        ipsec:
{lines}{more}"""


class IpsecBed:
    """@sites: {branch: text of its site}; without one its tunnel is GRE."""

    def __init__(self, prefix, build, folder, branches, sites, start=True, settings=""):
        self.folder, self.sites = str(folder), sites
        self.charons = {}
        self.topology = Topology(prefix, str(build), branches, self.folder)
        servers.start(self.topology)
        self.daemon = Daemon(self.topology)
        self.socket = os.path.join(self.folder, "plugin")
        self.gateway_charon = charon.gateway(self.topology, os.path.join(self.folder, "hub"), self.socket,
                                             settings)
        self.write("psk", KEY + "\n")
        self.text = self.configuration(sites)
        self.daemon.configure(self.text)
        if start:
            self.gateway_charon.start()
            self.daemon.start()

    def configuration(self, sites):
        text = "".join(sites.get(b.name) or site(b) for b in self.topology.branches)
        return (f"ipsec: {{vici-socket: {self.gateway_charon.vici}, plugin-socket: {self.socket}}}\n"
                + configuration(self.topology, self.daemon.socket, sites=text))

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def apply(self, **sites):
        """Another site of a branch, as a live change."""
        self.sites = {**self.sites, **sites}
        self.text = self.configuration(self.sites)
        self.daemon.configure(self.text)
        self.daemon.homeward("config", "apply", self.daemon.file)

    def tunnel(self, name=None):
        tunnels = self.daemon.ask("ipsec")["ipsec"]
        return next(t for t in tunnels if name in (None, t["site"]))

    def is_up(self, name=None):
        return self.tunnel(name)["state"] == "up"

    def connection(self, name):
        """The name that charon has for the tunnel of the site."""
        for connection in self.gateway_charon.children():
            text = self.gateway_charon.swanctl("--list-conns").stdout
            part = text[text.index(f"{connection}:"):]
            if f"id: {name}.example" in part.split("\nhomeward-")[0]:
                return connection
        raise AssertionError(f"charon does not know {name}")

    def wait_up(self, name=None, seconds=60):
        wait_until("the tunnel", lambda: self.is_up(name), seconds)

    def wait_why(self, words, seconds=30):
        """Until the tunnel is down, and the sentence why has @words, a regular expression."""
        wait_until(words, lambda: re.search(words, self.tunnel()["why"] or ""), seconds)
        assert self.tunnel()["state"] == "down"
        assert re.search(words, self.daemon.homeward("ipsec").stdout)
        wait_until("the alarm", lambda: any(re.search(words, a["text"]) for a in self.alarms("ipsec_failed")))

    def alarms(self, kind):
        return [a for a in self.daemon.ask("status")["alarms"] if a["alarm"] == kind]

    def ping(self, branch, *options):
        return branch.host.run("ping", "-c", "3", "-i", "0.2", "-W", "1", *options, SERVER, check=False)

    def check_ping(self, branch):
        r = self.ping(branch)
        assert re.search(r" [01]% packet loss", r.stdout), r.stdout

    def check_laws(self):
        assert self.daemon.process.poll() is None, self.daemon.log_text()
        self.daemon.settle()
        assert self.daemon.unaccounted() == ""
        assert self.topology.strangers() == 0

    def down(self):
        try:
            self.check_laws()
            assert self.daemon.stop() == 0, self.daemon.log_text()
        finally:
            self.daemon.kill()
            self.topology.down()


def start_far(bed_folder, text=far_end, charons=None, **kw):
    """A function of a branch that starts its charon, with this swanctl.conf: Branch.make_tunnel."""
    def start(branch):
        far = charon.branch(branch.router, os.path.join(str(bed_folder), branch.name))
        far.start()
        far.load(text(branch, **kw))
        branch.charon = far
        wait_until("ipsec0", lambda: branch.router.ip("link", "show", branch.device,
                                                      check=False).returncode == 0)
    return start
