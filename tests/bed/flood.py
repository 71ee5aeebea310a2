"""Many frames in a short time: as fast as the kernel accepts them from one thread."""
import ctypes
import errno
import socket
import time

LIBC = ctypes.CDLL(None, use_errno=True)
BATCH = 64


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Message(ctypes.Structure):
    """struct mmsghdr."""

    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32),
                ("iov", ctypes.POINTER(Iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("sent", ctypes.c_uint32)]


class Flood:
    """Sends the same frames again and again by a packet socket on an interface of a namespace."""

    def __init__(self, ns, interface, frames):
        with ns.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((interface, 0))
        self.frames = [ctypes.create_string_buffer(bytes(f), len(f)) for f in frames]
        self.messages = (Message * len(frames))()
        for message, frame in zip(self.messages, self.frames):
            iov = Iovec(ctypes.cast(frame, ctypes.c_void_p), len(frame))
            message.iov, message.iovlen = ctypes.pointer(iov), 1

    def batch(self, at, n):
        """Up to @n frames from number @at on; how many the kernel took."""
        sent = LIBC.sendmmsg(self.socket.fileno(), ctypes.byref(self.messages[at]), n, 0)
        if sent >= 0:
            return sent
        if ctypes.get_errno() not in (errno.ENOBUFS, errno.EAGAIN):
            raise OSError(ctypes.get_errno(), "sendmmsg")
        return 0

    def send(self, n, a_second=None):
        """@n frames in all, at most so many a second; the seconds it took."""
        begin, sent = time.monotonic(), 0
        while sent < n:
            at = sent % len(self.frames)
            sent += self.batch(at, min(BATCH, n - sent, len(self.frames) - at))
            ahead = sent / a_second - (time.monotonic() - begin) if a_second else 0
            if ahead > 0.0005:
                time.sleep(ahead)
        return time.monotonic() - begin

    def close(self):
        self.socket.close()
