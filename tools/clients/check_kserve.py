#!/usr/bin/env python3
"""Asks a running server through kserve's client, and checks what comes back.

As check_triton.py; in a process of its own, because both clients register the messages of the
protocol under the same names.
"""

import asyncio

import numpy as np
from common import MODEL, Asked, array, close, leave_out, too_young
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig


async def refused(name, call, *parts):
    try:
        await call
    except Exception as error:  # httpx's or gRPC's, with the status
        assert all(part in str(error) for part in parts), f"{name}: {error}"
        print(f"ok  {name}")
        return
    raise AssertionError(f"{name}: no error")


async def check(asked):
    base = f"http://{asked.http}"
    requests, right, rows = asked.requests, asked.right, asked.rows
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    answer = await v1.infer(base, data={"instances": rows}, model_name=MODEL)
    close("kserve v1", np.float32(answer["predictions"]), right)
    assert await v1.is_model_ready(base, MODEL)
    unknown = v1.is_model_ready(base, "nobody")
    await refused("kserve v1, unknown model", unknown, "404")
    explain = v1.explain(base, data={"instances": rows}, model_name=MODEL)
    await refused("kserve v1, no explanations", explain, "400", "explanations")
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await v2.is_server_ready(base) and await v2.is_server_live(base)
    assert await v2.is_model_ready(base, MODEL)

    def infer_request(request, binary):
        inputs = []
        for tensor in request["inputs"]:
            if leave_out(tensor, binary):
                continue
            one = InferInput(tensor["name"], [1], tensor["datatype"])
            one.set_data_from_numpy(array(tensor), binary_data=binary)
            inputs.append(one)
        return InferRequest(MODEL, inputs)

    for request, want in zip(requests, right):
        for binary in (True, False):
            answer = await v2.infer(base, infer_request(request, binary), model_name=MODEL)
            close(f"kserve v2, binary={binary}", answer.outputs[0].as_numpy(), [want])
    client = InferenceGRPCClient(asked.grpc)
    for request, want in zip(requests, right):
        for binary in (True, False):
            answer = await client.infer(infer_request(request, binary))
            close(f"kserve grpc, binary={binary}", answer.outputs[0].as_numpy(), [want])
    assert await client.is_server_ready() and await client.is_model_ready(MODEL)
    young = infer_request(too_young(requests[0]), True)
    await refused("kserve v2, too young", v2.infer(base, young, model_name=MODEL), "400", "`age`")
    await refused("kserve grpc, too young", client.infer(young), "INVALID_ARGUMENT", "`age`")


def main():
    asyncio.run(check(Asked(__doc__)))
    print("all checks passed")


if __name__ == "__main__":
    main()
