"""Names: each loads what it says, and what is expected of every corpus has a word for its card."""

from __future__ import annotations

import pytest

from stages import registry
from stages.base import Reader


@pytest.mark.parametrize("name", [*registry.STAGES, registry.TOKENIZE])
def test_a_name_is_that_of_its_class(name: str) -> None:
    found = registry.load(name)
    assert found.name == name
    assert registry.canonical(f"{found.__module__}:{found.__name__}") == name


@pytest.mark.parametrize("name", registry.READERS)
def test_readers(name: str) -> None:
    assert issubclass(registry.find_reader(name), Reader)
    with pytest.raises(LookupError, match="unknown stage"):
        registry.find_stage(name)


@pytest.mark.parametrize("name", registry.EXPECTED)
def test_expected_stages_say_what_their_absence_means(name: str) -> None:
    stage = registry.find_stage(name)
    assert stage.caveat is not None
    assert "english, code" in stage.caveat.undone.format(datasets="english, code")
    assert stage.alters({})
    assert not stage.alters({"action": "annotate"})
