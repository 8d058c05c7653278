"""Which licence holds for a file, of all that it and the notices around it say.

    1. an SPDX tag in it, beside it (``NAME.license``), or about it in REUSE.toml       tag
    2. a licence text, a named licence or terms in its comments                         header
    3. a file that it points to                                                         header
    4. from its folder up, in the nearest folder where something is said:
       files of terms                                                                   file
       a package's manifest, where there are none or they leave a choice open           manifest
       README, NOTICE                                                                   notice
       files of terms in LICENSES/, docs/ and the like                                  file
    5. what the host says of the repository                                             repository

A file of terms whose text is not known ends the way up: the answer is ``LicenseRef-unknown``. Nothing is
averaged: what is said nearer counts, and a contradiction is told (``Resolved.conflict``).

Knows paths, texts and what they say. Does not know documents, nor what is kept.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from stages.licenses.detect import NOTHING, Role, Statement, statement, tags
from stages.licenses.expressions import Expression, both, either, single
from stages.licenses.groups import RANK, UNKNOWN
from stages.licenses.manifests import declared
from stages.licenses.names import kind, scope
from stages.licenses.table import UNKNOWN_ID, Table, table

By = Literal["tag", "header", "notice", "file", "manifest", "repository"]
_PERMISSIVE = RANK["permissive"]
#: Names of the file of terms that is for all of a folder; others say in their name what they are for.
_MAIN = re.compile(
    r"(?:un)?licen[sc]es?(?:\.(?:txt|md|markdown|rst|html?|adoc|org))*|copying(?:\.(?:txt|md|rst))?"
    r"|copyright(?:\.(?:txt|md))?|"
    r"licen[sc]ing(?:\.\w+)?|[a-z]+[-_](?:license|copying)(?:\.\w+)?|license[-_][a-z]+\.txt",
    re.IGNORECASE,
)
_PLAIN = re.compile(
    r"(?:un)?licen[sc]e(?:\.(?:txt|md|markdown|rst|html?|adoc|org))*|copying(?:\.(?:txt|md|rst))?",
    re.IGNORECASE,
)
#: Parts of a work that a file of terms is for, by its name.
_PART = re.compile(
    r"docs?\b|documentation|fonts?|logos?|icons?|images?|weights?|models?|data(?:set)?s?\b|third|3rd"
    r"|notes?\b|extra|assets|art\b|media|"
    r"bundled|vendor|deps|dependenc|header|template|contrib|examples?|tests?\b|ofl",
    re.IGNORECASE,
)
_CODE_OF_CONDUCT = re.compile(r"conduct|security|governance", re.IGNORECASE)
_PROSE = re.compile(r"\.(?:md|markdown|mkd|rst|rest|adoc|asciidoc|textile|org|rdoc)$", re.IGNORECASE)


class Notice(NamedTuple):
    path: str
    text: str


class Resolved(NamedTuple):
    """``expression`` is None where nothing is said."""

    expression: Expression | None
    by: By | None
    path: str | None  # of the file that says it
    conflict: str | None = None  # what its folder says, where the file itself says otherwise


class _Found(NamedTuple):
    expression: Expression
    by: By
    path: str
    vague: bool = False


def role(path: str) -> Role:
    """How the text of a file is read."""
    what = kind(path)
    if what in ("licence", "companion"):
        return "terms"
    return "prose" if what == "prose" or _PROSE.search(path) else "source"


def resolve(
    path: str,
    text: str,
    notices: Sequence[Notice] = (),
    repository: str | None = None,
    groups: Table | None = None,
    bundles: Literal["first", "all"] = "first",
) -> Resolved:
    """The licence of a file with its ``text``, the ``notices`` that may speak for it (nearest first, as
    ``names.Notices`` orders them), and what the host says of the ``repository``.

    ``bundles``: of a file of terms with several licences, that are no choice, whether the first one counts,
    which is that of the work, or all.
    """
    groups = groups or table()
    own = _own(path, text, notices)
    around = _around(path, tuple(notices), bundles)
    if own is not None and own.expression is not None:
        if own.vague and around is not None and _likewise(own.expression, around.expression):
            return Resolved(around.expression, own.by, own.path)
        conflict = _conflict(own, around, groups) if kind(path) is None else None
        return Resolved(own.expression, own.by, own.path, conflict)
    if around is not None:
        return Resolved(around.expression, around.by, around.path)
    if repository and repository.upper() not in ("NOASSERTION", "NONE", "OTHER"):
        expression = groups.expression(repository)
        return Resolved(expression or single(UNKNOWN_ID), "repository", None)
    return Resolved(None, None, None)


class _Own(NamedTuple):
    expression: Expression | None
    by: By
    path: str
    vague: bool = False


def _own(path: str, text: str, notices: Sequence[Notice]) -> _Own | None:
    for notice in notices:
        what = kind(notice.path)
        if what == "companion" and notice.path == f"{path}.license":
            found = tags(notice.text) or statement(notice.text, "terms").expression
            if found is not None:
                return _Own(found, "tag", notice.path)
        elif what == "reuse" and (found := _annotated(notice, path)) is not None:
            return _Own(found, "tag", notice.path)
    said = statement(text, role(path))
    if kind(path) == "manifest" and said.how != "tag":
        declaration = declared(path.rpartition("/")[2], text)
        if declaration is not None:
            return _Own(declaration, "manifest", path)
    if said.expression is not None and not (said.how == "limits" and said.pointers and notices):
        # of a file of terms itself all counts that it holds
        told = _whole(said, "all") if kind(path) == "licence" else said.expression
        return _Own(told, "tag" if said.how == "tag" else "header", path, said.vague)
    if (pointed := _pointed(said, notices)) is not None:
        return _Own(pointed.expression, "header", pointed.path)
    if said.substantial:
        return _Own(single(UNKNOWN_ID), "header", path)
    return None


def _pointed(said: Statement, notices: Sequence[Notice]) -> _Found | None:
    """What a file says that this text points to by a name that is not just "LICENSE": for that, it is the
    nearest one anyway."""
    for pointer in said.pointers:
        name = pointer.rpartition("/")[2].lower()
        for notice in notices:
            if notice.path.rpartition("/")[2].lower() == name and not _PLAIN.fullmatch(name):
                found = statement(notice.text, "terms")
                if found.expression is not None:
                    return _Found(found.expression, "file", notice.path)
                if found.substantial:
                    return _Found(single(UNKNOWN_ID), "file", notice.path)
    return None


def _likewise(vague: Expression, precise: Expression) -> bool:
    """Whether families of licences ("BSD-style") are those of an expression."""
    families = [
        {re.split(r"[-\d]", id)[0].lower() for id in expression.ids()} for expression in (vague, precise)
    ]
    return families[0] == families[1]


def _conflict(own: _Own, around: _Found | None, groups: Table) -> str | None:
    if around is None or own.expression is None:
        return None
    mine, theirs = (expression.group(groups.group) for expression in (own.expression, around.expression))
    if UNKNOWN in (mine, theirs) or mine == theirs or max(RANK[mine], RANK[theirs]) <= _PERMISSIVE:
        return None
    return f"{own.expression} in the file, {around.expression} in {around.path}"


@lru_cache(maxsize=4096)
def _around(path: str, notices: tuple[Notice, ...], bundles: str) -> _Found | None:
    # the path only matters by its folder, but files of a folder share their notices
    held: _Found | None = None
    for folder, level in _levels(path, notices):
        found = _level(folder, tuple(level), bundles)
        if held is not None:
            # "the BSD license", says a README, and a folder above has which one
            if found is not None:
                return found if _likewise(held.expression, found.expression) else held
        elif found is not None and found.vague:
            held = found
        elif found is not None:
            return found
    return held


def _levels(path: str, notices: Sequence[Notice]) -> Iterator[tuple[str, list[Notice]]]:
    """Notices by the folder that they speak for, the nearest first."""
    levels: dict[str, list[Notice]] = {}
    for notice in notices:
        if notice.path == path or kind(notice.path) == "companion":
            continue
        levels.setdefault(scope(notice.path, path), []).append(notice)
    for folder in sorted(levels, key=lambda name: (-len(name), name)):
        yield folder, levels[folder]


@lru_cache(maxsize=4096)
def _level(folder: str, notices: tuple[Notice, ...], bundles: str) -> _Found | None:
    """What the notices of one folder say together."""
    terms: list[Notice] = []
    aside: list[Notice] = []
    manifests: list[Notice] = []
    prose: list[Notice] = []
    for notice in notices:
        what, place = kind(notice.path), notice.path.rpartition("/")[0]
        if what == "licence":
            (terms if place == folder or _installed(notice.path) else aside).append(notice)
        elif what == "manifest" and (place == folder or _installed(notice.path)):
            manifests.append(notice)
        elif what == "prose" and place == folder:
            prose.append(notice)
    declarations = list(_declared(manifests))
    sentences = list(_sentences(prose))
    found = _of_terms(terms, [*declarations, *sentences], bundles)
    if found is not None:
        return found
    if declarations:
        return declarations[0]
    if sentences:
        return sentences[0]
    # licences of manuals lie beside those of programs
    programs = [notice for notice in aside if not _of_manuals(notice)]
    return _of_terms(programs or aside, [], bundles)


def _of_manuals(notice: Notice) -> bool:
    found = statement(notice.text, "terms").expression
    return found is not None and all(id.startswith(("GFDL-", "CC-BY-")) for id in found.ids())


def _installed(path: str) -> bool:
    return ".dist-info/" in path or ".egg-info/" in path


def _declared(manifests: Sequence[Notice]) -> Iterator[_Found]:
    for notice in sorted(manifests, key=lambda notice: notice.path):
        found = declared(notice.path.rpartition("/")[2], notice.text)
        if found is not None:
            yield _Found(found, "manifest", notice.path)


def _sentences(prose: Sequence[Notice]) -> Iterator[_Found]:
    def order(notice: Notice) -> tuple[int, str]:
        name = notice.path.rpartition("/")[2].lower()
        return (0 if name.startswith("readme") else 1 if name.startswith("notice") else 2), notice.path

    for notice in sorted(prose, key=order):
        if _CODE_OF_CONDUCT.search(notice.path) or order(notice)[0] == 2:
            continue
        found = statement(notice.text, "prose")
        if found.expression is not None:
            yield _Found(found.expression, "notice", notice.path, found.vague)


def _of_terms(terms: Sequence[Notice], others: Sequence[_Found], bundles: str) -> _Found | None:
    """What files of terms say; ``others`` (manifest, README) decide where they leave a choice open."""
    said = [(notice, statement(notice.text, "terms")) for notice in terms]
    main = [
        (notice, item)
        for notice, item in said
        if _MAIN.fullmatch(_name(notice)) and not _PART.search(_name(notice))
    ]
    if plain := [(notice, item) for notice, item in main if _PLAIN.fullmatch(_name(notice))]:
        main = plain  # those with a word in front are of something that is used
    rest = [(notice, item) for notice, item in said if not _PART.search(_name(notice))]
    chosen = (
        main if any(item.expression is not None or item.substantial for _, item in main) else rest or said
    )
    open_ = [
        (notice, item)
        for notice, item in main
        if item.expression is None and not item.substantial and item.pointers
    ]
    if open_ and rest:  # "either of the licences in LICENSE.A or LICENSE.B"
        pointed = [
            (notice, item)
            for notice, item in rest
            if item.expression is not None
            and any(_name(notice).lower() in pointer.lower() for _, o in open_ for pointer in o.pointers)
        ]
        if pointed:
            notice = open_[0][0]
            parts = [item.expression for _, item in pointed if item.expression is not None]
            joined = either(parts) if re.search(r"\beither\b|\bor\b", notice.text) else both(parts)
            return _Found(joined, "file", notice.path)
        chosen = rest
    known = [(notice, item) for notice, item in chosen if item.expression is not None]
    lesser = [(notice, item) for notice, item in rest if _all(item, "LGPL-")]
    if lesser and all(_all(item, "GPL-") for _, item in known):
        known = lesser  # COPYING beside COPYING.LESSER
    if not known:
        unknown = [notice for notice, item in chosen if item.substantial]
        if not unknown:
            return None
        return _Found(single(UNKNOWN_ID), "file", unknown[0].path)
    parts = [_whole(item, bundles) for _, item in known]
    first = known[0][0].path
    ids = _plain({id for part in parts for id in part.ids()})
    for other in others:
        told = _plain(set(other.expression.ids()))
        if (
            told == ids
            or (len(ids) > 1 and told < ids and len(known) > 1)
            or (ids < told and other.expression.kind == "or")
        ):
            return _Found(
                other.expression if told != ids or len(ids) > 1 else _precise(parts, other), "file", first
            )
    if len(known) > 1:
        joined = _joined([(notice, part) for (notice, _), part in zip(known, parts, strict=True)])
    else:
        joined = parts[0]
    return _Found(joined, "file", first)


def _all(item: Statement, start: str) -> bool:
    return item.expression is not None and all(id.startswith(start) for id in item.expression.ids())


def _precise(parts: Sequence[Expression], other: _Found) -> Expression:
    """Of the same licence, how a manifest spells it ("or later"), which the text leaves open."""
    return other.expression if other.by == "manifest" or parts[0].kind == "id" else parts[0]


def _whole(item: Statement, bundles: str) -> Expression:
    assert item.expression is not None
    if bundles == "all" and item.bundle:
        return both([item.expression, *(single(id) for id in item.bundle)])
    return item.expression


def _plain(ids: set[str]) -> set[str]:
    return {re.sub(r"-(?:only|or-later)$", "", id) for id in ids}


def _joined(known: Sequence[tuple[Notice, Expression]]) -> Expression:
    """Several files of terms in one folder. The GPL beside the LGPL is part of it; files named by licences
    (LICENSE-MIT, LICENSE-APACHE) are a choice among permissive ones; otherwise all hold."""
    distinct: list[Expression] = []
    for _, part in known:
        if part not in distinct:
            distinct.append(part)
    ids = {id for part in distinct for id in part.ids()}
    if any(id.startswith("LGPL-") for id in ids):
        distinct = [part for part in distinct if not all(id.startswith("GPL-") for id in part.ids())]
    if len({*_plain(ids)}) == 1:
        return distinct[0]
    if all(RANK[part.group(table().group)] <= _PERMISSIVE for part in distinct):
        return either(distinct)
    return both(distinct)


def _name(notice: Notice) -> str:
    return notice.path.rpartition("/")[2]


def _annotated(notice: Notice, path: str) -> Expression | None:
    """What REUSE.toml or .reuse/dep5 says of a file."""
    folder = scope(notice.path, path)
    inside = path[len(folder) + 1 :] if folder else path
    found: str | None = None
    for patterns, license in _annotations(notice.path.rpartition("/")[2], notice.text):
        if any(_fits(inside, pattern) for pattern in patterns):
            found = license  # the last one that fits counts
    return (table().expression(found) or single(UNKNOWN_ID)) if found else None


def _fits(path: str, pattern: str) -> bool:
    expression = re.escape(pattern).replace(r"\*\*", "\0").replace(r"\*", "[^/]*").replace("\0", ".*")
    return re.fullmatch(expression, path) is not None or fnmatch.fnmatchcase(path, pattern)


@lru_cache(maxsize=64)
def _annotations(name: str, text: str) -> tuple[tuple[tuple[str, ...], str], ...]:
    result: list[tuple[tuple[str, ...], str]] = []
    if name == "REUSE.toml":
        try:
            rows = tomllib.loads(text).get("annotations", [])
        except tomllib.TOMLDecodeError:
            return ()
        for row in rows if isinstance(rows, list) else []:
            license = row.get("SPDX-License-Identifier") if isinstance(row, dict) else None
            paths = row.get("path", []) if isinstance(row, dict) else []
            listed = (paths,) if isinstance(paths, str) else tuple(str(item) for item in paths)
            if isinstance(license, list):
                license = " AND ".join(f"({item})" for item in license)
            if isinstance(license, str):
                result.append((listed, license))
        return tuple(result)
    for paragraph in re.split(r"\n\s*\n", text):
        files = re.search(r"^Files:\s*(.*(?:\n[ \t].*)*)", paragraph, re.MULTILINE)
        license = re.search(r"^License:[ \t]*(\S.*)$", paragraph, re.MULTILINE)
        if files and license:
            # * of this format also crosses folders
            patterns = tuple(pattern.replace("*", "**") for pattern in files[1].split())
            result.append((patterns, license[1].strip()))
    return tuple(result)


__all__ = ["NOTHING", "Notice", "Resolved", "resolve", "role"]
