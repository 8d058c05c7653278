"""YAML that remembers the file and line of every value, so that error messages can name them.

Knows YAML, ``${ENV}`` references and ``--set`` overrides; does not know what the keys mean.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KeyPath = tuple[str | int, ...]
#: Larger files are not configs, or contain aliases that expand to themselves many times.
MOST_BYTES, MOST_VALUES = 4 << 20, 100_000
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}")


class ConfigError(Exception):
    """One or more mistakes in a config, one on each line: ``file:line: key: what``."""


@dataclass(frozen=True)
class Mark:
    """Where a value came from: a line of a file, or the command line."""

    origin: str
    line: int | None = None

    def __str__(self) -> str:
        return self.origin if self.line is None else f"{self.origin}:{self.line}"


@dataclass(frozen=True)
class Located:
    """A document as plain Python values, with a mark per key path."""

    value: dict[str, Any]
    marks: dict[KeyPath, Mark]
    path: Path

    def mark(self, key: KeyPath) -> Mark:
        """The mark of a key, or of the nearest key around it."""
        for length in range(len(key), -1, -1):
            if key[:length] in self.marks:
                return self.marks[key[:length]]
        return Mark(str(self.path), 1)

    def problem(self, key: KeyPath, what: str) -> str:
        """``file:line: key: what``."""
        name = ".".join(str(part) for part in key)
        return f"{self.mark(key)}: {name}: {what}" if name else f"{self.mark(key)}: {what}"

    def base(self, key: KeyPath) -> Path:
        """The directory that a relative path at this key is relative to: that of the config file, or the
        current directory for a value from the command line."""
        return self.path.parent if self.mark(key).line is not None else Path.cwd()


def load(path: Path, overrides: Iterable[str] = ()) -> Located:
    """Read a YAML file and apply ``overrides`` (``a.b=value``). ConfigError if it cannot be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigError(f"{path}: larger than {MOST_BYTES >> 20} MiB, so it is not a config")
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply to be a config") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: not YAML: {getattr(error, 'problem', None) or error}") from None
    marks: dict[KeyPath, Mark] = {}
    try:
        value = _Builder(str(path), marks).build(node, ()) if node is not None else {}
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply to be a config") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}:1: a config is a mapping of keys to values")
    located = Located(value, marks, path.resolve())
    for override in overrides:
        _override(located, override)
    return located


class _Builder:
    def __init__(self, origin: str, marks: dict[KeyPath, Mark], environment: bool = True) -> None:
        self.origin, self.marks, self.environment = origin, marks, environment
        self.loader = yaml.SafeLoader("")
        self.values = self.bytes = 0
        self.above: set[int] = set()  # nodes that are being built, from the root down

    def build(self, node: yaml.Node, key: KeyPath) -> Any:
        line = node.start_mark.line + 1
        self.values += 1
        self.bytes += len(node.value) if isinstance(node, yaml.ScalarNode) else 0
        if self.values > MOST_VALUES or self.bytes > MOST_BYTES:
            raise ConfigError(
                f"{self.origin}:{line}: more than a config may hold; do aliases refer to aliases?"
            )
        if id(node) in self.above:
            raise ConfigError(
                f"{self.origin}:{line}: an alias (`*`) refers to a mapping or list that contains it"
            )
        self.above.add(id(node))
        try:
            return self._build(node, key)
        finally:
            self.above.discard(id(node))

    def _build(self, node: yaml.Node, key: KeyPath) -> Any:
        self.marks.setdefault(key, Mark(self.origin, node.start_mark.line + 1))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*key, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            mapping: dict[Any, Any] = {}
            for key_node, value_node in node.value:
                if key_node.tag == "tag:yaml.org,2002:merge":
                    raise ConfigError(f"{self.origin}:{key_node.start_mark.line + 1}: `<<` is not supported")
                if not isinstance(key_node, yaml.ScalarNode):
                    line = key_node.start_mark.line + 1
                    raise ConfigError(f"{self.origin}:{line}: a key must be a word, not a list or a mapping")
                name = str(key_node.value)
                self.marks[(*key, name)] = Mark(self.origin, key_node.start_mark.line + 1)
                if name in mapping:
                    raise ConfigError(
                        f"{self.origin}:{key_node.start_mark.line + 1}: {name}: given twice in one mapping"
                    )
                mapping[name] = self.build(value_node, (*key, name))
            return mapping
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node)

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        line = node.start_mark.line + 1

        def look_up(match: re.Match[str]) -> str:
            name, default = match["name"], match["default"]
            found = os.environ.get(name)
            if default is not None and not found:  # as in a shell, an empty variable counts as not set
                found = default
            if found is None:
                raise ConfigError(
                    f"{self.origin}:{line}: ${{{name}}} is not set in the environment; "
                    f"set it, or write ${{{name}:-default}}"
                )
            return found

        try:
            text = _REFERENCE.sub(look_up, node.value) if self.environment else node.value
            if text != node.value:
                return _plain(text) if node.style is None else text
            value = self.loader.construct_object(node)
            if isinstance(value, str) and "\0" in value:
                raise ConfigError(
                    f"{self.origin}:{line}: contains the character U+0000, which is not allowed"
                )
            return value
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(f"{self.origin}:{line}: cannot be read: {error}") from None


def _plain(text: str) -> Any:
    """The value of an unquoted reference: never YAML. Numbers, true, false and null are read as in JSON;
    anything else is text."""
    if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", text):
        return json.loads(text)
    return {"true": True, "false": False, "null": None}.get(text, text)


def _override(located: Located, text: str) -> None:
    name, sign, raw = text.partition("=")
    mark = Mark(f"--set {_CREDENTIALS.sub('…@', text)}")
    if not sign or not name:
        raise ConfigError(f"{mark}: write it as key.key=value")
    try:
        node = yaml.compose(raw, Loader=yaml.SafeLoader)
        value = _Builder(str(mark), {}, environment=False).build(node, ()) if node is not None else None
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{mark}: the value is not YAML: {' '.join(str(error).split())}") from None
    container: Any = located.value
    key: list[str | int] = []
    parts = name.split(".")
    for position, part in enumerate(parts):
        index: str | int = part
        if isinstance(container, list):
            index = _index(container, part, mark)
            if isinstance(container[index], dict) and list(container[index]) == [part]:
                # a list of single-key mappings (stages) may be addressed by the key alone
                key.append(index)
                container, index = container[index], part
        elif not isinstance(container, dict):
            raise ConfigError(f"{mark}: {'.'.join(map(str, key))} holds a value, not keys")
        key.append(index)
        if position == len(parts) - 1:
            container[index] = value
        else:
            if isinstance(container, dict) and container.get(index) is None:
                container[index] = {}
            container = container[index]
    for stale in [known for known in located.marks if known[: len(key)] == tuple(key)]:
        del located.marks[stale]
    located.marks[tuple(key)] = mark


def _index(container: list[Any], part: str, mark: Mark) -> int:
    if part.isdigit() and int(part) < len(container):
        return int(part)
    named = [i for i, item in enumerate(container) if isinstance(item, dict) and part in item]
    if len(named) != 1:
        found = "no item" if not named else f"{len(named)} items"
        known = [str(key) for item in container if isinstance(item, dict) for key in item]
        close = difflib.get_close_matches(part, known, n=1) if not named else []
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ConfigError(f"{mark}: {found} {part!r} in this list of {len(container)}{hint}")
    return named[0]
