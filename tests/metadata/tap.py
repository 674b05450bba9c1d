"""An observer's tap in front of a relay: passes bytes on, and notes when, on
whose line, which way and how many. It sees no content, as an observer of an
encrypted line does not.

Whose line it is, it finds out as somebody at that line knows it: here by the
process that dialled, looked up in the system's table of sockets.
"""

import heapq
import os
import select
import socket
import threading
import time

UP, DOWN = "up", "down"  # from who dialled, and to them


class Names:
    """Which process is whose. Programs are named before they dial, or at the
    latest a moment later."""

    def __init__(self):
        self.pids = {}

    def of_port(self, port, to, seconds=5):
        """Whose socket leads from this port of 127.0.0.1 to that one."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            inode = self.inode_of(port, to)
            for pid, name in list(self.pids.items()):
                if inode and self.holds(pid, inode):
                    return name
            time.sleep(0.01)
        return None

    @staticmethod
    def inode_of(port, to):
        ends = [f"0100007F:{port:04X}", f"0100007F:{to:04X}"]
        with open("/proc/net/tcp", encoding="ascii") as table:
            for row in table:
                words = row.split()
                if words[1:3] == ends:
                    return words[9]
        return None

    @staticmethod
    def holds(pid, inode):
        room = f"/proc/{pid}/fd"
        try:
            return any(os.readlink(f"{room}/{n}") == f"socket:[{inode}]"
                       for n in os.listdir(room))
        except OSError:
            return False


class Tap(threading.Thread):
    """In front of the relay at `port`. Calls note(time, who, relay, way, bytes)
    for each piece; what `delays` names by who dialled takes that many seconds
    longer each way."""

    def __init__(self, relay, port, names, note, delays=None):
        super().__init__(daemon=True)
        self.relay, self.to = relay, ("127.0.0.1", port)
        self.names, self.note, self.delays = names, note, delays or {}
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.quit, self.told = socket.socketpair()
        self.ends = {}  # socket: (the other, who, way)
        self.late = []  # (when, number, socket, bytes): not passed on yet
        self.count = 0
        self.start()

    def run(self):
        while True:
            wait = (max(0, self.late[0][0] - time.monotonic())
                    if self.late else None)
            ready = select.select([self.listener, self.told, *self.ends], [],
                                  [], wait)[0]
            if self.told in ready:
                return
            if self.listener in ready:
                self.accept()
            for s in ready:
                if s in self.ends:
                    self.read(s)
            while self.late and self.late[0][0] <= time.monotonic():
                self.pass_on(*heapq.heappop(self.late)[2:])

    def accept(self):
        near, (_, port) = self.listener.accept()
        far = socket.create_connection(self.to)
        for s in (near, far):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        who = self.names.of_port(port, self.port)
        self.ends[near], self.ends[far] = (far, who, UP), (near, who, DOWN)

    def read(self, s):
        to, who, way = self.ends[s]
        try:
            data = s.recv(65536)
        except OSError:
            data = b""
        now = time.monotonic()
        if data:
            self.note(now, who, self.relay, way, len(data))
        if who in self.delays:
            self.count += 1
            heapq.heappush(self.late, (now + self.delays[who], self.count, to,
                                       data))
        else:
            self.pass_on(to, data)

    def pass_on(self, to, data):
        try:
            if data:
                to.sendall(data)
        except OSError:
            data = b""
        if not data and to in self.ends:
            other = self.ends[to][0]
            for end in (to, other):
                del self.ends[end]
                end.close()

    def close(self):
        self.quit.send(b"x")
        self.join()
        for s in (self.listener, self.quit, self.told, *self.ends):
            s.close()
