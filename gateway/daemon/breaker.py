"""The circuit breaker of a cloud: after so many failures in a row nobody asks it for a while.

States and rules are purgatory's. Its own clock is the wall clock, which a gateway without a clock
chip sets back and forth: so it is told when it has been open for long enough.
"""

from typing import TYPE_CHECKING, Final

import structlog

from gateway.errors import ConfigError

if TYPE_CHECKING:
    from purgatory.domain.model import Context

FAILURES: Final = 5
"""In a row, before it opens."""
_NEVER_S: Final = 1e12
EXTRA: Final = "pip install 'edge-gateway[inference]'"

log = structlog.get_logger()


class Breaker:
    """One cloud's."""

    def __init__(self, name: str, rest_ms: int) -> None:
        """Closed.

        Raises:
            ConfigError: the library is not installed.
        """
        try:
            from purgatory.domain import model
        except ImportError as error:
            raise ConfigError(f"cloud.inference.{name} needs purgatory: {EXTRA}") from error
        self._name = name
        self._rest_ms = rest_ms
        self._context: Context = model.Context(name, FAILURES, _NEVER_S)
        self._opened_mono_ms = 0
        self._trying = False

    @property
    def state(self) -> str:
        """``closed``, ``opened`` or ``half-opened``."""
        return str(self._context.state)

    def admit(self, mono_ms: int) -> bool:
        """A question may go out; once the rest is over one may, to see how it fares."""
        if self.state == "closed":
            return True
        if self.state == "opened":
            if mono_ms - self._opened_mono_ms < self._rest_ms:
                return False
            self._half_open()
        if self._trying:
            return False
        self._trying = True
        return True

    def withdrawn(self) -> None:
        """A question that was admitted did not go out."""
        self._trying = False

    def succeeded(self) -> None:
        """It answered, well or in a way that is our own fault."""
        before, self._trying = self.state, False
        self._context.handle_end_request()
        self._told(before)

    def failed(self, error: Exception, mono_ms: int) -> None:
        """It did not answer, or not so that it can be used."""
        before, self._trying = self.state, False
        self._context.handle_exception(error)
        if self.state == "opened" and before != "opened":
            self._opened_mono_ms = mono_ms
        self._told(before, str(error))

    def _half_open(self) -> None:
        from purgatory.domain.model import HalfOpenedState

        self._context.set_state(HalfOpenedState())

    def _told(self, before: str, error: str = "") -> None:
        self._context.messages.clear()  # nobody reads them, and they would pile up
        if self.state == "opened" and before == "closed":
            log.warning("cloud_breaker_opened", cloud=self._name, error=error)
        elif self.state == "closed" and before != "closed":
            log.info("cloud_breaker_closed", cloud=self._name)
