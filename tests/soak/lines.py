"""The lines between people and relays, as a program of its own: a TCP port in
front of each, which can be cut or held up.

    lines.py PORT...

prints one port for each PORT it leads to, then obeys lines of standard input
until that ends: `cut I` breaks all connections of the I-th, `stall I SECONDS`
lets nothing through for so long.
"""

import asyncio
import sys

CHUNK = 65536


class Line:
    """One port, and the connections that go through it."""

    def __init__(self, target):
        self.target = target
        self.writers = set()
        self.flows = asyncio.Event()
        self.flows.set()

    async def open(self):
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def accept(self, reader, writer):
        try:
            there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, there[1]}
        self.writers |= both
        await asyncio.gather(self.carry(reader, there[1]),
                             self.carry(there[0], writer))
        self.writers -= both

    async def carry(self, reader, writer):
        try:
            while data := await reader.read(CHUNK):
                await self.flows.wait()
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()

    def cut(self):
        for writer in self.writers:
            writer.transport.abort()

    async def stall(self, seconds):
        self.flows.clear()
        await asyncio.sleep(seconds)
        self.flows.set()


async def main():
    lines = [Line(int(port)) for port in sys.argv[1:]]
    for line in lines:
        print(await line.open(), flush=True)
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    stalls = set()
    while words := (await orders.readline()).split():
        line = lines[int(words[1])]
        if words[0] == b"cut":
            line.cut()
        else:
            stalls.add(asyncio.create_task(line.stall(float(words[2]))))


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
