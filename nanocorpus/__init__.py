"""The names that people import: ``from nanocorpus import render, run, BlendedReader, Engine``.

Nothing is defined here: each name is imported from its module when it is first used, so that importing this
package is fast and needs neither Ray nor torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from model import Engine as Engine
    from pipeline.api import run as run
    from pipeline.blend import BlendedReader as BlendedReader
    from stages.render import render as render

__version__ = "0.1.0"

_PLACES = {
    "BlendedReader": "pipeline.blend",
    "Engine": "model",
    "render": "stages.render",
    "run": "pipeline.api",
}

__all__ = ["BlendedReader", "Engine", "__version__", "render", "run"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_PLACES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
