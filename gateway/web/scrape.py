"""``python -m gateway.web.scrape``: the process that answers Prometheus, started by the daemon.

Sockets and threads of the standard library: for one page of text every few seconds, a web framework
would be most of its memory. Each figure's newest value comes as a line of JSON on standard input.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.errors import GatewayError
from gateway.models.confine import stay_behind
from gateway.web.answering import Answer, Clients
from gateway.web.scrape_spec import ScrapeSpec

NICENESS: Final = 10
BACKLOG: Final = 16


def main() -> int:
    """Read the spec, then figures until the daemon is gone."""
    try:
        spec = ScrapeSpec.read(sys.stdin.buffer.readline())
        stay_behind(spec.parent, NICENESS)
        serve(spec)
    except (ValueError, TypeError) as error:
        sys.stderr.write(f"metrics: {error}\n")
        return 2
    except GatewayError as error:
        sys.stderr.write(f"metrics: {error}\n")
        return 1
    return 0


def serve(spec: ScrapeSpec) -> None:
    """Answer until standard input ends.

    Raises:
        GatewayError: it cannot listen, or a file cannot be read.
    """
    answer = Answer(_token(spec.token_file), time.monotonic)
    with _bound(spec) as listening:
        clients = Clients(answer, _wrap(spec))
        threading.Thread(target=clients.accept, args=[listening], daemon=True).start()
        sys.stdout.write(f'{{"listening": {listening.getsockname()[1]}}}\n')
        sys.stdout.flush()
        for line in sys.stdin.buffer:
            answer.line = line, time.monotonic()
        os._exit(0)  # a client that reads nothing is not waited for


def _token(file: str) -> str:
    if not file:
        return ""
    try:
        token = Path(file).read_text("utf-8").partition("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise GatewayError(f"{file}: {error}") from error
    if not token:
        raise GatewayError(f"{file}: its first line is empty")
    return token


def _bound(spec: ScrapeSpec) -> socket.socket:
    family = socket.AF_INET6 if ":" in spec.host else socket.AF_INET
    try:
        return socket.create_server((spec.host, spec.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise GatewayError(f"cannot listen on {spec.host}:{spec.port}: {error.strerror}") from error


def _wrap(spec: ScrapeSpec) -> Callable[[socket.socket], socket.socket]:
    """What makes a connection a secret one; without a certificate it stays as it is."""
    if not spec.cert_file:
        return lambda connection: connection
    import ssl  # 3 MB that only TLS is worth

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(spec.cert_file, spec.key_file or None)
    except (OSError, ssl.SSLError) as error:
        raise GatewayError(f"metrics.tls: {error}") from error
    return lambda connection: context.wrap_socket(connection, server_side=True)


if __name__ == "__main__":
    sys.exit(main())
