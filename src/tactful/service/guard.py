"""What every request passes first: the key, and a bound on its size."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
OPEN = ("/health",)


class Guard:
    """Refuses requests without the key (401) and bodies beyond ``most`` bytes (413), before anything reads them.

    ``key`` is the sha256 of the key, compared in constant time; None asks for none. It is taken from ``X-API-Key`` or
    ``Authorization: Bearer``.
    """

    def __init__(self, app: App, *, key: bytes | None, most: int) -> None:
        self._app, self._key, self._most = app, key, most

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if scope["path"] not in OPEN and not self._allowed(headers):
            await _answer(send, 401, b'{"error":"an API key is needed: X-API-Key"}')
            return
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > self._most:
            await _answer(send, 413, b'{"error":"the body is too large"}')
            return
        await self._app(scope, self._bounded(receive), send)

    def _allowed(self, headers: dict[bytes, bytes]) -> bool:
        if self._key is None:
            return True
        given = headers.get(b"x-api-key")
        if given is None:
            kind, _, given = headers.get(b"authorization", b"").partition(b" ")
            given = given if kind.lower() == b"bearer" else b""
        return hmac.compare_digest(sha256(given).digest(), self._key)

    def _bounded(self, receive: Receive) -> Receive:
        """A body without length is cut off where it becomes too large: it is then no JSON, and refused."""
        seen = 0

        async def bounded() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                return {"type": "http.request", "body": b"", "more_body": False}
            return message

        return bounded


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
