#!/usr/bin/env python3
"""Asks a running server through Triton's clients and in plain bodies, and checks what comes back.

The server has the demo's deployment `credit-default` and declares it as the default one. Every
answer must be the one that the plain JSON of the Open Inference Protocol gets, every refusal
must arrive as the client's own error. Ends with 1 at the first check that fails.

    python tools/clients/check_triton.py 127.0.0.1:8080 127.0.0.1:8080 \
        demo/credit/requests.jsonl
"""

import asyncio
import collections
import random

import grpc
import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_grpc_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from tritonclient.grpc import service_pb2
from common import BAD_KEY, MODEL, Asked, array, close, fails, leave_out, post, too_young


def check_tables(asked):
    """MLflow's and TensorFlow Serving's bodies, as their clients write them."""
    address, rows, right = asked.http, asked.rows, asked.texts
    names = list(rows[0])
    split = {"columns": names, "data": [[row[name] for name in names] for row in rows]}
    for path, body in [
        ("/invocations", {"dataframe_split": split}),
        ("/invocations", {"dataframe_records": rows}),
        (f"/deployments/{MODEL}/invocations", {"inputs": {n: [r[n] for r in rows] for n in names}}),
        (f"/v1/models/{MODEL}:predict", {"instances": rows, "signature_name": "serving_default"}),
    ]:
        status, answer = post(address, path, body)
        assert status == 200, answer
        close(path, answer["predictions"], right)
    status, answer = post(address, "/invocations", {"messages": []})
    assert (status, answer["error_code"]) == (400, "BAD_REQUEST"), answer
    status, answer = post(address, "/v1/models/nobody:predict", {"instances": rows})
    assert status == 404 and "unknown model" in answer["error"], answer
    status, answer = post(address, "/invocations", {"instances": rows}, BAD_KEY)
    assert status == 401, answer


def triton_inputs(module, request, **how):
    """The tensors of a request."""
    inputs = []
    for tensor in request["inputs"]:
        if leave_out(tensor, how.get("binary_data", True)):
            continue
        one = module.InferInput(tensor["name"], [1], tensor["datatype"])
        one.set_data_from_numpy(array(tensor), **how)
        inputs.append(one)
    return inputs


def check_triton_http(address, requests, right, output):
    client = triton_http.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    assert not client.is_model_ready("nobody")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    assert client.get_model_metadata(MODEL)["outputs"][0]["name"] == output
    assert client.get_model_repository_index()[0]["state"] == "READY"
    for request, want in zip(requests, right):
        for binary in (True, False):
            inputs = triton_inputs(triton_http, request, binary_data=binary)
            for asked in (None, [triton_http.InferRequestedOutput(output, binary_data=not binary)]):
                answer = client.infer(MODEL, inputs, outputs=asked, request_id="mine")
                assert answer.get_response()["id"] == "mine"
                close(f"triton http, binary={binary}", answer.as_numpy(output), [want])
    compressed = client.infer(
        MODEL, triton_inputs(triton_http, requests[0], binary_data=True),
        request_compression_algorithm="gzip",
    )
    close("triton http, gzip", compressed.as_numpy(output), [right[0]])
    inputs = triton_inputs(triton_http, requests[0])
    young = triton_inputs(triton_http, too_young(requests[0]))
    fails("triton http, unknown model", lambda: client.infer("nobody", inputs), "Request for unknown model")
    fails("triton http, too young", lambda: client.infer(MODEL, young), "`age`")
    fails("triton http, bad key", lambda: client.infer(MODEL, inputs, headers=dict(BAD_KEY)), "key")
    fails("triton http, load", lambda: client.load_model(MODEL), "governed release")
    fails("triton http, unload", lambda: client.unload_model(MODEL), "governed release")


def check_triton_grpc(address, requests, right, output):
    client = triton_grpc.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready(MODEL)
    assert client.get_server_metadata().name == "plimsoll"
    assert client.get_model_metadata(MODEL).outputs[0].name == output
    assert client.get_model_repository_index().models[0].name == MODEL
    for request, want in zip(requests, right):
        answer = client.infer(MODEL, triton_inputs(triton_grpc, request), request_id="mine")
        assert answer.get_response().id == "mine"
        close("triton grpc", answer.as_numpy(output), [want])
    inputs = triton_inputs(triton_grpc, requests[0])
    young = triton_inputs(triton_grpc, too_young(requests[0]))
    fails("triton grpc, unknown model", lambda: client.infer("nobody", inputs), "NOT_FOUND", "unknown model")
    fails("triton grpc, version", lambda: client.infer(MODEL, inputs, "9"), "NOT_FOUND")
    fails("triton grpc, too young", lambda: client.infer(MODEL, young), "INVALID_ARGUMENT", "`age`")
    fails("triton grpc, bad key", lambda: client.infer(MODEL, inputs, headers=dict(BAD_KEY)), "UNAUTHENTICATED")
    fails("triton grpc, load", lambda: client.load_model(MODEL), "PERMISSION_DENIED", "governed release")
    fails("triton grpc, statistics", lambda: client.get_inference_statistics(), "UNIMPLEMENTED")
    stranger = triton_grpc.InferInput("nobody", [1], "FP64")
    stranger.set_data_from_numpy(np.zeros(1))
    fails("triton grpc, unknown field", lambda: client.infer(MODEL, [stranger]), "INVALID_ARGUMENT")
    huge = triton_grpc.InferInput("age", [4_000_000], "INT64")
    huge.set_data_from_numpy(np.zeros(4_000_000, dtype=np.int64))
    fails("triton grpc, too large", lambda: client.infer(MODEL, [huge]), "RESOURCE_EXHAUSTED")


async def check_triton_aio(http, rpc, requests, right, output):
    async with triton_http_aio.InferenceServerClient(http) as client:
        answer = await client.infer(MODEL, triton_inputs(triton_http_aio, requests[0]))
        close("triton http aio", answer.as_numpy(output), [right[0]])
    async with triton_grpc_aio.InferenceServerClient(rpc) as client:
        answers = [client.infer(MODEL, triton_inputs(triton_grpc_aio, one)) for one in requests]
        for answer, want in zip(await asyncio.gather(*answers), right):
            close("triton grpc aio", answer.as_numpy(output), [want])


def check_mutants(address, requests):
    """Messages that are broken somewhere: an answer or the caller's error, never ours."""
    rng = random.Random(1)
    inputs = triton_inputs(triton_grpc, requests[0])
    message = service_pb2.ModelInferRequest(model_name=MODEL)
    for one in inputs:
        message.inputs.append(one._get_tensor())
        message.raw_input_contents.append(one._get_content())
    good = bytearray(message.SerializeToString())
    theirs = {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}
    with grpc.insecure_channel(address) as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        seen = collections.Counter()
        for _ in range(500):
            message = bytearray(good)
            for _ in range(rng.randrange(1, 4)):
                place = rng.randrange(len(message))
                change = rng.choice(["set", "cut", "add"])
                if change == "set":
                    message[place] = rng.randrange(256)
                elif change == "cut":
                    del message[place:place + rng.randrange(1, 9)]
                else:
                    message[place:place] = bytes(rng.randrange(256) for _ in range(3))
            try:
                infer(bytes(message))
                seen["OK"] += 1
            except grpc.RpcError as error:
                seen[error.code().name] += 1
    assert set(seen) <= theirs and seen["INVALID_ARGUMENT"] > 100, seen
    print(f"ok  500 broken messages: {dict(seen)}")


def check_health(address):
    """`grpc.health.v1` without its generated code: field 1 is the service, and the status."""
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert check(b"") == b"\x08\x01", "SERVING"
        name = b"inference.GRPCInferenceService"
        assert check(b"\x0a" + bytes([len(name)]) + name) == b"\x08\x01"
        fails("health of another service", lambda: check(b"\x0a\x01x"), "NOT_FOUND")
        fails("a message that lies", lambda: check(b"\x0a\x7fx"), "INVALID_ARGUMENT")
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        fails("an empty inference", lambda: infer(b""), "NOT_FOUND")
        fails("an inference that is none", lambda: infer(b"\xff" * 64), "INVALID_ARGUMENT")
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
        fails("health, watched", lambda: list(watch(b"")), "UNIMPLEMENTED")
    squeezed = grpc.insecure_channel(address, compression=grpc.Compression.Gzip)
    with squeezed as channel:
        infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        fails("a compressed message", lambda: infer(b"\x0a\x01x" * 200), "UNIMPLEMENTED")


def main():
    asked = Asked(__doc__)
    check_tables(asked)
    rest = (asked.requests, asked.right, asked.output)
    check_triton_http(asked.http, *rest)
    for address in {asked.grpc, asked.http}:
        check_triton_grpc(address, *rest)
        check_health(address)
    check_mutants(asked.grpc, asked.requests)
    asyncio.run(check_triton_aio(asked.http, asked.grpc, *rest))
    print("all checks passed")


if __name__ == "__main__":
    main()
