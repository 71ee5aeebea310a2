"""A thousand IPsec tunnels at one moment: one charon plays the far ends of all of them.

  branches 0 to 999: one charon, 192.0.2.18 ==IKE== gateway: homewardd, charon

On a quiet machine a storm of 1,000 takes some seconds; the limit is for a busy one.

They differ by identity, and all have the same addresses inside. All come from one address, which is the hardest case: charon limits what it
does for one address (docs/ipsec.md).
"""
import os
import time

import pytest

from bed import charon
from bed.ipsec import KEY, IpsecBed
from bed.netns import wait_until
from bed.topology import berlin

TUNNELS, WITHIN_S = int(os.environ.get("TUNNELS", "1000")), 100


def connection(i, start):
    return f"""
          b{i} {{
            version = 2
            local_addrs = 192.0.2.18
            remote_addrs = 192.0.2.1
            proposals = aes256gcm16-prfsha256-x25519
            local {{
              auth = psk
              id = b{i}.example
            }}
            remote {{
              auth = psk
              id = hub.example
            }}
            children {{
              b{i} {{
                local_ts = 10.0.1.0/24
                remote_ts = 198.18.{i // 250}.{i % 250}/32
                esp_proposals = aes256gcm16
                start_action = {start}
              }}
            }}
          }}"""


def far_text(start):
    return (f"connections {{{''.join(connection(i, start) for i in range(TUNNELS))}\n}}\n"
            f"secrets {{\n ike-hub {{\n secret = \"{KEY}\"\n }}\n}}\n")


class Many(IpsecBed):
    def __init__(self, prefix, build, folder):
        self.far_folder = os.path.join(str(folder), "far")
        self.psk = os.path.join(str(folder), "psk")
        self.branch = berlin(device="ipsec0", make_tunnel=self.make)
        super().__init__(prefix, build, folder, [self.branch], {"berlin": self.sites_text("no")})

    def make(self, branch):
        self.far = charon.branch(branch.router, self.far_folder)
        self.far.start()

    def sites_text(self, initiate):
        return "".join(f"""\
  - name: b{i}
    prefixes: [10.0.1.0/24]
    tunnels:
      - name: b{i}
        type: ipsec
        local: 192.0.2.1
        remote: 192.0.2.18
        port: underlay
        ipsec:
          identity: hub.example
          peer-identity: b{i}.example
          psk: {self.psk}
          initiate: {initiate}
          ike-proposals: aes256gcm16-prfsha256-x25519
""" for i in range(TUNNELS))

    def count(self):
        tunnels, cursor = [], ""
        while cursor is not None:
            page = self.daemon.get(f"/v1/ipsec?limit=1000{cursor}")
            tunnels += page["ipsec"]
            cursor = page.get("next_cursor")
            cursor = cursor and f"&cursor={cursor}"
        return sum(t["state"] == "up" for t in tunnels)

    def time_up(self, seconds=120):
        begin = time.monotonic()
        while (n := self.count()) < TUNNELS and time.monotonic() - begin < seconds:
            print(f"{time.monotonic() - begin:5.1f} s: {n} up", flush=True)
            time.sleep(1)
        return time.monotonic() - begin, n


@pytest.fixture(scope="module", autouse=True)
def plugins(build, tmp_path_factory):
    charon.mount_plugins(str(build), str(tmp_path_factory.mktemp("plugins") / "all"))
    yield
    charon.unmount_plugins()


@pytest.fixture(scope="module")
def bed(prefix, build, tmp_path_factory):
    b = Many(f"{prefix}-many", build, tmp_path_factory.mktemp("many"))
    yield b
    b.down()


def test_storm(bed):
    """The far ends begin, all at one moment."""
    wait_until("all connections", lambda: len(bed.gateway_charon.children()) == TUNNELS, 90)
    bed.far.load(far_text("start"))
    took, n = bed.time_up()
    assert n == TUNNELS and took < WITHIN_S, (n, took)


def test_we_begin(bed):
    """We begin: after a restart of both charons, none of which knows anything."""
    bed.far.kill()
    bed.gateway_charon.kill()
    bed.daemon.stop()
    bed.far.start()
    bed.far.load(far_text("none"))
    bed.gateway_charon.start()
    bed.text = bed.configuration({"berlin": bed.sites_text("yes")})
    bed.daemon.configure(bed.text)
    bed.daemon.start()
    took, n = bed.time_up()
    assert n == TUNNELS and took < WITHIN_S, (n, took)
