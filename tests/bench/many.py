#!/usr/bin/python3
"""Writes a large configuration: sites with the same addresses, tunnels and prefixes.

    tests/bench/many.py [--sites 5000] [--tunnels 2] [--prefixes 4] [--shift N] [FILE]

With --shift every Nth site is another one, every Nth tunnel has another MTU, and every Nth list of
prefixes is longer: a second file to be compared with the first.
"""
import argparse
import sys

HEAD = """\
flows: {capacity: 65536}
ports:
  - {name: underlay, driver: memory, next-hop-mac: '02:00:00:00:00:aa'}
  - {name: uplink, driver: memory, next-hop-mac: '02:00:00:00:00:bb'}
"""
EGRESS = """\
egress:
  - name: internet
    port: uplink
    addresses:
      - {address: 203.0.113.10, slices: [1-15]}
      - {address: 203.0.113.11, slices: [1-15]}
"""


def site(i, tunnels, prefixes, shift, local, key):
    """The lines of one site; its tunnels are numbered through all sites, their keys from @key on."""
    changed = shift and i % shift == 0
    name = f"site-{i}-new" if changed and i % (2 * shift) == 0 else f"site-{i}"
    nets = ", ".join(f"10.{k}.{i & 255}.0/24" for k in range(prefixes + (1 if changed else 0)))
    yield f"  - name: {name}\n    prefixes: [{nets}]\n    tunnels:\n"
    for k in range(tunnels):
        n = i * tunnels + k
        mtu = 1300 if shift and n % shift == 1 else 1400
        yield (f"      - {{name: tunnel-{n}, local: {local}, port: underlay, key: {key + n}, "
               f"mtu: {mtu}, remote: 198.{18 + (n >> 16)}.{n >> 8 & 255}.{n & 255}}}\n")


def configuration(sites=5000, tunnels=2, prefixes=4, shift=0, local="192.0.2.1", key=0, head=HEAD,
                  first=""):
    """A whole file. @head: what comes before the sites; @first: sites in front of the others."""
    lines = [head, "sites:\n", first]
    for i in range(sites):
        lines += site(i, tunnels, prefixes, shift, local, key)
    return "".join(lines) + EGRESS


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=5000)
    parser.add_argument("--tunnels", type=int, default=2, help="of each site")
    parser.add_argument("--prefixes", type=int, default=4, help="of each site")
    parser.add_argument("--shift", type=int, default=0, help="change every Nth thing")
    parser.add_argument("file", nargs="?")
    args = parser.parse_args()
    text = configuration(args.sites, args.tunnels, args.prefixes, args.shift)
    if args.file:
        with open(args.file, "w", encoding="ascii") as f:
            f.write(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
