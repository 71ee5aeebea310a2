#!/usr/bin/python3
"""What the scripts of make bench compute, without measuring anything."""
import os
import re
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import results  # noqa: E402
import vpp  # noqa: E402

# Written for this test in the form that VPP prints.
RUNTIME = """\
Thread 0 vpp_main (lcore 0)
Time 5.0, 10 sec internal node vector rate 0.00 loops/sec 1000.00
  vector rates in 0.0000e0, out 0.0000e0, drop 0.0000e0, punt 0.0000e0
             Name                 State         Calls          Vectors        Suspends         Clocks       Vectors/Call
unix-epoll-input                 polling              5000               0               0          1.00e3            0.00
---------------
Thread 1 vpp_wk_0 (lcore 1)
Time 5.0, 10 sec internal node vector rate 200.00 loops/sec 1000.00
  vector rates in 2.0000e2, out 2.0000e2, drop 0.0000e0, punt 0.0000e0
             Name                 State         Calls          Vectors        Suspends         Clocks       Vectors/Call
gre4-input                       active                 4             500               0          4.00e1          125.00
memif-input                      polling                8            1000               0          3.00e1          125.00
nat44-ed-in2out                  active                 4             500               0          2.00e2          125.00
nat44-ed-out2in                  active                 4             500               0          1.60e2          125.00
memif1/1-output                  interface wait         4             500               0          1.00e1          125.00
"""


class VppTest(unittest.TestCase):
    def test_runtime(self):
        """30 for each packet, and half of 40 + 200 + 160 + 10."""
        self.assertAlmostEqual(vpp.clocks_a_packet(RUNTIME), 30 + 410 / 2)

    def test_no_packets(self):
        with self.assertRaises(ValueError):
            vpp.clocks_a_packet(RUNTIME.split("Thread 1")[0])
        with self.assertRaises(ValueError):
            vpp.clocks_a_packet("")

    def test_cli(self):
        """Every site has its own table, key and far end; what is used was created before."""
        lines = vpp.cli_text().splitlines()
        tunnels = [re.fullmatch(r"create gre tunnel src \S+ dst (\S+) instance (\d+) key (\d+)", ln)
                   for ln in lines if ln.startswith("create gre")]
        self.assertEqual(len(tunnels), vpp.SITES)
        for group in (1, 2, 3):
            self.assertEqual(len({t[group] for t in tunnels}), vpp.SITES)
        tables = [ln.split()[-1] for ln in lines if ln.startswith("ip table add")]
        self.assertEqual(len(set(tables)), vpp.SITES)
        made = {"memif1/0": 1, "memif1/1": 2}
        made.update({f"gre{t[2]}": lines.index(t[0]) for t in tunnels})
        for i, line in enumerate(lines):
            for name in re.findall(r"\b(?:memif1/\d|gre\d+)\b", line):
                self.assertLess(made[name], i + 1, line)
        self.assertEqual(sum("nat44 in" in ln for ln in lines), vpp.SITES)
        self.assertEqual(sum("nat44 out" in ln for ln in lines), 1)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            said = vpp.how(folder)
            conf = os.path.join(folder, "bench", "vpp", "startup.conf")
            self.assertIn(conf, said)
            with open(conf, encoding="ascii") as f:
                text = f.read()
            self.assertEqual(text.count("{"), text.count("}"))
            self.assertIn(os.path.join(folder, "bench", "vpp", "vpp.cli"), text)


class ResultsTest(unittest.TestCase):
    @staticmethod
    def rows(**values):
        found = results.Results(machine={"tsc_mhz": 2000})
        for name, fields in values.items():
            found.set(name, **fields)
        return found

    def test_clocks(self):
        """A packet of two workers takes the clocks of both; what is no packet has none."""
        found = self.rows(forward_1m={"value": 20}, workers_2={"value": 40, "workers": 2},
                          handover_cost={"value": 10}, churn={"value": 5},
                          record_limit={"value": 120})
        self.assertEqual({name: results.clocks(found, name) for name in found.rows},
                         {"forward_1m": 100, "workers_2": 100, "handover_cost": 20, "churn": None,
                          "record_limit": 120})
        self.assertIsNone(results.clocks(found, "forward_1k"))

    def test_no_goal_in_packets(self):
        """A goal in packets a second would be the machine's."""
        for name, unit, _, how, _ in results.FIGURES:
            if unit in ("Mpps", "Mflows/s") and how is not None:
                self.assertEqual(how[0], "ratio", name)

    def test_verdict(self):
        row = results.Row(value=10, peer="x", peer_value=4)
        self.assertEqual(results.verdict(("", "Mpps", 2, ("ratio", ">="), ""), row),
                         (">= 2 x", True))
        self.assertEqual(results.verdict(("", "Mpps", 2, ("ratio", "<="), ""), row),
                         ("<= 2 x", False))
        self.assertEqual(results.verdict(("", "Mpps", 7, ("ratio", ">="), ""), results.Row()),
                         (">= 7 x", None))


if __name__ == "__main__":
    unittest.main()
