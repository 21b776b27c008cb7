"""Fetching: HTTPS for python-tuf, with bounds on everything that a server could draw out.

Each wait for bytes, the rate, and the length are bounded here; the whole visit is bounded by who
started it. No redirects, no cookies, no compression: static files, as long as their signed list
says. ``https_proxy`` of the environment is used.
"""

import ssl
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError, SlowRetrievalError
from tuf.ngclient.fetcher import FetcherInterface
from urllib3.response import BaseHTTPResponse

from gateway import __version__

CHUNK: Final = 65_536
PARTIAL: Final = 206


class Pace(NamedTuple):
    """How slow a server may be."""

    wait_s: float = 20.0
    """For a connection, and for each next byte."""
    slow_s: float = 20.0
    """After so long a file must have come at ``least`` bytes per second."""
    least: int = 512


USUAL: Final = Pace()


class Fetcher(FetcherInterface):
    """Gets files, and counts."""

    def __init__(
        self,
        ca_file: Path | None,
        pace: Pace = USUAL,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        """``ca_file``: authorities to trust instead of the system's.

        Raises:
            OSError: they cannot be read.
        """
        self.requests = 0
        self.bytes = 0
        self._response: BaseHTTPResponse | None = None
        self._mono = mono
        self._pace = pace
        given = {
            "ssl_context": ssl.create_default_context(cafile=ca_file and str(ca_file)),
            "retries": False,
            "timeout": urllib3.Timeout(connect=pace.wait_s, read=pace.wait_s),
            "headers": {
                "User-Agent": f"edge-gateway/{__version__}",
                "Accept-Encoding": "identity",
            },
        }
        proxy = urllib.request.getproxies().get("https")
        self._pool = (
            urllib3.ProxyManager(proxy, **given) if proxy else urllib3.PoolManager(**given)  # type: ignore[arg-type]
        )

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self.stream(url)[1]

    def stream(self, url: str, start: int = 0) -> tuple[bool, Iterator[bytes]]:
        """Ask for a file, from a byte on.

        Returns whether the server begins there, and the bytes.

        Raises:
            DownloadError: it does not answer, or not with the file.
        """
        self._drop()
        self.requests += 1
        headers = {**self._pool.headers, **({"Range": f"bytes={start}-"} if start else {})}
        try:
            response = self._pool.request(
                "GET", url, headers=headers, preload_content=False, redirect=False
            )
        except urllib3.exceptions.TimeoutError as error:
            raise SlowRetrievalError(f"no answer within {self._pace.wait_s:g} s") from error
        except urllib3.exceptions.HTTPError as error:
            raise DownloadError(_plain(error)) from error
        if response.status not in (200, PARTIAL):
            small = (response.length_remaining or CHUNK) < CHUNK  # then the connection is kept
            response.drain_conn() if small else response.close()
            moved = response.headers.get("location", "")
            said = f"status {response.status}" + (f", it moved to {moved[:200]}" if moved else "")
            raise DownloadHTTPError(said, response.status)
        self._response = response
        return response.status == PARTIAL, self._chunks(response)

    def close(self) -> None:
        """Hang up."""
        self._drop()
        self._pool.clear()

    def _drop(self) -> None:
        """Nobody reads on in an answer that was larger, or slower, than it may be."""
        if self._response is not None:
            self._response.close()
            self._response = None

    def _chunks(self, response: BaseHTTPResponse) -> Iterator[bytes]:
        """Yield what has come, as soon as any has: a drop at a time is noticed."""
        began, count = self._mono(), 0
        try:
            while chunk := response.read1(CHUNK):
                count += len(chunk)
                self.bytes += len(chunk)
                passed = self._mono() - began
                if passed > self._pace.slow_s and count < self._pace.least * passed:
                    raise SlowRetrievalError(f"{count} bytes in {passed:.0f} s")
                yield chunk
        except urllib3.exceptions.TimeoutError as error:
            raise SlowRetrievalError(f"no byte within {self._pace.wait_s:g} s") from error
        except urllib3.exceptions.HTTPError as error:
            raise DownloadError(f"cut off after {count} bytes: {_plain(error)}") from error
        else:
            self._response = None
            response.release_conn()


def _plain(error: Exception) -> str:
    """The end of urllib3's chain of causes, where the reason is."""
    inner = getattr(error, "reason", None)
    return str(inner if isinstance(inner, Exception) else error)[:300]
