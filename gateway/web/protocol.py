"""The scope of a request gets ``abort``: it ends the connection at once.

Without it the other side would first have to read what waits for it.
"""

from typing import Any, Final

from gateway.adapters import http_patience

MOST_HEAD: Final = 16_384


class Protocol(http_patience.Protocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        """Let the application end it."""
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope["abort"] = transport.abort
            await inner(scope, receive, send)

        self.app = app
        super().connection_made(transport)
