"""Figures of one process: bench-core, in rounds, so that each figure sees the machine several times."""
import json
import subprocess

from results import median, spread

SIZES = (("forward_1k", 1000), ("forward_64k", 65536), ("forward_1m", 1000000),
         ("forward_10m", 10000000))


class Core:
    def __init__(self, build, quick, say):
        self.program = f"{build}/tests/bench/bench-core"
        self.quick = quick
        self.say = say

    def run(self, figure, **options):
        args = [self.program, figure]
        for name, value in options.items():
            args += ["--" + name, str(value)]
        done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(args)}: {done.stderr.strip()}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def clock(self, results):
        results.machine["tsc_mhz"] = self.run("clock")[0]["tsc_mhz"]

    def forward(self, results):
        rounds = 1 if self.quick else 5
        found = {name: [] for name, _ in SIZES}
        for i in range(rounds):
            for name, flows in SIZES:
                self.say(f"{name}, round {i + 1} of {rounds}")
                found[name] += self.run("forward", flows=flows, repeat=3, packets=5000000)
        for name, flows in SIZES:
            net = [f["net"] for f in found[name]]
            results.set(name, flows=flows, value=median(net), spread=spread(net),
                        peer="pass-through", peer_value=median(f["through"] for f in found[name]),
                        note=f"{median(f['gross'] for f in found[name]):.2f} Mpps with the generator "
                             f"in the loop; memory: {found[name][0]['memory']}")
        self.growth(results)
        self.record_limit(results, found["forward_1m"])

    @staticmethod
    def growth(results):
        for name, flows, few, many in (("growth_64k", 65536, "forward_1k", "forward_64k"),
                                       ("growth_1m", 1000000, "forward_1k", "forward_1m"),
                                       ("growth_10m", 10000000, "forward_1m", "forward_10m")):
            results.set(name, flows=flows, value=results.rows[few].value / results.rows[many].value)

    @staticmethod
    def record_limit(results, found):
        """Each repeat has measured both, one after the other."""
        ratios = [f["cycles"] / f["limit_cycles"] for f in found]
        results.set("record_limit", flows=1000000, value=median(f["cycles"] for f in found),
                    spread=spread(ratios), peer="hash, bucket and record alone",
                    peer_value=median(f["limit_cycles"] for f in found),
                    note=f"a record whose number is known: "
                         f"{median(f['record_cycles'] for f in found):.1f} clocks")

    def tunnels(self, results):
        for name, tunnels in (("forward_tunnels_10k", 10000), ("forward_tunnels_60k", 60000)):
            self.say(name)
            found = self.run("tunnels", tunnels=tunnels, repeat=1 if self.quick else 5)
            ratios = [f["ratio"] for f in found]
            results.set(name, flows=found[0]["flows"], value=median(ratios), spread=spread(ratios),
                        note=f"{median(f['cycles'] for f in found):.0f} cycles a packet, with 64 "
                             f"tunnels {median(f['few_cycles'] for f in found):.0f}; "
                             f"{median(f['net'] for f in found):.2f} Mpps")

    def private(self, results):
        self.say("private_1m")
        found = self.run("private", repeat=1 if self.quick else 5)
        rates = [f["net"] for f in found]
        results.set("private_1m", flows=found[0]["flows"], value=median(rates), spread=spread(rates),
                    peer="to the Internet",
                    peer_value=median(f["net"] * f["ratio"] for f in found))

    def esp(self, results):
        """Each repeat has measured the path and both libraries, one after the other."""
        self.say("esp")
        runs = self.run("esp", flows=65536, repeat=2 if self.quick else 9)
        for size in (64, 512, 1400):
            found = [f for f in runs if f["size"] == size]
            for way in ("open", "seal", "both"):
                self.esp_row(results, f"esp_{way}_{size}", found, way)
            against = [(f["evp_open"] + f["evp_seal"]) / 2 / f["both"] for f in found]
            row = results.rows[f"esp_both_{size}"]
            results.set(f"esp_evp_{size}", flows=65536, value=row.value, spread=spread(against),
                        peer="OpenSSL EVP, bare", peer_value=row.value / median(against))
        results.machine["avx512_ipsec_mb"] = runs[0]["avx512"]

    def esp_row(self, results, name, found, way):
        mhz = results.machine["tsc_mhz"]
        bare = [(f["mb_open"] + f["mb_seal"]) / 2 if way == "both" else f["mb_" + way]
                for f in found]
        ratios = [peer / f[way] for f, peer in zip(found, bare)]
        value = mhz / median(f[way] for f in found)
        results.set(name, flows=65536, value=value, spread=spread(ratios),
                    peer="libipsec-mb, bare", peer_value=value / median(ratios),
                    note=f"stages: {found[0]['stages_' + way]}" if way != "both" else "")

    def esp_many(self, results):
        self.say("esp_10k")
        runs = self.run("esp-many", flows=65536, tunnels=5000, repeat=2 if self.quick else 9)
        ratios = {size: [f["ratio"] for f in runs if f["size"] == size] for size in (64, 512, 1400)}
        small = [f for f in runs if f["size"] == 64]
        results.set("esp_10k", flows=65536, value=median(ratios[64]), spread=spread(ratios[64]),
                    note=f"5,000 tunnels; of 64 bytes: {median(f['cycles'] for f in small):.0f} clocks, with one "
                         f"tunnel {median(f['one_cycles'] for f in small):.0f}; of 512 bytes "
                         f"{median(ratios[512]):.2f} x, of 1,400 {median(ratios[1400]):.2f} x")

    def stages(self, results):
        for name, flows in SIZES:
            self.say(f"stages of {name}")
            results.stages += self.run("stages", flows=flows)

    def setup(self, results):
        self.say("setup_1m")
        rates = [f["net"] for f in self.run("setup", repeat=3 if self.quick else 9)]
        opened = results.rows.get("forward_1m")
        results.set("setup_1m", flows=1000000, value=median(rates), spread=spread(rates),
                    peer="packets of forward_1m", peer_value=opened.value if opened else None)

    def setup_many(self, results):
        self.say("setup_sites_10k, setup_routes_100k, setup_vnet_routes_100k")
        found = self.run("setup-many", repeat=2 if self.quick else 9)
        usual = median(f["usual"] for f in found)
        for name, key in (("setup_sites_10k", "sites"), ("setup_routes_100k", "routes"),
                          ("setup_vnet_routes_100k", "vnet_routes")):
            ratios = [f[key] / f["usual"] for f in found]
            results.set(name, flows=found[0]["flows"], value=usual * median(ratios),
                        spread=spread(ratios), peer="64 sites, one route", peer_value=usual)
        private = median(f["private"] / f["usual"] for f in found)
        results.rows["setup_vnet_routes_100k"].note = f"untranslated flows to a site: {private:.2f} x"
        far = median(f["routes_servers"] / f["usual"] for f in found)
        results.rows["setup_routes_100k"].note = f"{far:.2f} x with 65,536 servers instead of 4,096"

    def table(self, results):
        self.say("capacity_1m, flow_bytes")
        full = self.run("capacity")[0]
        results.set("flow_bytes", flows=full["held"], value=full["table_bytes"],
                    note=f"{full['worker_bytes']:.1f} with all that a worker holds")
        results.set("capacity_1m", flows=full["flows"], value=full["held"])
        self.say("teardown_1m")
        rates = [f["rate"] for f in self.run("teardown", repeat=1 if self.quick else 5)]
        results.set("teardown_1m", flows=1000000, value=median(rates), spread=spread(rates))
        self.say("start_10m")
        start = self.run("start", flows=10000000, repeat=3 if self.quick else 5)
        seconds = [f["seconds"] for f in start]
        results.set("start_10m", flows=10000000, value=median(seconds), spread=spread(seconds),
                    note=f"memory: {start[0]['memory']}")

    def churn(self, results):
        self.say("churn")
        found = self.run("churn", repeat=2 if self.quick else 4)[0]
        results.set("churn", flows=found["flows"], value=found["longest_ns"] / 1000,
                    peer="the same time doing nothing", peer_value=found["nothing_ns"] / 1000,
                    note=f"longest of {found['turns']} turns, the shortest of {found['runs']} equal "
                         f"runs for each; {found['once_ns'] / 1000:.0f} us in some one run; 99.99 % "
                         f"within {found['p9999_ns'] / 1000:.0f} us, half within "
                         f"{found['median_ns'] / 1000:.1f} us; {found['created']} flows came, "
                         f"{found['ended']} ended, {found['refused']} were refused, "
                         "no live one was lost")

    def apply(self, results):
        self.say("apply_pause")
        found = self.run("apply", repeat=2 if self.quick else 4)[0]
        results.set("apply_pause", flows=found["flows"], value=found["longest_ns"] / 1000,
                    peer="the same time doing nothing", peer_value=found["nothing_ns"] / 1000,
                    note=f"longest of {found['turns']} turns with {found['changes']} changes, the "
                         f"shortest of {found['runs']} equal runs for each; half within "
                         f"{found['median_ns'] / 1000:.2g} us; {found['once_ns'] / 1000:.0f} us in "
                         "some one run; no packet and no flow was lost")

    def failover(self, results):
        self.say("failover_1m")
        found = self.run("failover", repeat=5 if self.quick else 20)[0]
        results.set("failover_1m", flows=found["flows"], value=found["median_ns"] / 1e6,
                    note=f"{found['moves']} moves of {found['moved']} flows, half to the substitute and half "
                         f"back; the longest {found['longest_ns'] / 1e6:.2g} ms; every return was sent "
                         "after each")

    def exhaust(self, results):
        self.say("exhaust")
        names = {"nearly": "exhaust", "many": "exhaust_256"}
        for found in self.run("exhaust", repeat=2 if self.quick else 4):
            results.set(names[found["case"]], flows=found["flows"],
                        value=found["longest_ns"] / 1000,
                        note=f"longest of {found['turns']} turns of 64 first packets, the shortest "
                             f"of {found['runs']} equal runs for each; half within "
                             f"{found['median_ns'] / 1000:.1f} us; {found['opened']} flows came, "
                             f"{found['refused']} packets were refused")

    def workers(self, results):
        self.say("workers_2, workers_2_daemon, workers_2_rss, workers_2_onequeue, handover")
        runs = self.run("workers", repeat=1 if self.quick else 5)
        one = median(f["one"] for f in runs)
        for name, field, workers in (("workers_2", "two", 2), ("workers_2_daemon", "daemon", 2),
                                     ("workers_2_rss", "rss", 2),
                                     ("workers_2_onequeue", "onequeue", 1)):
            rates = [f[field] for f in runs]
            results.set(name, flows=1000000, value=median(rates), spread=spread(rates),
                        workers=workers, peer="one worker", peer_value=one)
        first = 100 * median(f["daemon_first"] for f in runs)
        results.rows["workers_2_daemon"].note = f"{first:.0f} % of the packets arrive at worker 0"
        handed = [100 * median(f[field] for f in runs) for field in ("daemon_handed", "rss_handed")]
        results.set("handover", flows=1000000, value=handed[0],
                    note=f"{handed[1]:.1f} % in workers_2_rss")
        results.set("handover_cost", flows=1000000, value=median(f["handover_ns"] for f in runs),
                    note=f"{median(f['wrong'] for f in runs):.2f} Mpps if all packets arrive at "
                         "the wrong one of two workers")
