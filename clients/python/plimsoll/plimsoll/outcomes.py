"""What turned out to be true about decisions, from rows or pandas."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional

from .tensors import plain, to_rows

if TYPE_CHECKING:
    from .client import Client

#: Outcomes of one request.
AT_ONCE = 10_000


@dataclass
class Recorded:
    """What became of outcomes. What is recorded is durable."""

    recorded: int = 0
    #: Recorded before: the same outcome is taken once, so that all can be told again.
    known: int = 0
    refused: int = 0
    #: Of each, in order: `state`, `decision`, `outcome` (its id), and `code` and `why` if refused.
    items: List[Dict[str, Any]] = field(default_factory=list)

    def frame(self, index: Any = None) -> Any:
        """What became of each, as a pandas DataFrame."""
        import pandas

        return pandas.DataFrame(self.items, index=index)


class Outcomes:
    """`client.outcomes`: tell what turned out to be true."""

    def __init__(self, client: "Client"):
        self._client = client

    def record(self, outcomes: Any, *, columns: Optional[Mapping[str, str]] = None,
               path: str = "/api/v1/outcomes", **same: Any) -> Recorded:
        """Tells outcomes: a mapping, several, or a DataFrame.

        Each has `decision` (or `correlation` and `deployment`), `value` or `relevance`, and perhaps
        `row`, `name`, `observed_at`, `source`, `annotator`, `id`, `corrects`, `reason`. `columns`
        maps these words to columns that are called otherwise; further arguments are the same for
        all. One that is refused does not stop the others: see `refused` and `items`.

            client.outcomes.record(frame, columns={"decision": "decision_id", "value": "defaulted"},
                                   source="core-banking")
        """
        rows = [self._outcome(row, columns or {}, same) for row in to_rows(outcomes)]
        total = Recorded()
        for start in range(0, len(rows), AT_ONCE):
            answer = self._client._call("POST", path, {}, {"outcomes": rows[start:start + AT_ONCE]})
            total.recorded += answer["recorded"]
            total.known += answer["known"]
            total.refused += answer["refused"]
            total.items += [{**item, "place": item["place"] + start} for item in answer["items"]]
        return total

    def record_attributes(self, attributes: Any, *, columns: Optional[Mapping[str, str]] = None,
                          **same: Any) -> Recorded:
        """Tells attributes of people that fairness is measured by and no model is given. As
        `record`, with the attribute's `name`."""
        return self.record(attributes, columns=columns, path="/api/v1/attributes", **same)

    @staticmethod
    def _outcome(row: Mapping[str, Any], columns: Mapping[str, str], same: Mapping[str, Any]) -> Dict[str, Any]:
        if columns:
            row = {word: row[column] for word, column in columns.items()}
        told = {name: plain(value) for name, value in {**same, **row}.items()}
        if isinstance(told.get("row"), float):
            # pandas makes floats of integers with gaps.
            told["row"] = int(told["row"])
        return {name: value for name, value in told.items() if value is not None}
