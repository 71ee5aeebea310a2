#!/usr/bin/python3
"""Servers that say whom they see: servers.py ADDRESS

HTTP on port 80     GET /TOKEN answers the token and the client's address and port
TCP on port 7       each line comes back behind the client's address and port
UDP on port 7       the same for each datagram
"""
import http.server
import signal
import socket
import socketserver
import sys
import threading


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        host, port = self.client_address
        body = f"{self.path[1:]} {host} {port}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Tcp(socketserver.StreamRequestHandler):
    def handle(self):
        seen = "%s %d " % self.client_address
        for line in self.rfile:
            self.wfile.write(seen.encode() + line)


class Udp(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        seen = "%s %d " % self.client_address
        sock.sendto(seen.encode() + data, self.client_address)


class HttpServer(http.server.ThreadingHTTPServer):
    request_queue_size = 128

    def server_bind(self):
        """Without a look-up of our own name, which waits where there is no DNS."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


class UdpServer(socketserver.UDPServer):
    """Loses nothing that a test sends at once: room for some thousand datagrams, as root."""

    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), 8 << 20)
        super().server_bind()


def main():
    address = sys.argv[1]
    servers = [HttpServer((address, 80), Http), TcpServer((address, 7), Tcp),
               UdpServer((address, 7), Udp)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
main()
