"""Prints the output of the demo: the picture, headings, tables."""
import sys

COLOUR = sys.stdout.isatty()
BOLD, GREEN, RED, DIM, CYAN, YELLOW, MAGENTA = "1", "32", "31", "2", "36", "33", "35"
OF_BRANCH = {"berlin": CYAN, "madrid": YELLOW, "lisbon": MAGENTA}

PICTURE = """
      berlin               madrid               lisbon
  host 10.0.1.10       host 10.0.1.10       host 10.0.1.10     the same network, the same
  net  10.0.1.0/24     net  10.0.1.0/24     net  10.0.1.0/24   addresses, the same ports
        |                    |                    |
    GRE |  192.0.2.18    GRE |  192.0.2.34  IPsec |  192.0.2.82
        +----------------+   |   +----------------+
                         |   |   |
               +---------+---+---+---------+
               |  192.0.2.1                |               homewardd: three sites, three tunnels,
               |        gateway            |               one egress address; no VRF, no NAT
               |           203.0.113.10    |               rule, no route back
               +-----------+---------------+
                           |
              Internet     |
                     198.51.100.80                         HTTP, DNS, iperf3, ping
"""

PICTURE_PRIVATE = """
      berlin 10.0.1.10 ==GRE==+
                              |             +==GRE centre-1==+
                           gateway ---------+                +-- centre, server 10.8.0.80
                              |             +==GRE centre-2==+
      madrid 10.0.1.10 ==GRE==+
      lisbon 10.0.1.10 =IPsec=+
"""


def paint(text, *codes):
    return f"\033[{';'.join(codes)}m{text}\033[0m" if COLOUR and codes else text


def say(text=""):
    print(text, flush=True)


def heading(text):
    say()
    say(paint(text, BOLD))


def branch(name):
    return paint(name, OF_BRANCH.get(name, BOLD))


def command(ns, text):
    say(paint(f"  {ns}$ ", DIM) + text)


def quote(text, indent=4):
    for line in text.rstrip().splitlines():
        say(" " * indent + line)


def check(check):
    """Prints one line for a check: the program, and whether all of its replies came back."""
    mark = paint("ok  ", GREEN) if check.ok else paint("FAIL", RED, BOLD)
    say(f"  {mark} {branch(check.branch)}  {check.title:34} {check.detail}")
    if not check.ok:
        quote(check.output, 10)


def ports(flow):
    """The inner addresses and ports of a flow, which are the same in each branch."""
    if flow["protocol"] == "icmp":
        return (f"icmp {flow['source']} id {flow['source_port']}", flow["destination"])
    return (f"{flow['protocol']:4} {flow['source']}:{flow['source_port']}",
            f"{flow['destination']}:{flow['destination_port']}")


def side_by_side(flows, names):
    """Prints the flows with equal inner addresses and ports in all branches, and their egress ports.

    Returns how many there are.
    """
    by_inside = {}
    for f in flows:
        outside = f"{f['egress']}:{f['egress_port']}"
        by_inside.setdefault(ports(f), {}).setdefault(f["site"], outside)
    rows = [(inside, sites) for inside, sites in sorted(by_inside.items())
            if all(n in sites for n in names)]
    head = f"    {'what each branch sent':48}"
    say(paint(head, BOLD) + "".join(paint(f"{n + ' is seen as':22}", BOLD) for n in names))
    for (source, destination), sites in rows:
        left = f"{source} -> {destination}"
        say(f"    {left:48}" + "".join(
            paint(f"{sites[n]:22}", OF_BRANCH.get(n, BOLD)) for n in names))
    return len(rows)
