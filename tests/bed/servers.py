"""The servers of our Internet: HTTP, echo, DNS, iperf3."""
import os

from bed.netns import wait_until
from bed.topology import SERVER

TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tools")
ZONE = "demo.example"
IPERF = 5201


def start(topology):
    internet = topology.internet
    internet.start(os.path.join(TOOLS, "servers.py"), SERVER, log=topology.log("servers"))
    internet.start("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                   "--no-hosts", "--pid-file=", "--user=root", f"--listen-address={SERVER}",
                   "--bind-interfaces", f"--address=/{ZONE}/{SERVER}", log=topology.log("dnsmasq"))
    start_iperf(topology, internet)
    wait_until("the servers", lambda: listening(internet) >= {"7", "53", "80", str(IPERF)})


def start_iperf(topology, ns):
    """In @ns an iperf3 for each branch, as one serves one client at a time; all on the same port.

    The mark of the branch decides who answers, so that both can ask the same address and port.
    """
    rules = []
    for i, branch in enumerate(topology.branches):
        port = IPERF + i
        ns.start("iperf3", "-s", "-p", port, log=topology.log(f"iperf3-{port}"))
        if i > 0:
            rules.append(f"ip dscp {branch.dscp} tcp dport {IPERF} redirect to :{port}\n")
            rules.append(f"ip dscp {branch.dscp} udp dport {IPERF} redirect to :{port}\n")
    ns.nft(f"""table ip iperf {{
        chain in {{ type nat hook prerouting priority dstnat
            {"".join(rules)}
        }}
    }}""")
    wait_until("iperf3", lambda: {str(IPERF + i) for i in range(len(topology.branches))} <=
               listening(ns))


def listening(ns):
    out = ns.run("ss", "-Hltn").stdout
    return {line.split()[3].rsplit(":", 1)[1] for line in out.splitlines()}
