"""Evaluates a document in plain Python and compares it with scikit-learn.

Slow and simple on purpose: it shares nothing with the evaluator it stands in for.
"""

import math

import numpy as np

TOLERANCE = 1e-9


def compare(made, fitted, rows):
    """Raises ValueError at the first row that differs by more than TOLERANCE."""
    if hasattr(fitted, "predict_proba"):
        expected = fitted.predict_proba(rows)
        expected = expected[:, 1:] if made["output"] == "probability" else expected
    else:
        expected = np.asarray(fitted.predict(rows)).reshape(len(rows), -1)
    if hasattr(rows, "columns"):
        rows = rows[[described["name"] for described in made["inputs"]]]
    table = rows.to_numpy(dtype=object) if hasattr(rows, "to_numpy") else np.asarray(rows, dtype=object)
    for index, (row, wanted) in enumerate(zip(table, expected)):
        found = predict(made, row)
        for one, other in zip(found, wanted):
            if not abs(one - other) <= TOLERANCE * max(1.0, abs(other)):
                raise ValueError(f"row {index}: the document gives {one!r}, scikit-learn {other!r}")


def predict(made, row):
    """Outputs of a row of raw values."""
    values = [code(described, value) for described, value in zip(made["inputs"], row)]
    columns = [made_ for block in made["pipeline"] for made_ in columns_of(block, values[block["input"]])] \
        if "pipeline" in made else values
    margins = trees(made["trees"], columns) if "trees" in made else linear(made["linear"], columns)
    transform = made.get("transform", "identity")
    if transform == "expit":
        return [1.0 / (1.0 + math.exp(-m)) if m > -700 else 0.0 for m in margins]
    if transform == "exp":
        return [math.exp(m) for m in margins]
    if transform == "softmax":
        powers = [math.exp(m - max(margins)) for m in margins]
        return [power / sum(powers) for power in powers]
    return margins


def code(described, value):
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    if "values" in described:
        return float(described["values"].index(value)) if value in described["values"] else -1.0
    return float(value)


def columns_of(block, value):
    for step in block.get("steps", []):
        value = apply(step, value)
    if "one_hot" not in block:
        return [value]
    same = [math.isnan(value) if one is None else value == one for one in block["one_hot"]]
    return [float(hot) for hot in same]


def apply(step, value):
    do, numbers = step["do"], step["with"]
    if do == "fill":
        return float(numbers[0]) if math.isnan(value) else value
    if do == "replace":
        return float(numbers[1]) if value == numbers[0] else value
    if do == "is_missing":
        return float(math.isnan(value))
    if do == "is":
        return float(value == numbers[0])
    if do == "find":
        if not math.isnan(value) and value in numbers:
            return float(numbers.index(value))
        other = step["missing" if math.isnan(value) else "unknown"]
        return math.nan if other is None else float(other)
    if do == "clip":
        return min(max(value, numbers[0]), numbers[1])
    other = numbers[0]
    return {"subtract": value - other, "multiply": value * other, "add": value + other,
            "divide": value / other if other else math.nan}[do]


def linear(part, columns):
    width = len(columns)
    rows = [part["coefficients"][at : at + width] for at in range(0, len(part["coefficients"]), width)]
    return [sum(w * x for w, x in zip(row, columns)) + b for row, b in zip(rows, part["intercepts"])]


def trees(part, columns):
    if part["single"]:
        columns = [float(np.float32(value)) for value in columns]
    sums = list(part["base"])
    for tree in part["trees"]:
        node = 0
        sets = {one["node"]: one for one in tree.get("sets", [])}
        while tree["left"][node] != -1:
            value = columns[tree["feature"][node]]
            if math.isnan(value):
                left = tree["missing_left"][node]
            elif node in sets:
                left = (value in sets[node]["codes"]) == sets[node]["members_left"]
            else:
                threshold = tree["threshold"][node]
                left = threshold is None or value <= threshold
            node = tree["left"][node] if left else tree["right"][node]
        width = len(tree["value"]) // len(tree["left"])
        for place, value in enumerate(tree["value"][node * width : (node + 1) * width]):
            sums[tree.get("group", place) if width == 1 else place] += value
    return [total / len(part["trees"]) for total in sums] if part["mean"] else sums
