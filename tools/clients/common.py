"""What the checks share: the demo's requests, the right answers, and how to compare."""

import argparse
import json
import urllib.error
import urllib.request

import numpy as np

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


def leave_out(tensor, binary):
    """Null is NaN in raw floats; elsewhere the arrays of the clients have no word for it."""
    return tensor["data"][0] is None and not (binary and tensor["datatype"] == "FP64")


def array(tensor):
    value = tensor["data"][0]
    if tensor["datatype"] == "BYTES":
        return np.array([value.encode()], dtype=np.object_)
    return np.array([np.nan if value is None else value], dtype=DTYPES[tensor["datatype"]])


def too_young(request):
    request = json.loads(json.dumps(request))
    for tensor in request["inputs"]:
        if tensor["name"] == "age":
            tensor["data"] = [7]
    return request


class Asked:
    """The requests, and what the plain JSON of the Open Inference Protocol gets for them."""

    def __init__(self, doc):
        parser = argparse.ArgumentParser(description=doc.splitlines()[0])
        parser.add_argument("http", help="address of the data listener")
        parser.add_argument("grpc", help="address that answers gRPC")
        parser.add_argument("requests", help="requests in JSON, one per line")
        args = parser.parse_args()
        self.http, self.grpc = args.http, args.grpc
        with open(args.requests, encoding="utf-8") as lines:
            self.requests = [json.loads(line) for line in lines][:5]
        self.rows = [{one["name"]: one["data"][0] for one in r["inputs"]} for r in self.requests]
        path = f"/v2/models/{MODEL}/infer"
        answers = [post(self.http, path, request) for request in self.requests]
        assert all(status == 200 for status, _ in answers), answers
        outputs = [answer["outputs"][0] for _, answer in answers]
        self.output = outputs[0]["name"]
        self.texts = [output["data"][0] for output in outputs]
        # As the model says them, in 32 bits.
        self.right = [float(np.float32(number)) for number in self.texts]
