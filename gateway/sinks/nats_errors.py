"""What a failure of the NATS client means for whoever sends.

Error codes: nats-server, server/errors.json.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from gateway.errors import SinkRefusedError, SinkUnavailableError

_TOO_LONG: Final = 10054
_ADVICE: Final[Mapping[int, tuple[str, float]]] = {
    10023: ("the server has no room: its limits, or its disk", 60.0),
    10047: ("the server has no room: its limits, or its disk", 60.0),
    10059: ("make the stream, or let us: see docs/sinks/nats.md", 30.0),
    10060: ("another stream takes our subject: see docs/sinks/nats.md", 30.0),
    10065: ("another stream takes our subject: see docs/sinks/nats.md", 30.0),
    10076: ("switch JetStream on in the server", 30.0),
    10077: ("the stream is full: raise its limits", 60.0),
}
"""By error code: what to do, and how long to wait."""


@contextmanager
def failures() -> Iterator[None]:
    """Turn the client's into those of a sink.

    Raises:
        SinkError: in place of it.
    """
    import nats.errors
    import nats.js.errors

    try:
        yield
    except nats.js.errors.APIError as error:
        advice, wait_s = _ADVICE.get(error.err_code or 0, ("", 0.0))
        said = f"{error.description}{advice and ': '}{advice}"
        if error.err_code == _TOO_LONG:
            raise SinkRefusedError(said) from error
        raise SinkUnavailableError(said, wait_s) from error
    except nats.errors.MaxPayloadError as error:
        raise SinkRefusedError("longer than the server takes (max_payload)") from error
    except (nats.errors.Error, nats.js.errors.Error, OSError, ValueError) as error:
        raise SinkUnavailableError(told(error)) from error


def told(error: Exception) -> str:
    """In words."""
    return str(error).removeprefix("nats: ") or type(error).__name__
