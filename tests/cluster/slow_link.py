#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a host sends and gets by TCP goes through here, and takes longer.

    tests/cluster/slow_link.py PORT MS MS

Listens on PORT of every address, to which iptables redirects the connections
of this host, those that it opens and those that it accepts (slow() in
hosts.sh). Each is opened again to where it was to go, with mark 1 so that it
is not redirected once more. What comes on either side goes on to the other one
after a time that is drawn for each piece between both limits, in order. When
it ends all of its connections do.
"""
import asyncio
import random
import socket
import struct
import sys

SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h
PIECE_BYTES = 1 << 16


async def carry(reader, writer, low, high):
    """Pieces from one side to the other; each waits from when it came."""
    loop = asyncio.get_running_loop()
    pieces = asyncio.Queue(256)

    async def deliver():
        while True:
            due, piece = await pieces.get()
            await asyncio.sleep(due - loop.time())
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
        writer.write_eof()

    async def collect():
        piece = True
        while piece:
            piece = await reader.read(PIECE_BYTES)
            await pieces.put((loop.time() + random.uniform(low, high), piece))

    await asyncio.gather(collect(), deliver())


def destination(connection):
    """Where it was to go before it was redirected."""
    address = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
    port, host = struct.unpack("!2xH4s8x", address)
    return socket.inet_ntoa(host), port


async def accepted(reader, writer, low, high):
    onward = socket.socket()
    onward.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 1)
    onward.setblocking(False)
    ends = [writer]
    try:
        await asyncio.get_running_loop().sock_connect(
            onward, destination(writer.get_extra_info("socket")))
        other_reader, other_writer = await asyncio.open_connection(sock=onward)
        ends.append(other_writer)
        await asyncio.gather(carry(reader, other_writer, low, high),
                             carry(other_reader, writer, low, high))
    except OSError:
        onward.close()  # one side is gone, and the other goes, too
    for end in ends:
        end.transport.abort()


async def main():
    port, low, high = (int(argument) for argument in sys.argv[1:])
    server = await asyncio.start_server(
        lambda reader, writer: accepted(reader, writer, low / 1000,
                                        high / 1000), "0.0.0.0", port)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
