"""The plug-in interface of a cloud: what the author of a sink implements.

A sink is one lane's way to one cloud. It blocks, and is used by one thread of a process of its own,
so that neither the daemon nor another lane or cloud waits for it.
"""

from typing import Protocol

from gateway.core.batches import Answer, Batch, Cursor


class Sink(Protocol):
    """One stream to one cloud, made as ``Sink(settings, stream)``; ``cursor`` opens it.

    ``settings`` is the class's own ``Settings``, a frozen dataclass beside it. Order of calls:
    ``cursor``, then ``send`` again and again; after any error ``cursor`` again, or ``close``.
    ``close`` may come at any time and more than once.

    A sink may have ``most_bytes: int``, the longest ``Batch.payload`` that its cloud takes. It is
    read after each ``cursor``, before the next batch is cut.
    """

    def cursor(self) -> Cursor | None:
        """Connect, anew where there is a connection, and ask how far the receiver is.

        None: this receiver cannot know (plain MQTT, a foreign HTTP endpoint); then its
        acknowledgements count. ``Cursor()`` is a receiver that can know, and has nothing.

        Raises:
            SinkUnavailableError: it cannot be reached, or does not let us in.
        """
        ...

    def send(self, batch: Batch) -> Answer:
        """Hand over a batch and wait until its rows are durable there.

        Called again with the same bytes after an error, also by a later process.

        Raises:
            SinkUnavailableError: nobody knows whether it has them; send the same bytes again.
            SinkGapError: its cursor stands elsewhere than ``batch.header.after``, nor has it this
                batch already (then it answers as if it had just taken it).
            SinkRefusedError: it will never take this batch.
        """
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...
