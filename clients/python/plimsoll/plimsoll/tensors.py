"""Rows of a contract's fields as tensors of the Open Inference Protocol, and back."""

from __future__ import annotations

import datetime
import math
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Union

Row = Mapping[str, Any]
#: One row, several, or a pandas DataFrame whose columns are the contract's fields.
Rows = Union[Row, Iterable[Row], Any]


def to_rows(rows: Rows) -> List[Row]:
    """Rows as a list of mappings, whatever they came as."""
    if isinstance(rows, Mapping):
        return [rows]
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        return rows.to_dict(orient="records")
    rows = list(rows)
    if not all(isinstance(row, Mapping) for row in rows):
        raise TypeError("rows are mappings of field names to values, or a pandas DataFrame")
    return rows


def to_tensors(rows: Sequence[Row], fields: Sequence[Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """One tensor for each of `fields` (the metadata's inputs) that a row names.

    A field that no row has is left out, so that the contract says whether it may be; an unknown
    name is sent as it is, so that the contract refuses it by name.
    """
    if not rows:
        raise ValueError("there is no row to decide on")
    known = {field["name"]: field for field in fields}
    names = [name for name in known if any(name in row for row in rows)]
    names += [name for name in dict.fromkeys(name for row in rows for name in row) if name not in known]
    return [tensor(name, known.get(name), [row.get(name) for row in rows]) for name in names]


def tensor(name: str, field: Any, values: Sequence[Any]) -> Dict[str, Any]:
    datatype = field["datatype"] if field else "BYTES"
    inner = [size for size in (field or {}).get("shape", [-1])[1:]]
    data = [plain(value) for value in values]
    if datatype == "BYTES":
        data = [value if value is None or isinstance(value, str) else _text(value) for value in data]
    elif datatype.startswith(("INT", "UINT")):
        # pandas makes floats of integers with gaps.
        data = [int(v) if isinstance(v, float) and v.is_integer() else v for v in data]
    shape = [len(values), *inner] if inner != [1] else [len(values)]
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def plain(value: Any) -> Any:
    """A value as JSON has it: numpy's scalars, pandas' missing values, dates."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, datetime.datetime):
        # A pandas NaT is one, and unequal to itself. A time without a zone is one in UTC.
        if value != value:
            return None
        return (value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)).isoformat()
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value


def _text(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


def columns(outputs: Iterable[Mapping[str, Any]]) -> Dict[str, List[Any]]:
    """Outputs as columns with a value, or a list of them, per row."""
    found = {}
    for output in outputs:
        rows = output["shape"][0] if output["shape"] else 1
        data = output["data"]
        width = len(data) // rows if rows else 0
        found[output["name"]] = (
            data if width <= 1 else [data[at:at + width] for at in range(0, len(data), width)])
    return found
