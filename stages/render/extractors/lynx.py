"""The real text browser: ``lynx -dump``, one process per page, the next one started ahead.

A lynx process renders one page and ends. As distributed that takes 24 ms for a page of 128 kB, of which 20
are for starting. This is reduced as follows:

- a ``lynx.cfg`` of our own. With Debian's, lynx starts shells to test the programs of ``/etc/mailcap``, which
  no dump needs: starting takes 4 ms instead of 20.
- no initialisation of GnuTLS, which only https needs: another 0.6 ms.
- the page comes through a pipe that lynx opens as ``/dev/stdin``, where ``-stdin`` copies it to a temporary
  file; the text goes to shared memory. Nothing is written to disk.
- the next process starts while the last one renders. It waits in its first read, which costs nothing; this
  helps if a second core is free.

Text is decoded before it comes here. Lynx uses the first charset that a page names, whatever its options say,
so every page is encoded as UTF-8 and starts with a ``<meta charset=utf-8>``; NUL, at which lynx stops
reading, is left out, as browsers do in text.

Lynx processes do not outlive this one: all are in the process group of a shell that waits until a pipe from
here is closed and then kills its group, however this process ended. Needs Linux (memfd, pidfd).
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import select
import shutil
import signal
import subprocess
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal

from stages.render.extractors.base import ExtractionError, Text, shows_text, title
from stages.render.guards import to_parse

_OPTIONS = [
    *("-dump", "-nolist", "-dont_wrap_pre", "-force_html", "-localhost"),
    "-width=1024",  # the longest lines that lynx can print
    *("-assume_charset=utf-8", "-display_charset=utf-8"),
    "/dev/stdin",
]
_ENVIRONMENT = {
    "LYNX_CFG": str(Path(__file__).with_name("lynx_cfg.txt")),
    "LYNX_LSS": "/dev/null",  # colours
    "GNUTLS_NO_IMPLICIT_INIT": "1",
    "TERM": "dumb",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
}
_CHARSET = b"<meta charset=utf-8>\n"

#: Bytes of address space of a process: ordinary pages need 60 MB.
_MEMORY = 2 << 30
#: Bytes of text: the text of a page of rules (<hr>) is 250 times as long as the page.
_OUTPUT = 256 << 20

#: Kills its process group when the other end of its standard input is closed.
_KEEPER = ("/bin/sh", "-c", "read _; kill -KILL 0")


class _Process:
    """A lynx process that waits for its page."""

    def __init__(self, command: list[str], group: int, seconds: float) -> None:
        theirs, self._pipe = os.pipe()
        self._out = os.memfd_create("lynx-text")
        self._err = os.memfd_create("lynx-errors")
        self._ended = -1
        try:
            self._process = subprocess.Popen(
                command,
                stdin=theirs,
                stdout=self._out,
                stderr=self._err,
                env=_ENVIRONMENT,
                cwd="/",
                process_group=group,
            )
            self._ended = os.pidfd_open(self._process.pid)
        except BaseException:
            self._close()
            raise
        finally:
            os.close(theirs)
        os.set_blocking(self._pipe, False)
        cpu = math.ceil(seconds) + 1
        for kind, limit in (
            (resource.RLIMIT_CPU, cpu),
            (resource.RLIMIT_AS, _MEMORY),
            (resource.RLIMIT_FSIZE, _OUTPUT),
            (resource.RLIMIT_CORE, 0),
        ):
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(self._process.pid, kind, (limit, limit))

    def waits(self) -> bool:
        """Whether it still waits for a page."""
        return self._process.poll() is None

    def render(self, page: bytes, seconds: float, meanwhile: Callable[[], None]) -> tuple[int, bytes, bytes]:
        """Exit status, output and errors. TimeoutError when it takes longer than ``seconds``.

        ``meanwhile`` is called when lynx has the whole page.
        """
        until = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self._pipe, select.POLLOUT)
        poll.register(self._ended, select.POLLIN)
        rest = memoryview(page)
        while rest and not any(fd == self._ended for fd, _ in self._wait(poll, until)):
            try:
                rest = rest[os.write(self._pipe, rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                break  # it has stopped reading: its exit status says why
        poll.unregister(self._pipe)
        os.close(self._pipe)
        self._pipe = -1
        meanwhile()
        self._wait(poll, until)
        return self._process.wait(), _contents(self._out), _contents(self._err)

    @staticmethod
    def _wait(poll: select.poll, until: float) -> list[tuple[int, int]]:
        left = until - time.monotonic()
        if left <= 0 or not (events := poll.poll(left * 1000)):
            raise TimeoutError
        return events

    def kill(self) -> None:
        """Kills it, whatever it is doing."""
        self._process.kill()

    def close(self) -> None:
        """Reaps it after it has ended or been killed."""
        self._process.wait()
        self._close()

    def _close(self) -> None:
        for descriptor in (self._pipe, self._out, self._err, self._ended):
            if descriptor >= 0:
                os.close(descriptor)
        self._pipe = self._out = self._err = self._ended = -1


def _contents(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


class _Pool:
    """The keeper and the one lynx process that waits. Belongs to the process that made it."""

    def __init__(self, command: list[str], seconds: float) -> None:
        self._command = command
        self._seconds = seconds
        self.owner = os.getpid()
        self._keeper = subprocess.Popen(_KEEPER, stdin=subprocess.PIPE, cwd="/", process_group=0)
        self._waiting: _Process | None = None

    def alive(self) -> bool:
        return self._keeper.poll() is None

    def _start(self) -> None:
        self._waiting = _Process(self._command, self._keeper.pid, self._seconds)

    def render(self, page: bytes) -> tuple[int, bytes, bytes]:
        if self._waiting is not None and not self._waiting.waits():
            self._waiting.close()
            self._waiting = None
        if self._waiting is None:
            self._start()
        process = self._waiting
        assert process is not None
        self._waiting = None
        try:
            return process.render(page, self._seconds, self._start)
        except BaseException:
            process.kill()
            self.kill()
            raise
        finally:
            process.close()

    def kill(self) -> None:
        """Kills the keeper and its process group, and reaps the processes known here."""
        if self.owner != os.getpid():
            return
        if self._keeper.returncode is None:  # not reaped yet, so the id still belongs to its group
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._keeper.pid, signal.SIGKILL)
        self._keeper.wait()
        self.forget()
        if self._waiting is not None:
            self._waiting.kill()
            self._waiting.close()
            self._waiting = None

    def forget(self) -> None:
        """Closes the pipe to the keeper."""
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()


class Lynx:
    """``content="full"`` as ``lynx -dump -nolist`` prints it, headings padded to the middle included.

    ``deadline``: seconds for a page. Raises FileNotFoundError without the binary. Not thread-safe; in a
    forked process it starts processes of its own.
    """

    def __init__(self, *, binary: str = "lynx", deadline: float = 20.0) -> None:
        path = shutil.which(binary)
        if path is None:
            raise FileNotFoundError(f"the extractor lynx needs the program {binary!r}: apt-get install lynx")
        self._command = [os.path.abspath(path), *_OPTIONS]
        self._deadline = deadline
        self._pool: _Pool | None = None

    def render(self, html: str, *, content: Literal["full", "main"] = "full", url: str | None = None) -> Text:
        """The page as lynx shows it.

        ExtractionError if lynx takes longer than the deadline, fails, complains, or prints nothing for a page
        that has text.
        """
        if content != "full":
            raise ValueError("lynx shows whole pages: content 'full' only")
        data = to_parse(html)
        try:
            status, out, err = self._ready().render(_CHARSET + data.replace(b"\0", b""))
        except TimeoutError:
            raise ExtractionError(f"lynx took more than {self._deadline:g} s") from None
        if status or err:
            raise ExtractionError(f"lynx {_how(status)}: {err.decode('utf-8', 'replace').strip()[:500]}")
        text = out.decode("utf-8", "replace").rstrip().lstrip("\n")
        if not text and shows_text(data):
            raise ExtractionError("lynx printed nothing for a page that has text")
        return Text(text, title(data))

    def _ready(self) -> _Pool:
        pool = self._pool
        if pool is not None and pool.owner != os.getpid():
            pool.forget()  # the processes are the parent's
            pool = None
        elif pool is not None and not pool.alive():
            pool.kill()
            pool = None
        if pool is None:
            pool = self._pool = _Pool(self._command, self._deadline)
            weakref.finalize(self, pool.kill)
        return pool

    def close(self) -> None:
        """Ends the processes."""
        if self._pool is not None:
            self._pool.kill()
        self._pool = None

    def __enter__(self) -> Lynx:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _how(status: int) -> str:
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with exit status {status}" if status else "complained"
