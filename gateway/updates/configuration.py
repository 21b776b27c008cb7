"""The received configuration: put in force on trial, kept, or gone back from.

``config/current.yaml`` is in force: ``config.load`` lays it over the user's file. ``previous.yaml``
is the last one that was good; there is none where the user's file alone was. ``trial.json`` marks
one on trial, and is there before it is in force: whoever starts the gateway counts in it, so that
one which never lets it become healthy is given up without the gateway's help.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

from gateway.config import delivery
from gateway.config.delivery import digest
from gateway.updates import files
from gateway.updates.record import Record, Taken

ABOUT: Final = "configuration"
STARTS: Final = 3
"""So often the gateway may start with one on trial; the next start is without it."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A configuration on trial."""

    taken: Taken
    starts: int = 0
    """How often the gateway started with it."""
    problems: tuple[str, ...] | None = None
    """What was wrong before it was applied; None: nobody looked."""
    fresh: tuple[str, ...] = ()
    """Assets of which something fresh was known before."""

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The one on trial; None when none is, or when what is in force is another one."""
        try:
            tree = json.loads(_trial(folder).read_bytes())
            problems = tree["problems"]
            trial = cls(
                Taken(*tree["taken"]),
                int(tree["starts"]),
                None if problems is None else tuple(map(str, problems)),
                tuple(map(str, tree["fresh"])),
            )
            current = delivery.configuration(folder).read_bytes()
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return trial if digest(current) == trial.taken.sha256 else None

    def save(self, folder: Path) -> None:
        """Write it.

        Raises:
            OSError: it cannot be written.
        """
        files.put(_trial(folder), json.dumps(asdict(self)).encode())


def apply(folder: Path, record: Record, taken: Taken, data: bytes) -> None:
    """Put a configuration in force, on trial.

    Raises:
        OSError: what was in force still is.
    """
    current = delivery.configuration(folder)
    if current.is_file():
        files.put(_previous(folder), current.read_bytes())
    else:
        files.remove(_previous(folder))
    Trial(taken).save(folder)
    record.took("update_applied", ABOUT, taken)
    files.put(current, data)


def keep(folder: Path, record: Record, trial: Trial) -> None:
    """It passed.

    Raises:
        OSError: it is still on trial.
    """
    record.config = trial.taken
    record.took("update_kept", ABOUT, trial.taken)
    files.remove(_trial(folder))


def roll_back(folder: Path, record: Record, trial: Trial, why: str) -> None:
    """The one before is in force again, and this one is never tried again.

    Raises:
        OSError: it is still on trial.
    """
    if trial.taken.sha256 not in record.out:
        record.fail(ABOUT, trial.taken, why, "update_rolled_back")
        record.save(folder)  # before the file goes: the reason must not be lost
    current, previous = delivery.configuration(folder), _previous(folder)
    if previous.is_file():
        files.put(current, previous.read_bytes())
    else:
        files.remove(current)
    files.remove(_trial(folder))


def started(folder: Path, record: Record) -> bool:
    """The gateway starts: count it, or give up what is on trial. True when that was given up.

    Raises:
        OSError: it cannot be written.
    """
    trial = Trial.load(folder)
    if trial is None:
        return False
    if trial.starts >= STARTS or trial.taken.sha256 in record.out:
        why = f"the gateway started {trial.starts} times with it and did not stay healthy"
        roll_back(folder, record, trial, why)
        return True
    replace(trial, starts=trial.starts + 1).save(folder)
    return False


def _trial(folder: Path) -> Path:
    return delivery.configuration(folder).with_name("trial.json")


def _previous(folder: Path) -> Path:
    return delivery.configuration(folder).with_name("previous.yaml")
