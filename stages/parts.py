"""Loops that other loops call, compiled as parts of those.

Numba makes machine code of each function that a loop calls, and then again of all of them together, which
the processor runs. The former is needed only if Python calls the function too; without it, compiling takes a
third less time. Knows Numba's compiler and libraries of code. Does not know where machine code is kept
(``compiled``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import codegen, compiler, dispatcher
from numba.core.compiler_lock import global_compiler_lock

# Numba is not typed.
_Library: Any = codegen.JITCodeLibrary
_Compiler: Any = compiler.Compiler
_Functions: Any = vars(dispatcher)["_FunctionCompiler"]
_lock: Any = global_compiler_lock


class _Part(_Library):  # type: ignore[misc]
    """Code that is optimised, and made machine code, in the libraries that it is linked into."""

    def add_linking_library(self, library: Any) -> None:
        self._linking_libraries.append(library)

    def finalize(self) -> None:
        self._finalized = True


class _Whole(_Library):  # type: ignore[misc]
    """Code that links the parts of its parts too."""

    def add_linking_library(self, library: Any) -> None:
        if library not in self._linking_libraries:
            super().add_linking_library(library)
            for inner in library._linking_libraries if isinstance(library, _Part) else ():
                self.add_linking_library(inner)


class _PartFunctions(_Functions):  # type: ignore[misc]
    def _customize_flags(self, flags: Any) -> Any:
        flags.no_compile = True
        return flags


class _PartCompiler(_Compiler):  # type: ignore[misc]
    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        super().__init__(typing, target, library or _Part(target.codegen(), "part"), *rest)


class WholeCompiler(_Compiler):  # type: ignore[misc]
    """Compiles loops that have parts."""

    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        if library is None:
            library = _Whole(target.codegen(), "whole")
            library.enable_object_caching()
        super().__init__(typing, target, library, *rest)


def compile_as_part(kernel: Any) -> Callable[[tuple[Any, ...]], bool]:
    """A function that compiles ``kernel`` for types of arguments as a part of the loop that is being compiled
    in this thread, if there is one; whether it did. Python cannot call what that makes: if it calls the same
    loop, that is compiled again."""
    options = kernel.targetoptions | {"no_cpython_wrapper": True}
    functions = _PartFunctions(kernel.py_func, kernel.targetdescr, options, {}, _PartCompiler)
    parts: dict[tuple[Any, ...], Any] = {}

    def compile_part(types: tuple[Any, ...]) -> bool:
        if not _lock.is_locked():
            if kernel.overloads.get(types) is parts.get(types, kernel):
                del kernel.overloads[types], parts[types]
            return False
        if types not in kernel.overloads:
            part = functions.compile(types, None)
            parts[types] = kernel.overloads[types] = part = part._replace(entry_point=part.fndesc)
            kernel.targetctx.insert_user_function(part.entry_point, part.fndesc, [part.library])
        return True

    return compile_part
