"""A question and its answer over UDP, without blocking the loop."""

import socket


class Udp:
    def __init__(self, host, port):
        address = socket.getaddrinfo(host, port, 0, socket.SOCK_DGRAM)[0]
        self._socket = socket.socket(address[0], address[1])
        self._socket.setblocking(False)
        self._socket.connect(address[-1])  # so that only this peer's answers arrive

    def send(self, data):
        self._socket.send(data)

    def receive(self, size):
        """A datagram, or None while there is none."""
        try:
            return self._socket.recv(size)
        except OSError:
            return None

    def close(self):
        self._socket.close()
