"""What goes wrong, as exceptions. Program against `code`; `detail` is for people."""

from __future__ import annotations

from typing import Any, Mapping, Optional


class PlimsollError(Exception):
    """Everything that this package raises."""


class Unreachable(PlimsollError):
    """The server could not be asked, or hung up. Whether it recorded a decision is not known:
    ask again with the same `idempotency_key`, if you gave one."""


class Problem(PlimsollError):
    """The server said no (RFC 9457)."""

    def __init__(self, status: int, body: Mapping[str, Any], retry_after: Optional[float] = None):
        self.status = status
        #: The stable word for it, such as `out_of_range`.
        self.code: str = str(body.get("code") or "unknown")
        #: What went wrong, for people. It never holds a value that was sent.
        self.detail: str = str(body.get("detail") or body.get("title") or "")
        self.hint: Optional[str] = body.get("hint")
        #: The phase that refused an inference request, such as `validate`.
        self.phase: Optional[str] = body.get("phase")
        #: The field and the row (from 0) at fault, and the rule that was broken.
        self.field: Optional[str] = body.get("field")
        self.row: Optional[int] = body.get("row")
        self.rule: Optional[str] = body.get("rule")
        #: The refusal is a decision, too: its record.
        self.decision_id: Optional[str] = body.get("decision_id")
        self.request_id: Optional[str] = body.get("request_id")
        #: Seconds after which asking again makes sense.
        self.retry_after = retry_after
        where = "".join(f" {name} {value}" for name, value in
                        (("field", self.field), ("row", self.row)) if value is not None)
        hint = f" ({self.hint})" if self.hint else ""
        super().__init__(f"{status} {self.code}:{where + ':' if where else ''} {self.detail}{hint}")


class Refused(Problem):
    """The request is not one that is answered: not authorized, against the contract, not found."""


class Unavailable(Problem):
    """Not now: overloaded, draining, or the ledger takes no records."""


def problem(status: int, body: Any, retry_after: Optional[str]) -> Problem:
    """The exception for an answer that is no success."""
    try:
        seconds = float(retry_after) if retry_after else None
    except ValueError:
        seconds = None
    body = body if isinstance(body, Mapping) else {}
    kind = Unavailable if status in (429, 502, 503, 504) else Refused if status < 500 else Problem
    return kind(status, body, seconds)
