"""Short questions to the servers from a branch's host, and the answers."""
import contextlib
import re
import secrets
import socket
import threading
import time

from bed.topology import HOST, SERVER

ECHO, HTTP = 7, 80
SOL_PACKET, PACKET_OUTGOING = 263, 4


def token(branch):
    return f"{branch.name}-{secrets.token_hex(6)}"


def split(answer):
    """(token, "address:port") of the answer of an echo server."""
    address, port, text = answer.split(" ", 2)
    return text.strip(), f"{address}:{port}"


def unanswered(host, n, *options):
    """
    Pings @n times, 50 a second. Returns the numbers of unanswered pings, and the errors in answers.

    Without a deadline, ping waits for its last answers for two round trips: on a busy machine a worker
    may have to wait longer for its core. With a deadline it waits, and sends more pings meanwhile.
    """
    out = host.run("ping", "-n", "-c", n, "-i", "0.02", "-w", 5, *options, check=False).stdout
    answered = {int(number) for number in re.findall(r"bytes from .* icmp_seq=(\d+)", out)}
    return sorted(set(range(1, n + 1)) - answered) + re.findall("wrong data.*", out)


def udp_socket(branch, port):
    s = branch.host.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((HOST, port))
    s.connect((SERVER, ECHO))
    return s


def tcp_socket(branch, port, to=(SERVER, ECHO)):
    s = branch.host.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((HOST, port))
    s.connect(to)
    return s


def echo_udp(s, text):
    s.send(text.encode())
    return split(s.recv(65536).decode())


def echo_tcp(s, text):
    s.sendall(text.encode() + b"\n")
    data = b""
    while not data.endswith(b"\n"):
        part = s.recv(65536)
        if not part:
            raise ConnectionError("the server hung up")
        data += part
    return split(data.decode())


class Sniffer:
    """Packets that one interface sees, while in the `with` block and for a moment after it."""

    def __init__(self, ns, interface, outgoing=False):
        self.packets = []
        self.outgoing = outgoing
        self.socket = ns.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
        self.socket.bind((interface, 0))
        self.socket.settimeout(0.05)
        self.done = False
        self.thread = threading.Thread(target=self.listen, daemon=True)

    def listen(self):
        while not self.done:
            with contextlib.suppress(TimeoutError):
                data, address = self.socket.recvfrom(65536)
                if (address[2] == PACKET_OUTGOING) == self.outgoing:
                    self.packets.append(data)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        time.sleep(0.4)
        self.done = True
        self.thread.join()
        self.socket.close()
