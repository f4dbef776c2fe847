#!/usr/bin/env python3
"""A proxy in front of one server that holds each request back for a while.

    slow_proxy.py LISTEN_PORT TARGET_PORT MILLISECONDS [LOG]

One thread, HTTP/1.1 with keep-alive on both sides.  LOG gets a line an answer:
the clock (CLOCK_MONOTONIC, as seen by every process) when its last byte was handed
to the client's socket.
"""
import asyncio
import re
import sys
import time

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)


async def serve(reader, writer, port, delay, log):
    up_reader, up_writer = await asyncio.open_connection(
        "127.0.0.1", port, limit=1 << 22)
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if delay:
                await asyncio.sleep(delay)
            up_writer.write(head)
            answer = await up_reader.readuntil(b"\r\n\r\n")
            body = await up_reader.readexactly(
                int(LENGTH.search(answer).group(1)))
            writer.write(answer + body)
            await writer.drain()
            if log:
                log.write("%.6f\n" % time.monotonic())
                log.flush()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
        up_writer.close()


async def main():
    listen, target, ms = (int(a) for a in sys.argv[1:4])
    log = open(sys.argv[4], "w") if len(sys.argv) > 4 else None
    server = await asyncio.start_server(
        lambda r, w: serve(r, w, target, ms / 1000, log),
        "127.0.0.1", listen, limit=1 << 22, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
