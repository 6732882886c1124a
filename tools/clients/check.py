#!/usr/bin/env python3
"""Asks a running server through the clients that people use, and checks what comes back.

The server has the demo's deployment `credit-default` and declares it as the default one. Every
answer must be the one that the plain JSON of the Open Inference Protocol gets, every refusal
must arrive as the client's own error. Ends with 1 at the first check that fails.

    python tools/clients/check.py --http 127.0.0.1:8080 --grpc 127.0.0.1:8080 \
        --requests demo/credit/requests.jsonl
"""

import argparse
import asyncio
import json
import urllib.error
import urllib.request

import grpc
import numpy as np
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_grpc_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio

MODEL = "credit-default"
DTYPES = {"INT64": np.int64, "FP64": np.float64, "BOOL": np.bool_, "BYTES": np.object_}
BAD_KEY = {"authorization": "Bearer plim_nobody"}


def post(address, path, body, headers=None):
    """Status and JSON of a plain request."""
    headers = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(f"http://{address}{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def close(name, got, want):
    got = np.asarray(got, dtype=np.float64).reshape(-1)
    assert np.array_equal(got, want), f"{name}: {got} is not {want}"
    print(f"ok  {name}")


def fails(name, call, *parts):
    """The call fails with an error that says each of `parts`."""
    try:
        call()
    except Exception as error:  # each client has its own
        said = f"{type(error).__name__} {error}"
        assert all(part in said for part in parts), f"{name}: {said}"
        print(f"ok  {name}: {said[:90]}")
        return
    raise AssertionError(f"{name}: no error")


def array(tensor):
    value = tensor["data"][0]
    if tensor["datatype"] == "BYTES":
        return np.array([value.encode()], dtype=np.object_)
    return np.array([np.nan if value is None else value], dtype=DTYPES[tensor["datatype"]])


def triton_inputs(module, request, **how):
    """The tensors of a request. JSON has no NaN, so what is null is left out there."""
    inputs = []
    for tensor in request["inputs"]:
        if tensor["data"][0] is None and how.get("binary_data") is False:
            continue
        one = module.InferInput(tensor["name"], [1], tensor["datatype"])
        one.set_data_from_numpy(array(tensor), **how)
        inputs.append(one)
    return inputs


def too_young(request):
    request = json.loads(json.dumps(request))
    for tensor in request["inputs"]:
        if tensor["name"] == "age":
            tensor["data"] = [7]
    return request


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
    fails("triton http, bad key", lambda: client.infer(MODEL, inputs, headers=BAD_KEY), "key")
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
    fails("triton grpc, bad key", lambda: client.infer(MODEL, inputs, headers=BAD_KEY), "UNAUTHENTICATED")
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


async def check_kserve(http, rpc, requests, right, output):
    from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
    from kserve.inference_client import RESTConfig

    base = f"http://{http}"
    rows = [{one["name"]: one["data"][0] for one in request["inputs"]} for request in requests]
    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    answer = await v1.infer(base, data={"instances": rows}, model_name=MODEL)
    close("kserve v1", np.float32(answer["predictions"]), right)
    assert await v1.is_model_ready(base, MODEL)
    assert not await v1.is_model_ready(base, "nobody")
    try:
        await v1.explain(base, data={"instances": rows}, model_name=MODEL)
    except Exception as error:  # httpx's, with the status
        assert "400" in str(error), error
    else:
        raise AssertionError("a deployment that does not explain did")
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await v2.is_server_ready(base) and await v2.is_server_live(base)
    assert await v2.is_model_ready(base, MODEL)

    def infer_request(request, binary):
        inputs = []
        for tensor in request["inputs"]:
            if tensor["data"][0] is None and not binary:
                continue
            one = InferInput(tensor["name"], [1], tensor["datatype"])
            one.set_data_from_numpy(array(tensor), binary_data=binary)
            inputs.append(one)
        return InferRequest(MODEL, inputs)

    for request, want in zip(requests, right):
        for binary in (True, False):
            answer = await v2.infer(base, infer_request(request, binary))
            close(f"kserve v2, binary={binary}", answer.outputs[0].as_numpy(), [want])
    client = InferenceGRPCClient(rpc)
    for request, want in zip(requests, right):
        for binary in (True, False):
            answer = await client.infer(infer_request(request, binary))
            close(f"kserve grpc, binary={binary}", answer.outputs[0].as_numpy(), [want])
    assert await client.is_server_ready() and await client.is_model_ready(MODEL)


def check_tables(address, requests, right):
    """MLflow's and TensorFlow Serving's bodies, as their clients write them."""
    rows = [{one["name"]: one["data"][0] for one in request["inputs"]} for request in requests]
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--http", required=True, help="address of the data listener")
    parser.add_argument("--grpc", required=True, help="address that answers gRPC")
    parser.add_argument("--requests", required=True, help="requests in JSON, one per line")
    args = parser.parse_args()
    with open(args.requests, encoding="utf-8") as lines:
        requests = [json.loads(line) for line in lines][:5]
    answers = [post(args.http, f"/v2/models/{MODEL}/infer", request) for request in requests]
    assert all(status == 200 for status, _ in answers), answers
    output = answers[0][1]["outputs"][0]["name"]
    # As the model says them, in 32 bits.
    right = [float(np.float32(answer["outputs"][0]["data"][0])) for _, answer in answers]
    tables = [answer["outputs"][0]["data"][0] for _, answer in answers]
    check_tables(args.http, requests, tables)
    check_triton_http(args.http, requests, right, output)
    for address in {args.grpc, args.http}:
        check_triton_grpc(address, requests, right, output)
        check_health(address)
    asyncio.run(check_triton_aio(args.http, args.grpc, requests, right, output))
    asyncio.run(check_kserve(args.http, args.grpc, requests, right, output))
    print("all checks passed")


if __name__ == "__main__":
    main()
