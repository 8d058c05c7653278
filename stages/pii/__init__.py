"""Personal data and secrets in text: found, counted, redacted. ``stage`` is the pipeline's step around it."""

from stages.pii.find import KINDS, Hit, Redacted, find, redact

__all__ = ["KINDS", "Hit", "Redacted", "find", "redact"]
