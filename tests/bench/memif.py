"""memif_1m: the worker loop on memif, traffic from another process on another core."""
import json
import os
import subprocess

from results import median, spread

FLOWS = 1000000


class Memif:
    def __init__(self, build, quick, say):
        self.program = f"{build}/tests/bench/bench-core"
        self.repeat = 1 if quick else 3
        self.rounds = 1 if quick else 3
        self.say = say

    def start(self, figure, cpu, socket, **kw):
        return subprocess.Popen(
            [self.program, figure, "--flows", str(FLOWS), "--cpu", str(cpu), "--socket", socket,
             "--repeat", str(self.repeat)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)

    def rates(self, kind):
        """Mpps of each repeat. The gateway ends first: see figures_memif.c."""
        socket = f"homeward-bench-{os.getpid()}{kind}"
        gateway = self.start("memif" + kind, 1, socket)
        try:
            if gateway.stdout.readline().strip() != "ready":
                raise RuntimeError("memif: " + gateway.stderr.read())
            generator = self.start("memif-generator" + kind, 0, socket)
            lines = [generator.stdout.readline() for _ in range(self.repeat)]
        finally:
            gateway.terminate()
        said = gateway.communicate(timeout=30)[1] + generator.communicate(timeout=30)[1]
        if gateway.returncode or generator.returncode:
            raise RuntimeError("memif: " + said)
        return [json.loads(line)["mpps"] for line in lines]

    def measure(self, results):
        ours, through = [], []
        for i in range(self.rounds):
            self.say(f"memif_1m, round {i + 1} of {self.rounds}")
            ours += self.rates("")
            through += self.rates("-through")
        results.set("memif_1m", flows=FLOWS, value=median(ours), spread=spread(ours),
                    peer="pass-through on the same ports", peer_value=median(through))
