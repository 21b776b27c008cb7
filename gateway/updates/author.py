"""The author's side: a TUF repository of static files, made and signed here.

Consistent snapshots: nothing that a gateway may be reading is overwritten, but ``timestamp.json``,
which is written last. Each model has a role of its own, so that a gateway reads what is said of its
models, and no more. Format: https://theupdateframework.github.io/specification/v1.0.33/
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer
from tuf.repository import Repository

from gateway.errors import ConfigError
from gateway.updates import files
from gateway.updates.keyring import Keyring

DAYS: Final[Mapping[str, int]] = {"root": 730, "targets": 365, "snapshot": 30, "timestamp": 7}
"""How long what is signed holds; roles of models and of configurations as long as targets."""
KEPT: Final = 5
"""Old versions of a role that stay for gateways that are in the middle of a visit."""
_COMPACT: Final = JSONSerializer(compact=True)


class Author(Repository):
    """A repository in a folder, with the keys that are at hand."""

    def __init__(
        self, folder: Path, keys: Keyring, now_ms: int, days: Mapping[str, int] = DAYS
    ) -> None:
        """``days``: how long each top role holds, from now on."""
        self.folder = folder
        self.keys = keys
        self._now = datetime.fromtimestamp(now_ms // 1000, UTC)
        self._metadata = folder / "metadata"
        self._days = {**DAYS, **days}

    # -- tuf.repository.Repository --------------------------------------------------------------

    def open(self, role: str) -> Metadata[Any]:
        """The newest version of a role; a first one where there is none."""
        version = self.version(role)
        if version == 0 and not self._file(role, 0).is_file():
            return _first(role)
        try:
            return Metadata.from_file(str(self._file(role, version)))
        except (RepositoryError, OSError) as error:
            raise ConfigError(f"{self._file(role, version)}: {error}") from error

    def close(self, role: str, md: Metadata[Any]) -> None:
        """The next version of a role, signed.

        Raises:
            ConfigError: too few of its keys are here.
        """
        signed = md.signed
        signed.version += 1
        days = self._days.get(role, self._days["targets"])
        signed.expires = self._now + timedelta(days=days)
        self._sign(role, md)
        data = md.to_bytes(_COMPACT)
        files.put(self._file(role, signed.version), data, 0o644)
        if role == Root.type:
            files.put(self._metadata / "root.json", data, 0o644)

    def _sign(self, role: str, md: Metadata[Any]) -> None:
        """By the keys that it takes; a root also by those of the root before it."""
        keyids, threshold = self._signers(role, md.signed)
        md.signatures.clear()
        signers = self.keys.of(keyids)
        if len(signers) < threshold:
            wanted = ", ".join(keyid[:12] for keyid in keyids)
            raise ConfigError(
                f"{role}: {threshold} of the keys {wanted} must sign, {len(signers)} are here:"
                " give their folders with --keys"
            )
        for signer in signers:
            md.sign(signer, append=True)
        if role == Root.type and self.version(role):
            self._follows(md)

    def _follows(self, md: Metadata[Any]) -> None:
        """A gateway that knows the root before takes this one."""
        for root in (self.root(), md.signed):
            try:
                root.verify_delegate(Root.type, md.signed_bytes, md.signatures)
            except RepositoryError as error:
                raise ConfigError(f"{error}: give the folders of more keys with --keys") from error

    def _signers(self, role: str, signed: Signed) -> tuple[list[str], int]:
        if role in DAYS:
            root = signed if isinstance(signed, Root) else self.root()
            of = root.roles[role]
            keyids = list(of.keyids)
            if role == Root.type and self.version(Root.type):
                keyids += [one for one in self.root().roles[role].keyids if one not in keyids]
            return keyids, of.threshold
        delegated = self.targets().get_delegated_role(role)
        return list(delegated.keyids), delegated.threshold

    @property
    def targets_infos(self) -> dict[str, MetaFile]:
        """What a snapshot says of each role that has targets."""
        return {f"{role}.json": self._info(role) for role in ("targets", *self.delegated())}

    @property
    def snapshot_info(self) -> MetaFile:
        """What a timestamp says of the snapshot."""
        return self._info(Snapshot.type)

    def _info(self, role: str) -> MetaFile:
        version = self.version(role)
        return MetaFile.from_data(version, self._file(role, version).read_bytes(), ["sha256"])

    # -- files ----------------------------------------------------------------------------------

    def version(self, role: str) -> int:
        """The newest version of a role; 0 where there is none, or where it has no number."""
        numbers = [int(file.name.split(".")[0]) for file in self._versions(role)]
        return max(numbers, default=0)

    def _versions(self, role: str) -> list[Path]:
        found = self._metadata.glob(f"[0-9]*.{role}.json")
        return [file for file in found if file.name.partition(".")[2] == f"{role}.json"]

    def _file(self, role: str, version: int) -> Path:
        name = f"{role}.json" if role == Timestamp.type else f"{version}.{role}.json"
        return self._metadata / name

    # -- what is done with it -------------------------------------------------------------------

    def delegated(self) -> list[str]:
        """The roles of models and of configurations."""
        delegations = self.targets().delegations
        roles = delegations.roles if delegations else None
        return list(roles or ())

    def delegate(self, role: str, pattern: str) -> None:
        """Give a role of its own to the files of a pattern, if it has none."""
        if role in self.delegated():
            return
        key = self.keys.make(role).public_key
        with self.edit_targets() as targets:
            if targets.delegations is None:
                targets.delegations = Delegations({}, {})
            roles = targets.delegations.roles
            assert roles is not None  # noqa: S101  # we never write succinct ones
            roles[role] = DelegatedRole(role, [], 1, terminating=True, paths=[pattern])
            targets.add_key(key, role)
        with self.edit_targets(role):
            pass

    def publish(self) -> None:
        """Let the snapshot and the timestamp say what is there now."""
        self.do_snapshot()
        self.do_timestamp()

    def refresh(self) -> list[str]:
        """Sign anew what ends within a third of its time, as far as the keys are here.

        Returns what was signed; the timestamp always is.
        """
        done = []
        for role in ("root", "targets", *self.delegated(), "snapshot"):
            signed = self.open(role).signed
            keyids, threshold = self._signers(role, signed)
            days = self._days.get(role, self._days["targets"])
            soon = signed.expires < self._now + timedelta(days=days / 3)
            if soon and len(self.keys.of(keyids)) >= threshold:
                with self.edit(role):
                    done.append(role)
        self.do_snapshot()
        self.do_timestamp(force=True)
        self._tidy()
        return [*done, Timestamp.type]

    def _tidy(self) -> None:
        """Roots stay for ever: each gateway goes from one to the next."""
        for role in ("targets", *self.delegated(), "snapshot"):
            newest = self.version(role)
            for file in self._versions(role):
                if int(file.name.split(".")[0]) <= newest - KEPT:
                    file.unlink()


def _first(role: str) -> Metadata[Any]:
    """Nothing yet: the first version will be 1."""
    made: dict[str, Signed] = {
        "root": Root(consistent_snapshot=True),
        "snapshot": Snapshot(meta={}),
        "timestamp": Timestamp(snapshot_meta=MetaFile(1)),
    }
    signed = made.get(role, Targets())
    signed.version = 0
    if isinstance(signed, Timestamp):
        signed.snapshot_meta.version = 0
    return Metadata(signed)
