"""The error tree, named by what the caller must do next.

GatewayError
 ├─ ConfigError          stop: show every problem, exit 2
 ├─ DecodeError          reject the message: count it, keep it, acknowledge it, go on
 ├─ EncodeError          refuse the command: nothing is sent
 ├─ StoreError
 │   ├─ StoreFullError       hold readings in bounded memory, make room, try again
 │   ├─ StoreReadOnlyError   hold readings in bounded memory, try to reopen
 │   ├─ StoreCorruptError    set the file aside, salvage it, start a new one
 │   ├─ StoreBusyError       stop: another process owns the database
 │   └─ StoreVersionError    stop: the file is newer than this program
 ├─ ModelError           this model is out; the next rung of the ladder answers
 │   ├─ PackageError         the package must be replaced: trying again cannot help
 │   └─ WorkerError          the worker is restarted with back-off; trying again may help
 ├─ BrokerError
 │   ├─ NotConnectedError    keep it in the store, try again when connected
 │   └─ SessionTakenError    stop reconnecting: another client uses our client id
 ├─ CloudError           no answer from a cloud's model; the next rung of the ladder answers
 │   ├─ CloudUnavailableError  count it: after a few the breaker opens for a while
 │   ├─ CloudAnswerError       the same: its answer is of no use
 │   └─ CloudRefusedError      ask nothing more until the file changes or an hour has passed
 ├─ SinkError
 │   ├─ SinkUnavailableError  back off with jitter, then send the same bytes again
 │   ├─ SinkGapError          go on from the receiver's cursor
 │   └─ SinkRefusedError      set the rows aside with the reason, send the next ones
 ├─ UpdateError
 │   ├─ RepositoryAwayError   nothing was changed; try again at the next check
 │   └─ RepositoryRefusedError  nothing was changed; people should know why
 └─ IllegalTransitionError  our bug: crash
"""


class GatewayError(Exception):
    """Everything this program raises on purpose."""


class ConfigError(GatewayError):
    """The user's file is wrong; the message lists every problem, each with its place."""


class DecodeError(GatewayError):
    """A message cannot be read; ``reason`` is one short word for the counters."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class EncodeError(GatewayError):
    """A bridge cannot say this command; ``reason`` is one short word for the record."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class StoreError(GatewayError):
    """The database refused; the subclass says what to do."""


class StoreFullError(StoreError):
    """The disk or the quota is full."""


class StoreReadOnlyError(StoreError):
    """The file system became read-only, or the file cannot be opened for writing."""


class StoreCorruptError(StoreError):
    """The file is damaged."""


class StoreBusyError(StoreError):
    """Another process holds the lock file."""


class StoreVersionError(StoreError):
    """The file was written by a newer program."""


class ModelError(GatewayError):
    """A model cannot answer."""


class PackageError(ModelError):
    """A model package is missing, damaged, or asks for what is not there."""


class WorkerError(ModelError):
    """The worker process died, hung, or answered nonsense; ``reason`` is one of those, one word."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class BrokerError(GatewayError):
    """Something is wrong between us and a broker."""


class NotConnectedError(BrokerError):
    """There is no connection; nothing was sent."""


class SessionTakenError(BrokerError):
    """Another client connected with our client id."""


class CloudError(GatewayError):
    """A cloud's model did not answer."""


class CloudUnavailableError(CloudError):
    """It cannot be reached, is too slow, or has trouble; ``sent``: the question may have left."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class CloudAnswerError(CloudError):
    """What it answered is no answer to the question; ``reason`` is one short word."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class CloudRefusedError(CloudError):
    """It says that the question is wrong: the model, its window, or our token."""


class SinkError(GatewayError):
    """A cloud did not take what it was sent."""


class SinkUnavailableError(SinkError):
    """It cannot be reached, is busy, or does not let us in; ``wait_s``: not before, if it said."""

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


class SinkGapError(SinkError):
    """It stands elsewhere in the stream: at ``seq``, with the gateway's own ``position`` there."""

    def __init__(self, seq: int, position: str = "") -> None:
        super().__init__(f"the receiver is at row {seq}")
        self.seq = seq
        self.position = position


class SinkRefusedError(SinkError):
    """It will never take this batch; the message says why."""


class UpdateError(GatewayError):
    """An update was not taken; what is installed stays as it was."""


class RepositoryAwayError(UpdateError):
    """The repository cannot be reached, is slow, or has not all of it."""


class RepositoryRefusedError(UpdateError):
    """What the repository said is not to be believed."""


class IllegalTransitionError(GatewayError):
    """A state machine was asked for a move its table does not have."""
