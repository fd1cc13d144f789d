#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speaks the protocol badly to a broker on loopback.

    bad_frames.py PORT CASE

The broker must close the connection by itself within 10 s (exit 0); exit 1
when it answers as if nothing were wrong, or holds on.
"""
import os
import socket
import struct
import sys
import zlib

TIMEOUT_SECONDS = 10


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(header, attachment=b""):
    return struct.pack("<III", 8 + len(header) + len(attachment),
                       len(header), crc32c(header)) + header + attachment


# correlation_id 1, hello_request {version_min 1, version_max 1}
HELLO = bytes([0x08, 0x01, 0x52, 0x04, 0x08, 0x01, 0x10, 0x01])
NOISE = bytes((i * 197 + 13) % 251 for i in range(4096))

CASES = {
    # text of another protocol
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "noise": NOISE,
    # 4 GiB announced
    "huge": struct.pack("<III", 0xFFFFFFFF, 16, 0) + NOISE,
    # a header longer than its frame
    "header-too-long": struct.pack("<III", 100, 0xFFFFFF00, 0) + NOISE,
    "empty": struct.pack("<III", 8, 0, 0),
    # the right lengths, a wrong checksum
    "checksum": struct.pack("<III", 8 + len(HELLO), len(HELLO),
                            zlib.crc32(HELLO)) + HELLO,
    # the right checksum, no message
    "no-message": frame(b"\xff" * 64),
    # a request before the hello exchange
    "no-hello": frame(bytes([0x08, 0x01, 0x6A, 0x00])),
    # half a frame, and then silence
    "half": frame(HELLO)[:15],
    "half-prefix": frame(HELLO)[:5],
    # nothing at all
    "silence": b"",
    # a good hello, then noise
    "hello-then-noise": frame(HELLO) + NOISE,
    # a second hello
    "hello-twice": frame(HELLO) + frame(HELLO),
    # a version that nobody speaks
    "version": frame(bytes([0x08, 0x01, 0x52, 0x06, 0x08, 0xE7, 0x07, 0x10,
                            0xE7, 0x07])),
}


def closed_by_peer(connection):
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except socket.timeout:
        return False
    return True


def main():
    if len(sys.argv) == 2 and sys.argv[1] == "list":
        print("\n".join(CASES))
        return
    port, case = int(sys.argv[1]), sys.argv[2]
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(TIMEOUT_SECONDS)
        name = "127.0.0.1:%d" % connection.getsockname()[1]
        try:
            connection.sendall(CASES[case])
        except ConnectionError:
            pass
        if not closed_by_peer(connection):
            print(f"{case}: the broker holds on", file=sys.stderr)
            os._exit(1)
    print(name)


if __name__ == "__main__":
    main()
