"""The embedded inference engine. It knows tokens and tensors, not documents.

Importing this needs no torch; using ``Engine`` does (``pip install 'nanocorpus[model]'``).
"""

from typing import TYPE_CHECKING, Any

from model.requests import Completion, Request, Thinking

if TYPE_CHECKING:
    from model.engine import Engine

__all__ = ["Completion", "Engine", "Request", "Thinking"]


def __getattr__(name: str) -> Any:
    if name != "Engine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from model.engine import Engine
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "safetensors"):
            raise
        raise ImportError(f"model.Engine needs {error.name}: pip install 'nanocorpus[model]'") from error
    return Engine
