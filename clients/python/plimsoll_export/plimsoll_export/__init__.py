"""Writes fitted scikit-learn models and pipelines as `plimsoll-sklearn 1`, JSON that Plimsoll serves."""

from .document import NotExportable, document, export

__all__ = ["NotExportable", "document", "export"]
__version__ = "0.1.0"
