"""Plimsoll from Python: decisions, explanations, and everything that runs them."""

from . import types
from .client import Answer, AsyncClient, Client
from .errors import PlimsollError, Problem, Refused, Unavailable, Unreachable
from .outcomes import Outcomes, Recorded

__all__ = ["Answer", "AsyncClient", "Client", "Outcomes", "PlimsollError", "Problem", "Recorded", "Refused",
           "Unavailable", "Unreachable", "types"]
__version__ = "0.1.0"
