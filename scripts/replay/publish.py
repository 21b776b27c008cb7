"""Publishes a data set through a bridge's topics, faster than it happened: one device per run.

The gateway cuts time into rows of the model's period, so a replay at 50 times the speed needs a
package whose period is 50 times shorter (``train_pump --period 0.02``). To keep rows of the
recording and rows of the gateway one to one, every message carries its own time: row i is stamped
exactly i periods after row 0, in the middle of a cell of the gateway's grid, and ``AHEAD_ROWS``
periods after the moment it is published. So the gateway, whose own clock closes rows too, does not
close one before its message is there, though the network jitters. More than a window ahead it would
believe that its clock was set back. Gaps of the recording are not replayed: the protocol counts
rows, not seconds. A gateway whose own clock is not synchronised takes nobody's time: in a container
set EDGE_GATEWAY_TRUST_CLOCK=1. Through Zigbee2MQTT, which carries no time, rows may fall together.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from scripts.replay.configure import configuration
from scripts.replay.wires import WIRES, Row, Wire
from scripts.train.datasets import Run, runs

AHEAD_ROWS = 25
"""Most of the 30 rows of a window of ``train_pump``'s model."""
AHEAD_MS = 4_000
"""At most; the gateway takes a source's clock to be wrong that is 5 s ahead."""
INFLIGHT = 1_000
"""QoS 1 messages without an acknowledgement before the replay waits."""
FLUSH_S = 60.0


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the rows of a replay lie on the gateway's time axis."""

    first: int
    """Cell of row 0."""
    period_ms: int

    @classmethod
    def starting(cls, now_ms: int, period_ms: int) -> "Grid":
        """Row 0 lies ``AHEAD_ROWS`` after now."""
        return cls(now_ms // period_ms + min(AHEAD_ROWS, AHEAD_MS // period_ms), period_ms)

    def stamp(self, row: int) -> int:
        """The middle of a row's cell, UTC epoch ms."""
        return (self.first + row) * self.period_ms + self.period_ms // 2

    def row(self, at_ms: int) -> int:
        """The row that a time falls into."""
        return at_ms // self.period_ms - self.first


def replay(
    chosen: Sequence[Run], wire: Wire, *, host: str, port: int, period_ms: int
) -> tuple[Grid, float]:
    """Publish all runs at the same time, row by row, and wait for the last acknowledgement.

    Returns:
        Where the rows lie, and how far it fell behind its own clock at worst [s].

    Raises:
        OSError: there is no broker.
        TimeoutError: the broker stopped to acknowledge.
    """
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(INFLIGHT)
    client.connect(host, port)
    client.loop_start()
    grid = Grid.starting(time.time_ns() // 1_000_000, period_ms)  # the one clock the gateway has
    start, behind = time.monotonic(), 0.0
    sent: list[paho.MQTTMessageInfo] = []
    try:
        for number in range(max(len(run.values) for run in chosen)):
            wait = start + number * period_ms / 1000 - time.monotonic()
            behind = max(behind, -wait)
            time.sleep(max(wait, 0.0))
            sent = [
                client.publish(*wire.publish(_row(run, number, grid)), qos=1)
                for run in chosen
                if number < len(run.values)
            ]
        for info in sent:
            info.wait_for_publish(FLUSH_S)
            if not info.is_published():
                raise TimeoutError("the broker does not acknowledge any more")
    finally:
        client.disconnect()
        client.loop_stop()
    return grid, behind


def _row(run: Run, number: int, grid: Grid) -> Row:
    values = dict(zip(run.units, run.values[number].tolist(), strict=True))
    return Row(run.name, number, grid.stamp(number), values)


def period_ms(speed: float) -> int:
    """Milliseconds between two rows, of recordings with one row a second.

    Raises:
        ValueError: no whole number of milliseconds, or less than one.
    """
    period = round(1000 / speed)
    if period < 1 or abs(period * speed - 1000) > 1e-6 * 1000:
        raise ValueError(f"speed {speed:g}: 1000 / speed must be a whole number of milliseconds")
    return period


def select(data: Path, names: Sequence[str]) -> list[Run]:
    """The runs of a data set, or those of the given names or groups (``valve1``).

    Raises:
        ValueError: there is none.
    """
    groups = tuple(f"{name}-" for name in names)
    found = [
        run for run in runs(data) if not names or run.name in names or run.name.startswith(groups)
    ]
    if not found:
        raise ValueError(f"no run below {data} is called {' or '.join(names)}")
    return found


def main() -> None:
    """Publish, or write the gateway's configuration for it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="a directory or a .csv.gz file")
    parser.add_argument("--bridge", choices=sorted(WIRES), default="json")
    parser.add_argument("--broker", default="localhost:1883", metavar="HOST:PORT")
    parser.add_argument("--speed", type=float, default=1.0, help="1: one row a second")
    parser.add_argument("--experiments", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--make-config", type=Path, metavar="FILE")
    parser.add_argument("--package", type=Path, help="model package named in the configuration")
    options = parser.parse_args()
    host, _, port = options.broker.partition(":")
    wire = WIRES[options.bridge]
    try:
        chosen, period = select(options.data, options.experiments), period_ms(options.speed)
    except (ValueError, FileNotFoundError) as error:
        parser.error(str(error))
    if options.make_config:
        package = options.package.resolve() if options.package else None
        store = options.make_config.resolve().with_suffix(".db")
        text = configuration(
            chosen, wire, host=host, port=int(port or 1883), package=package, store=store
        )
        options.make_config.write_text(text, "utf-8")
        print(f"{options.make_config}: {len(chosen)} assets")
        return
    _, behind = replay(chosen, wire, host=host, port=int(port or 1883), period_ms=period)
    print(f"{sum(len(run.values) for run in chosen)} rows of {len(chosen)} runs")
    if behind * 1000 > min(AHEAD_ROWS * period, AHEAD_MS):
        sys.exit(f"fell {behind:.1f} s behind: rows were late, choose a lower speed")


if __name__ == "__main__":
    main()
