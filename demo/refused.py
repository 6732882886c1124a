"""Requests that the demo's contract must refuse: one good request, broken in one way each.

Every line of demo/credit/refused.jsonl has `why`, the expected `code` and `field` (null when no
field is at fault), and the `body` as text, because some of these are not JSON.
"""

import copy
import json


def lines(good):
    """The broken requests as lines of JSON."""
    return [json.dumps({"why": why, "code": code, "field": field, "body": body}, separators=(",", ":"))
            for why, code, field, body in cases(json.loads(good), good)]


def cases(good, text):
    def changed(name, /, **members):
        body = copy.deepcopy(good)
        next(tensor for tensor in body["inputs"] if tensor["name"] == name).update(members)
        return json.dumps(body, separators=(",", ":"))

    def value(name, new):
        return changed(name, data=[new])

    def bare(name, token):
        return value(name, "@").replace('"@"', token)

    missing = json.dumps({"inputs": [t for t in good["inputs"] if t["name"] != "amount"]})
    nobody = json.dumps({"inputs": [t for t in good["inputs"] if t["name"] != "customer_id"]})
    twice = json.dumps({"inputs": good["inputs"] + [good["inputs"][-1]]})
    last = good["inputs"][-1]["name"]
    return [
        ("below the least age", "out_of_range", "age", value("age", 17)),
        ("above the greatest amount", "out_of_range", "amount", value("amount", 75_000.01)),
        ("a purpose nobody offers", "not_allowed_value", "purpose", value("purpose", "yacht")),
        ("an age of null", "null_not_allowed", "age", value("age", None)),
        ("an age with a fraction", "wrong_kind", "age", value("age", 30.5)),
        ("an income as text", "wrong_kind", "income", value("income", "2000")),
        ("a number for a boolean", "wrong_kind", "verified", value("verified", 1)),
        ("an integer no reader keeps exactly", "integer_unsafe", "debt",
         bare("debt", "9007199254740993")),
        ("a bare NaN", "bare_nan", "income", bare("income", "NaN")),
        ("a number beyond the double", "out_of_range", "income", bare("income", "1e999")),
        ("a field missing", "missing_field", "amount", missing),
        ("nobody the decision is about", "missing_field", "customer_id", nobody),
        ("a field twice", "duplicate_field", last, twice),
        ("a field of no contract", "unknown_field", None, changed("age", name="agee")),
        ("a key twice", "duplicate_key", None, text.replace('"data":', '"data":["A100000000"],"data":', 1)),
        ("two rows of data for one of shape", "shape_mismatch", "age", changed("age", data=[30, 31])),
        ("a datatype of another kind", "datatype_mismatch", "age", changed("age", datatype="BYTES")),
        ("a customer number of another form", "pattern_mismatch", "customer_id",
         value("customer_id", "C12345X")),
        ("a customer number too long", "too_long", "customer_id", value("customer_id", "C" * 300)),
        ("a day that does not exist", "invalid_timestamp", "submitted_at",
         value("submitted_at", "2026-02-30T00:00:00Z")),
        ("nested too deep", "nesting_too_deep", None, '{"inputs":' + "[" * 500 + "]" * 500 + "}"),
        ("no inputs", "malformed_envelope", None, '{"outputs":[]}'),
        ("half a body", "malformed_json", None, text[: len(text) // 2]),
        ("something after the end", "malformed_json", None, text + "{}"),
    ]
