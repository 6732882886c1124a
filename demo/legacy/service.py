#!/usr/bin/env python3
"""A scoring service as one finds them: its own JSON, its own names, no idea of models.

    python3 demo/legacy/service.py 9500

`POST /api/v1/customers/{no}/score` with `{"CUST": {"AGE": 41, "INC": 3200, "EMP": true}, "SEGMENT": "west"}`
answers `{"RESULT": {"PD": "0.0106", "CLASS": "A"}}`. It is here to be wrapped (upstream.yaml), and to
misbehave on demand: `POST /mode/ok|slow|lying|flapping|broken|huge` says how it answers from now on.
Standard library only; one thread, keep-alive.
"""

import asyncio
import json
import math
import sys

SLOW_SECONDS = 2.0
MODES = ("ok", "slow", "lying", "flapping", "broken", "huge")


class Service(asyncio.Protocol):
    mode, count = "ok", 0

    def connection_made(self, transport):
        self.transport, self.bytes = transport, b""

    def data_received(self, data):
        self.bytes += data
        while (end := self.bytes.find(b"\r\n\r\n")) >= 0:
            head = self.bytes[:end].decode("latin-1").split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:])}
            size = end + 4 + int(headers.get("content-length", 0))
            if len(self.bytes) < size:
                return
            body, self.bytes = self.bytes[end + 4:size], self.bytes[size:]
            self.answer(head[0].split(" ")[1], body)

    def answer(self, path, body):
        if path.startswith("/mode/") and path[6:] in MODES:
            Service.mode, Service.count = path[6:], 0
            return self.reply(200, {"mode": Service.mode})
        Service.count += 1
        mode = Service.mode
        if mode == "flapping":
            mode = "broken" if Service.count // 50 % 2 else "ok"
        if mode == "broken":
            return self.reply(500, {"error": "ORA-01017"})
        if mode == "lying":
            return self.reply(200, {"RESULT": {"PD": "17", "CLASS": "?"}})
        if mode == "huge":
            return self.reply(200, {"RESULT": {"PD": "0" * (4 << 20)}})
        answer = score(json.loads(body))
        if mode == "slow":
            return asyncio.get_running_loop().call_later(SLOW_SECONDS, self.reply, 200, answer)
        self.reply(200, answer)

    def reply(self, status, answer):
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)


def score(asked):
    """Points since 2009; nobody knows who chose them."""
    customer = asked["CUST"]
    points = 2.1 + 0.02 * (customer["AGE"] - 18) + (customer["INC"] or 0) / 2500 + 0.7 * customer["EMP"]
    points -= {"north": 0.2, "west": 0.0}.get(asked["SEGMENT"], 0.1)
    pd = 1 / (1 + math.exp(points))
    return {"RESULT": {"PD": f"{pd:.4f}", "CLASS": "ABCDE"[min(4, int(pd * 20))]}}


async def main():
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", int(sys.argv[1]), backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
