"""Writes what both training scripts write: contracts, provenance, request bodies, digests."""

import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent

DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES",
             "string": "BYTES", "timestamp": "BYTES"}


def digest(content):
    """SHA-256 of bytes or of a file, as hexadecimal digits."""
    data = content if isinstance(content, bytes) else Path(content).read_bytes()
    return hashlib.sha256(data).hexdigest()


def request_body(pairs):
    """One row as a request of the Open Inference Protocol, every field a tensor of its own."""
    inputs = [{"name": rule["name"], "shape": [1], "datatype": DATATYPES[rule["kind"]], "data": [v]}
              for rule, v in pairs]
    return json.dumps({"inputs": inputs}, separators=(",", ":"))


def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines))


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1) + "\n")


def write_expected(path, margins, probabilities):
    """Golden answers. Shortest decimal texts of 32-bit floats: reading them as f32 is exact."""
    text = lambda numbers: "[\n" + ",\n".join(str(np.float32(v)) for v in numbers) + "\n]"
    path.write_text(f'{{"margins": {text(margins)},\n"probabilities": {text(probabilities)}}}\n')


def write_contract(path, heading, features, context, mapping):
    """The contract as YAML, with the same words as the type `Contract` of plimsoll-contract."""
    lines = [f"# {line}" for line in heading] + ["version: 1", "features:"]
    for rule in features:
        lines += field_lines(rule)
    lines.append("context:")
    for rule in context:
        lines += field_lines(rule)
    lines += ["map:", "  subjects:"] + [f"    - field: {name}" for name in mapping["subjects"]]
    lines += [f"  {key}: {{ field: {mapping[key]} }}" for key in ("interaction", "event_time")
              if key in mapping]
    lines += ["  slices:"] + [f"    - field: {name}" for name in mapping["slices"]]
    lines += ["limits:", "  max_rows: 64", "  max_body_bytes: 131072", "  error_detail: full"]
    write_lines(path, lines)


def field_lines(rule):
    lines = [f"  - name: {rule['name']}", f"    kind: {rule['kind']}"]
    if "unit" in rule:
        lines.append(f"    unit: {rule['unit']}")
    lines.append(f"    description: {json.dumps(rule['description'])}")
    for key in ("min", "max", "max_length"):
        if key in rule:
            lines.append(f"    {key}: {rule[key]}")
    if "values" in rule:
        lines.append(f"    values: [{', '.join(rule['values'])}]")
    if "pattern" in rule:
        lines.append(f"    pattern: '{rule['pattern']}'")
    if rule.get("nullable"):
        lines.append("    nullable: true")
    if "cls" in rule:
        lines.append(f"    class: {rule['cls']}")
    if "on_violation" in rule:
        lines.append(f"    on_violation: {rule['on_violation']}")
    return lines


def provenance(scripts, libraries, **facts):
    """Where a model comes from. No date: the same inputs must give the same bytes."""
    return {
        "format": 1,
        "scripts": {f"demo/{name}": digest(HERE / name) for name in scripts},
        "libraries": {"python": ".".join(platform.python_version_tuple()[:2])}
        | {name: metadata.version(name) for name in libraries},
        **facts,
    }


def auc(truth, score):
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half."""
    truth = np.asarray(truth, dtype=bool)
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    positive, negative = truth.sum(), (~truth).sum()
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def metrics(truth, probability):
    """Discrimination and calibration on rows that were not trained on."""
    truth = np.asarray(truth, dtype=float)
    p = np.clip(np.asarray(probability, dtype=float), 1e-7, 1 - 1e-7)
    return {
        "rows": len(truth),
        "positives": int(truth.sum()),
        "auc": round(auc(truth, p), 4),
        "log_loss": round(float(-(truth * np.log(p) + (1 - truth) * np.log(1 - p)).mean()), 4),
        "brier": round(float(((p - truth) ** 2).mean()), 4),
    }
