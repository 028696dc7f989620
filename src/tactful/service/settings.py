"""What a service is started with: a TOML file, and the key from the environment."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tactful.errors import SpecError
from tactful.serving.decider_config import ServingConfig
from tactful.serving.rules import Rules

KEY = "TACTFUL_API_KEY"
SECTIONS = ("service", "serving", "rules")
LEAST_KEY = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """``policy`` is a folder or ``models:/NAME@ALIAS``; ``journal`` a path or a URL.

    ``key`` is the sha256 of the API key, None where none is asked for (loopback alone). ``watch_s`` is the number of
    seconds between two looks for a newer policy, 0 for none; ``cache`` keeps what was fetched from a registry.
    """

    policy: str
    journal: str
    host: str = "127.0.0.1"
    port: int = 8321
    key: bytes | None = None
    watch_s: float = 10.0
    registry: str | None = None
    cache: str = ".tactful-cache"
    max_body_bytes: int = 1 << 20
    max_batch: int = 1000
    serving: ServingConfig = field(default_factory=ServingConfig)
    rules: Rules = field(default_factory=Rules)

    @classmethod
    def load(cls, path: Path | None, *, insecure_loopback: bool = False, **given: Any) -> Settings:
        """The settings of a TOML file, with what was ``given`` on the command line before it.

        Raises
        ------
        SpecError
            The file cannot be read, an unknown key, a missing policy or journal, no API key, one that is too short, or
            a service without key on an address that is not loopback.
        """
        plain: dict[str, dict[str, Any]] = _toml(path) if path else {}
        known = [f.name for f in fields(cls) if f.name not in ("key", "serving", "rules")]
        section: dict[str, Any] = plain.get("service", {})
        for key in section:
            if key not in known:
                _refuse(key, known, "[service]")
        options: dict[str, Any] = section | {k: v for k, v in given.items() if v is not None}
        for name in ("policy", "journal"):
            if not options.get(name):
                raise SpecError(f"no {name}", "[service]", f"set {name}, or give --{name}")
        for name, value in options.items():
            _check(name, value)
        return cls(
            **options,
            key=_key(str(options.get("host", "127.0.0.1")), insecure_loopback),
            serving=ServingConfig.from_dict(plain.get("serving", {})),
            rules=Rules.of(plain.get("rules", {})),
        )


def _check(name: str, value: Any) -> None:
    """Refuse a value that is none of its kind."""
    if name in ("port", "max_body_bytes", "max_batch"):
        good, want = type(value) is int and value > 0 and (name != "port" or value < 65536), "a positive integer"
    elif name == "watch_s":
        good, want = type(value) in (int, float) and 0 <= value < float("inf"), "seconds, 0 for never"
    else:
        good, want = isinstance(value, str) and bool(value), "a text"
    if not good:
        raise SpecError(f"{name} = {value!r}", "[service]", f"give {want}")


def _toml(path: Path) -> dict[str, dict[str, Any]]:
    try:
        plain: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot be read ({error})", str(path), "name a TOML file") from None
    for key in plain:
        if key not in SECTIONS:
            _refuse(key, SECTIONS, str(path))
        if not isinstance(plain[key], dict):
            raise SpecError(f"{key} is no section", str(path), f"write [{key}]")
    return plain


def _refuse(key: str, known: list[str] | tuple[str, ...], where: str) -> None:
    close = get_close_matches(key, known, 1)
    hint = f"the nearest is {close[0]!r}" if close else f"known are {', '.join(known)}"
    raise SpecError(f"unknown key {key!r}", where, hint)


def _key(host: str, insecure_loopback: bool) -> bytes | None:
    key = os.environ.get(KEY, "")
    if insecure_loopback:
        if not _is_loopback(host):
            raise SpecError(f"--insecure-loopback on {host}", "host", "without a key only 127.0.0.1 or ::1 may be used")
        return None
    if len(key) < LEAST_KEY:
        what = "no API key" if not key else f"an API key of {len(key)} characters"
        raise SpecError(what, KEY, f"set it to at least {LEAST_KEY} random characters, or use --insecure-loopback")
    return sha256(key.encode()).digest()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
