"""A cloud's model over HTTP or HTTPS, one connection kept alive, no proxies of the environment."""

import asyncio
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.config.settings import CloudModel
from gateway.core import oip
from gateway.daemon.breaker import EXTRA
from gateway.errors import CloudRefusedError, CloudUnavailableError, ConfigError

if TYPE_CHECKING:
    import httpx

CONNECT_S: Final = 10.0
"""The question's own deadline is mostly shorter; this ends what hangs in a name server."""
MOST_CONNECTIONS: Final = 8
KEEP_ALIVE_S: Final = 60.0
OK: Final = 200


class HttpWay:
    """The way to one server."""

    def __init__(self, settings: CloudModel) -> None:
        """Nothing is opened before the first question."""
        self._settings = settings
        version = f"/versions/{settings.version}" if settings.version else ""
        base = settings.url.rstrip("/")
        self._url = f"{base}/v2/models/{settings.model}{version}/infer"
        self._client: httpx.AsyncClient | None = None

    async def send(self, id_: str, body: bytes, deadline_s: float) -> bytes:
        """POST a question; one reset of a connection that was kept open is forgiven.

        Raises:
            CloudUnavailableError: no answer, or trouble there.
            CloudRefusedError: the server says that the question is wrong.
        """
        del id_, deadline_s
        import httpx

        client = await self._opened()
        try:
            try:
                return await self._posted(client, body)
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                return await self._posted(client, body)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise CloudUnavailableError(_words(error), sent=False) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CloudUnavailableError(_words(error)) from error
        except RuntimeError as error:  # closed meanwhile: the file changed, or the daemon stops
            if not client.is_closed:
                raise
            raise CloudUnavailableError("not asked any more") from error

    async def _posted(self, client: "httpx.AsyncClient", body: bytes) -> bytes:
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        if self._settings.token_file:
            headers["authorization"] = f"Bearer {await asyncio.to_thread(self._token)}"
        async with client.stream("POST", self._url, content=body, headers=headers) as answer:
            found = bytearray()
            async for chunk in answer.aiter_raw():
                found += chunk
                if len(found) > oip.MOST_BYTES:
                    raise CloudUnavailableError(f"an answer of more than {oip.MOST_BYTES} bytes")
            status = answer.status_code
        if status == OK:
            return bytes(found)
        words = f"HTTP {status}: {oip.words_of(bytes(found))}".removesuffix(": ")
        raise CloudRefusedError(words) if oip.is_ours(status) else CloudUnavailableError(words)

    def _token(self) -> str:
        try:
            return Path(self._settings.token_file).read_text("ascii").strip()
        except (OSError, UnicodeError) as error:
            raise CloudRefusedError(f"token_file: {error}") from error

    async def _opened(self) -> "httpx.AsyncClient":
        if self._client is None:
            self._client = await asyncio.to_thread(self._made)
        return self._client

    def _made(self) -> "httpx.AsyncClient":
        """Blocks: the library is loaded, and the authorities.

        Raises:
            CloudRefusedError: a file of ours cannot be used.
        """
        import httpx

        settings = self._settings
        try:
            context = ssl.create_default_context(cafile=settings.ca_file or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if settings.cert_file:
                context.load_cert_chain(settings.cert_file, settings.key_file or None)
        except OSError as error:
            raise CloudRefusedError(f"TLS: {error}") from error
        limits = httpx.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=KEEP_ALIVE_S)
        return httpx.AsyncClient(verify=context, timeout=CONNECT_S, limits=limits, trust_env=False)

    async def close(self) -> None:
        """Let the connections go."""
        if self._client is not None:
            await self._client.aclose()


def checked(settings: CloudModel) -> HttpWay:
    """The way, where the library is there.

    Raises:
        ConfigError: it is not installed.
    """
    from importlib.util import find_spec

    if find_spec("httpx") is None:
        raise ConfigError(f"cloud.inference.{settings.name} needs httpx: {EXTRA}")
    return HttpWay(settings)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
