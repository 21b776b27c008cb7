"""The frame: what a gateway is started with, and cannot exchange while it runs.

Everything else of a file holds at a reload. Whoever adds a setting that is read once, at the start,
adds it here: a test holds every setting against the two tables.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from gateway.config.keypaths import under
from gateway.config.settings import Settings
from gateway.errors import ConfigError

FRAME: Final[Mapping[str, str]] = {
    "gateway_id": "gateway.id",
    "announce_broker": "gateway.broker",
    "brokers": "brokers",
    "store": "store",
    "audit": "audit",
    "fleet": "fleet",
    "log": "log",
    "limits": "limits",
}
"""Setting -> its key. Of ``log`` the level, of ``limits`` all but ``LIMITS`` holds at once."""
LIMITS: Final[Mapping[str, str]] = {
    "batch_ms": "limits.batch",
    "held_readings": "limits.held_readings",
    "worker_bytes": "limits.worker_memory",
    "batch_messages": "limits.batch_messages",
}
LIVE: Final = frozenset(
    {
        *("gateway_name", "sources", "assets", "models", "clouds", "sync", "keep_all_verdicts"),
        *("exclusions", "homeassistant", "alerts", "people", "security", "privacy", "updates"),
        *("metric_keep_ms", "metrics", "web"),
    }
)
"""Settings that hold at a reload."""
ABOUT: Final = frozenset(
    {
        *("file", "digest", "included", "received", "received_why", "broken_why", "snapshot"),
        "changed",
    }
)
"""What is said of the file itself."""
LIVE_KEYS: Final = ("log.level", "store.verdicts", "limits.commands_per_minute")
"""Keys that hold at once in sections of the frame."""


def kept(old: Settings, new: Settings) -> tuple[str, ...]:
    """The keys of the frame whose settings are other than what the gateway runs with."""
    found = [key for name, key in FRAME.items() if _framed(old, name) != _framed(new, name)]
    return tuple(found)


def _framed(settings: Settings, name: str) -> object:
    """A setting, as far as it is part of the frame."""
    value = getattr(settings, name)
    if name == "log":
        return replace(value, level="info")
    if name == "limits":
        return tuple(getattr(value, one) for one in LIMITS)
    return value


def within(old: Settings, new: Settings, keys: Iterable[str]) -> Settings:
    """The new settings in the old frame.

    Args:
        old: what the gateway runs with.
        new: the file.
        keys: what of its frame has changed.

    Raises:
        ConfigError: the rest of it does not go with the old frame.
    """
    changed = set(keys)
    if not changed:
        return new
    if old.store.path != new.store.path:
        raise ConfigError("restart the gateway: store.path is another database")
    if missing := sorted(set(_asked(new)) - old.brokers.keys()):
        names = ", ".join(f"brokers.{name}" for name in missing)
        raise ConfigError(f"restart the gateway: what is new needs {names}")
    log = replace(old.log, level=new.log.level)
    limits = replace(new.limits, **{name: getattr(old.limits, name) for name in LIMITS})
    own = {name: getattr(old, name) for name in FRAME if name not in ("log", "limits")}
    return replace(new, **own, log=log, limits=limits, snapshot=b"")


def _asked(settings: Settings) -> Iterator[str]:
    """The brokers that something needs."""
    yield from (source.broker for source in settings.sources.values())
    yield from (cloud.broker for cloud in settings.clouds.values() if cloud.broker)


def waiting(paths: Sequence[str], keys: Sequence[str]) -> tuple[str, ...]:
    """The key paths of the frame that changed; where none is known, the keys themselves.

    Args:
        paths: what changed in the file, by key path.
        keys: what of the frame has other settings.
    """
    found: list[str] = []
    for key in keys:
        own = [path for path in paths if under(path, key) and path not in LIVE_KEYS]
        found += own
    return tuple(dict.fromkeys(found or keys))
