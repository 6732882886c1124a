"""The document: inputs, pipeline and model together."""

import json

import sklearn

from .check import compare
from .columns import Column, NotExportable, pipeline
from .models import model

FORMAT = "plimsoll-sklearn 1"


def export(fitted, path, feature_names=None, check=None):
    """Writes the fitted model or pipeline to `path`; raises NotExportable for what cannot be held exactly.

    With rows in `check` it is compared on them first: see check.compare.
    """
    made = document(fitted, feature_names)
    if check is not None:
        compare(made, fitted, check)
    with open(path, "w", encoding="utf-8") as file:
        # Python writes the shortest decimals that read back to the same bits.
        json.dump(made, file, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def document(fitted, feature_names=None):
    """The document as dictionaries and lists."""
    steps = fitted.steps if type(fitted).__name__ == "Pipeline" else [("model", fitted)]
    names = feature_names if feature_names is not None else getattr(fitted, "feature_names_in_", None)
    count = fitted.n_features_in_
    if names is not None and len(names) != count:
        raise NotExportable(f"{len(names)} feature names for {count} features")
    columns = pipeline(steps[:-1], [Column(index) for index in range(count)])
    scored, columns = model(steps[-1][1], columns)
    inputs = [{} if names is None else {"name": str(names[index])} for index in range(count)]
    blocks = join(columns)
    if names is not None:
        inputs, blocks = only_used(inputs, blocks)
        count = len(inputs)
    code_texts(inputs, blocks)
    made = {
        "format": FORMAT,
        "made_by": f"scikit-learn {sklearn.__version__}",
        "estimator": type(steps[-1][1]).__name__,
        "inputs": inputs,
    }
    if not is_identity(blocks, count):
        made["pipeline"] = blocks
    return {**made, **scored}


def only_used(inputs, blocks):
    """Named inputs that nothing is made of are left out: nobody need send them."""
    used = sorted({block["input"] for block in blocks})
    places = {index: place for place, index in enumerate(used)}
    return [inputs[index] for index in used], [{**block, "input": places[block["input"]]} for block in blocks]


def join(columns):
    """One-hot columns of one encoder stand together in one block, if all are there in order."""
    blocks = []
    at = 0
    while at < len(columns):
        column = columns[at]
        block = {"input": column.input}
        if column.steps:
            block["steps"] = [dict(step) for step in column.steps]
        width = 1
        if column.one_hot is not None:
            width = len(column.one_hot["one_hot"])
            together = columns[at : at + width]
            if column.place == 0 and all(c.one_hot is column.one_hot for c in together) and len(together) == width:
                block.update({key: value for key, value in column.one_hot.items() if value})
                block["one_hot"] = list(column.one_hot["one_hot"])
            else:
                # Chosen one by one: each a block of a single column.
                width = 1
                chosen = column.one_hot["one_hot"][column.place]
                others = [value for value in column.one_hot["one_hot"] if value is not chosen]
                block["one_hot"] = [chosen]
                block["without_column"] = others + column.one_hot["without_column"]
                if column.one_hot["refuses_unknown"]:
                    block["refuses_unknown"] = True
        blocks.append(block)
        at += width
    return blocks


def lists(block):
    """The lists of a block that hold raw values, until a step has made numbers of them."""
    for step in block.get("steps", []):
        if step["do"] in ("fill", "replace", "is", "find"):
            yield step["with"]
        if step["do"] not in ("fill", "replace"):
            return
    for key in ("one_hot", "without_column"):
        if key in block:
            yield block[key]


def code_texts(inputs, blocks):
    """An input with texts becomes a category: its texts are listed once, and stand as their places."""
    for index, described in enumerate(inputs):
        own = [values for block in blocks if block["input"] == index for values in lists(block)]
        texts = list(dict.fromkeys(value for values in own for value in values if isinstance(value, str)))
        if not texts:
            continue
        places = {text: place for place, text in enumerate(texts)}
        for values in own:
            if any(not isinstance(value, str) and value is not None for value in values):
                raise NotExportable(f"an input with texts and numbers (input {index})")
            values[:] = [None if value is None else places[value] for value in values]
        for block in (block for block in blocks if block["input"] == index):
            if not is_encoded(block):
                raise NotExportable(f"a text that is not encoded (input {index})")
        described["values"] = texts
        described["takes_unknown"] = all(takes_unknown(block) for block in blocks if block["input"] == index)


def is_encoded(block):
    """Whether a block makes numbers of texts."""
    steps = (step["do"] for step in block.get("steps", []))
    return "one_hot" in block or any(do in ("find", "is", "is_missing") for do in steps)


def takes_unknown(block):
    """Whether a text that is in none of a block's lists has a place."""
    found = [step for step in block.get("steps", []) if step["do"] == "find"]
    if found:
        return "unknown" in found[0]
    return not block.get("refuses_unknown", False)


def is_identity(blocks, count):
    plain = [block for block in blocks if set(block) == {"input"}]
    return len(plain) == len(blocks) == count and [block["input"] for block in plain] == list(range(count))
