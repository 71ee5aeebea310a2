#!/usr/bin/python3
"""
A VLAN device for kernels that have none: a TAP interface whose frames go by another interface with
an 802.1Q tag, and back. The kernel does the rest on it: ARP, neighbour discovery, IP.

    vlan_tap.py INTERFACE VLAN TAP
"""
import fcntl
import select
import socket
import struct
import sys

ETH_P_ALL, ETH_P_8021Q = 3, 0x8100
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING = 263, 8, 4
STATUS_VLAN_VALID = 1 << 4
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000
SIOCGIFHWADDR, SIOCSIFHWADDR = 0x8927, 0x8924


def open_tap(name, mac):
    tap = open("/dev/net/tun", "r+b", buffering=0)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFHWADDR, struct.pack("16sH6s16x", name.encode(), 1, mac))
    return tap


def vlan_of(data, ancillary):
    """(VLAN, frame without tag); the kernel may have taken the tag off."""
    for level, kind, payload in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", payload[:20])
            if status & STATUS_VLAN_VALID:
                return (tci & 0xFFF if tpid in (0, ETH_P_8021Q) else None), data
    if data[12:14] == b"\x81\x00":
        return struct.unpack("!H", data[14:16])[0] & 0xFFF, data[:12] + data[16:]
    return None, data


def main():
    interface, vlan, name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    wire.bind((interface, ETH_P_ALL))
    wire.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    mac = fcntl.ioctl(wire, SIOCGIFHWADDR, struct.pack("16s24x", interface.encode()))[18:24]
    tap = open_tap(name, mac)
    while True:
        for ready in select.select([wire, tap], [], [])[0]:
            if ready is tap:
                frame = tap.read(65536)
                wire.send(frame[:12] + struct.pack("!HH", ETH_P_8021Q, vlan) + frame[12:])
                continue
            data, ancillary, _, sender = wire.recvmsg(65536, 256)
            if sender[2] == PACKET_OUTGOING:
                continue
            found, frame = vlan_of(data, ancillary)
            if found == vlan:
                tap.write(frame)


if __name__ == "__main__":
    main()
