"""strongSwan's charon, as Debian ships it, in a namespace: one beside the gateway, with our plugin, and
one in each branch, with its own ESP in user space (kernel-libipsec).

All charons of a test look for plugins in one folder, which the machine's package owns. A folder with
copies of them and with ours is mounted over it, for this process and its children only.
"""
import os
import re
import shutil

from bed.netns import command, wait_until

PLUGINS = "/usr/lib/ipsec/plugins"
SETTINGS = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../ike/homeward.conf"))
USUAL = ("random nonce aes sha1 sha2 hmac kdf gmp pem pkcs1 pkcs8 x509 revocation constraints pubkey "
         "openssl gcm chapoly curve25519 {backend} kernel-netlink socket-default vici")


def copy_plugins(build, folder):
    """The plugins of the machine, and that of @build."""
    os.makedirs(folder)
    for name in os.listdir(PLUGINS):
        shutil.copy(os.path.join(PLUGINS, name), folder)
    shutil.copy(os.path.join(build, "ike", "libstrongswan-kernel-homeward.so"), folder)


def mount_plugins(build, folder):
    """Puts the plugin of @build beside those of the machine."""
    copy_plugins(build, folder)
    command("mount", "--bind", folder, PLUGINS)


def unmount_plugins():
    command("umount", PLUGINS, check=False)


class Charon:
    """One charon; @settings are lines of its strongswan.conf, @plugins of its section plugins."""

    def __init__(self, ns, folder, backend, plugins="", settings=""):
        self.ns, self.folder = ns, folder
        self.vici = os.path.join(folder, "vici")
        self.log = os.path.join(folder, "charon.log")
        self.process = None
        self.program = ["/usr/sbin/charon-systemd"]
        os.makedirs(folder, exist_ok=True)
        self.write("strongswan.conf", f"""
            include {SETTINGS}
            charon-systemd {{
              load = {USUAL.format(backend=backend)}
              filelog {{
                file {{
                  path = {self.log}
                  time_format = %T
                  flush_line = yes
                }}
              }}
              retransmit_timeout = 1.0
              retransmit_tries = 3
              {settings}
              plugins {{
                vici {{
                  socket = unix://{self.vici}
                }}
                {plugins}
              }}
            }}
            """)

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def start(self):
        env = {**os.environ, "STRONGSWAN_CONF": os.path.join(self.folder, "strongswan.conf")}
        self.process = self.ns.start(*self.program, log=self.log, env=env)
        wait_until("charon", lambda: os.path.exists(self.vici) and
                   self.swanctl("--stats", check=False).returncode == 0)

    def mount_alone(self, plugins, program):
        """For a machine that has other uses: @plugins are mounted for this charon only, and @program is
        a copy of it, since a profile of AppArmor holds for its usual path."""
        self.program = ["sh", "-c", f"mount --bind '{plugins}' {PLUGINS} && exec '{program}'"]

    def kill(self, number=9):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(10)

    def swanctl(self, *args, **kw):
        return command("swanctl", *args, "--uri", f"unix://{self.vici}",
                       env={**os.environ, "SWANCTL_DIR": os.path.join(self.folder, "swanctl"),
                            "STRONGSWAN_CONF": os.path.join(self.folder, "strongswan.conf")}, **kw)

    def use_key(self, file):
        """The one private key that load() loads."""
        folder = os.path.join(self.folder, "swanctl", "private")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(file, os.path.join(folder, "key.pem"))

    def load(self, text):
        """Loads connections and secrets in the words of swanctl.conf."""
        self.write("swanctl/swanctl.conf", text)
        self.swanctl("--load-all", "--noprompt")

    def children(self):
        """Names of the connections that homewardd has loaded."""
        return re.findall(r"^(homeward-\d+):", self.swanctl("--list-conns").stdout, re.M)

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()


def gateway(topology, folder, socket, settings=""):
    """The one beside homewardd."""
    return Charon(topology.gateway, folder, "kernel-homeward", settings=settings,
                  plugins=f"kernel-homeward {{\n socket = {socket}\n }}")


def branch(router, folder, settings=""):
    """The far end: its ESP is a TUN interface, and only in UDP."""
    return Charon(router, folder, "kernel-libipsec", settings=settings)
