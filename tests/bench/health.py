"""What probing 10,000 tunnels costs the control thread.

The far ends answer nothing, so every probe is also given up: that is the dearest case. The state of
all tunnels is down, and stays so.
"""
import json
import os
import time

from apply import Gateway
from many import configuration
from results import median, spread
from veth import Bed

from bed.daemon import state_directory
from bed.netns import command

SITES, TUNNELS = 5000, 2  # tunnels of each site
SETTLE_S, MEASURE_S = 20, 10


def text(socket, rate):
    head = f"""\
flows: {{capacity: 65536}}
state-directory: {state_directory(socket)}
workers: 1
api: {{socket: {socket}}}
health: {{rate: {rate}}}
ports:
  - {{name: underlay, driver: af_xdp, interface: u0}}
  - {{name: uplink, driver: af_xdp, interface: i0}}
"""
    return configuration(SITES, TUNNELS, local="198.51.100.1", key=1000, head=head).replace(
        "port: underlay, key", "port: underlay, address: 10.255.0.1, health: {target: 10.255.0.2}, key")


def cpu_s(pid):
    """CPU time of the thread that controls: the first one."""
    with open(f"/proc/{pid}/task/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def daemon_of(gateway):
    """The pid of the daemon with this socket."""
    for pid in command("pidof", "homewardd").stdout.split():
        with open(f"/proc/{pid}/cmdline", encoding="ascii") as f:
            if gateway.files[0] in f.read():
                return int(pid)
    raise RuntimeError("homewardd does not run")


class Health:
    def __init__(self, build, quick, say):
        self.build, self.say = build, say
        self.rounds = 1 if quick else 3

    @staticmethod
    def sent(gateway):
        status = json.loads(gateway.homeward("--json", "status").stdout)
        return sum(w["injected"] for w in status["workers"])

    def share(self, bed, rate):
        """Percent of a core, in each round."""
        gateway = Gateway(bed, self.build, f"health-{rate}")
        gateway.add(text(gateway.socket, rate))
        shares = []
        with gateway.running():
            pid = daemon_of(gateway)
            time.sleep(SETTLE_S)
            for i in range(self.rounds):
                self.say(f"health_10k, rate {rate}, round {i + 1} of {self.rounds}")
                before, sent = cpu_s(pid), self.sent(gateway)
                time.sleep(MEASURE_S)
                shares.append(100 * (cpu_s(pid) - before) / MEASURE_S)
                each = (self.sent(gateway) - sent) / (SITES * TUNNELS * MEASURE_S)
                if (each > 0.9) != (rate == "mid"):
                    raise RuntimeError(f"rate {rate}: {each:.2f} probes a second for each tunnel")
        return shares

    def measure(self, results):
        with Bed() as bed:
            off, mid = self.share(bed, "off"), self.share(bed, "mid")
        results.set("health_10k", value=median(mid), spread=spread(mid),
                    note=f"no far end answers; {median(off):.1f} % without probes")
