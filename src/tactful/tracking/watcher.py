"""Follow a folder, or an alias of the MLflow registry, and swap what is published there into a decider.

A thread of its own does it: deciding never waits for it, and goes on with what it has when the registry is down.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from tactful.core.files import replacing
from tactful.errors import PolicyFormatError, SpecError, TactfulError
from tactful.serving import Decider
from tactful.serving.folder import digest_of, read
from tactful.tracking.registry import PREFIX, Pinned, alias_of, fetch, pinned

CURRENT = "current"
LONGEST_S = 300.0  # between two looks, however often they have failed


class Status(NamedTuple):
    """How a watcher stands.

    ``sha256`` and ``version`` are those of the policy that it swapped in last (empty: none yet), ``why`` says why the
    newest one was not (empty: it was), ``failures`` counts looks that failed in a row, and ``looked_at`` is the time
    of the last look in seconds since 1970.
    """

    sha256: str = ""
    version: str = ""
    why: str = ""
    failures: int = 0
    looked_at: float = 0.0


class PolicySource(Protocol):
    """Where policies are published."""

    @property
    def name(self) -> str:
        """What ``Decider.live`` says of its origin."""
        ...

    def newest(self) -> Pinned:
        """The sha256 of what is published now, and how to come by it; it is cheap."""
        ...

    def folder(self, found: Pinned) -> Path:
        """A local folder with it."""
        ...


class FolderSource:
    """A folder that ``tactful.save`` writes into."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.name, self._folder = os.fspath(folder), Path(folder)
        self._seen: tuple[int, ...] = ()
        self._digest = ""

    def newest(self) -> Pinned:
        """The sha256 of ``policy.json``, read again only where the file is another or was written to."""
        from tactful.policies.artifact import NAME

        try:
            stat = (self._folder / NAME).stat()
        except OSError as error:
            raise PolicyFormatError(f"no policy ({error.strerror})", self.name, "publish one there") from None
        seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if seen != self._seen:
            self._digest = digest_of(self._folder)
            self._seen = seen
        return Pinned(self._digest, self.name)

    def folder(self, found: Pinned) -> Path:  # noqa: ARG002 - it is the folder itself
        """The folder itself."""
        return self._folder


class RegistrySource:
    """An alias of the MLflow registry, ``models:/NAME@ALIAS``; versions carry their sha256 as a tag.

    ``cache`` keeps what was fetched, in folders named by the sha256: a service that restarts while the registry is down
    opens :meth:`kept`.
    """

    def __init__(self, name: str, uri: str, cache: str | os.PathLike[str]) -> None:
        self.name, self._uri, self._cache = name, uri, Path(cache)
        self._model, self._alias = alias_of(name)

    def newest(self) -> Pinned:
        """The version that the alias names, with its pinned sha256."""
        return pinned(self._uri, self._model, self._alias)

    def folder(self, found: Pinned) -> Path:
        """The version's files in the cache, fetched if need be; what is not as pinned is fetched again."""
        folder = self._cache / found.sha256
        if not folder.exists() or digest_of(folder) != found.sha256:
            fetch(self._uri, found, folder)
        read(folder, found.sha256)
        with replacing(self._cache / CURRENT) as part:
            part.write_text(found.sha256)
        return folder

    def kept(self) -> Path | None:
        """The folder of the policy that was fetched last; it needs no registry. None where nothing was."""
        pointer = self._cache / CURRENT
        return self._cache / pointer.read_text() if pointer.exists() else None


class Watcher:
    """Looks at a source every ``every_s`` seconds and swaps what is new into a decider.

    Nothing is swapped in that is damaged, half written, not as pinned, or not for this decider: the policy that is
    served stays, and :attr:`status` says why. After failures it looks less often, at most every five minutes.

    Parameters
    ----------
    decider
        What to swap into.
    source
        A folder, or a :class:`RegistrySource`.
    every_s
        Seconds between two looks.
    on_change
        Called with the status after every look that changed something; it runs in the watcher's thread.

    Examples
    --------
    ::

        with Watcher(decider, "policy/", every_s=10):
            serve()
    """

    def __init__(
        self,
        decider: Decider,
        source: PolicySource | str | os.PathLike[str],
        *,
        every_s: float = 10.0,
        on_change: Callable[[Status], None] | None = None,
    ) -> None:
        self._decider, self._every_s, self._on_change = decider, every_s, on_change
        if isinstance(source, str) and source.startswith(PREFIX):
            raise SpecError(f"{source} needs a tracking URI and a cache", do="give RegistrySource(name, uri, cache)")
        self._source: PolicySource = FolderSource(source) if isinstance(source, str | os.PathLike) else source
        live = decider.live()
        self._status = Status(live.sha256 or "", live.version if live.sha256 else "")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def status(self) -> Status:
        """How it stands."""
        return self._status

    def look(self) -> Status:
        """Look once, now, in the caller's thread."""
        before = self._status
        try:
            found = self._source.newest()
            after = before._replace(why="", failures=0)
            if found.sha256 != before.sha256:
                after = self._swapped(found, after)
        except TactfulError as error:
            after = before._replace(why=str(error), failures=before.failures + 1)
        except Exception as error:
            after = before._replace(why=f"{type(error).__name__}: {error}", failures=before.failures + 1)
        self._status = after._replace(looked_at=time.time())
        if self._on_change and (after.sha256, after.why) != (before.sha256, before.why):
            self._on_change(self._status)
        return self._status

    def start(self) -> Watcher:
        """Look in a thread of its own from now on."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="tactful-watcher", daemon=True)
            self._thread.start()
        return self

    def stop(self, timeout_s: float = 5.0) -> None:
        """Stop looking; wait so long for a look that is under way (a registry that is down may hold it for minutes)."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            self._thread = None

    def __enter__(self) -> Watcher:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_s(self) -> float:
        """Seconds until the next look: twice as long after every failure."""
        return max(self._every_s, min(LONGEST_S, self._every_s * 2.0 ** min(self._status.failures, 32)))

    def _run(self) -> None:
        while True:
            self.look()
            if self._stop.wait(self.wait_s()):
                return

    def _swapped(self, found: Pinned, status: Status) -> Status:
        if self._decider.frozen:
            return status._replace(why="the decider is frozen")
        folder = self._source.folder(found)
        live = self._decider.swap(folder, sha256=found.sha256, source=self._source.name)
        return Status(found.sha256, live.version)
