"""Load a file: read, validate, check, build."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from gateway.config import build, checks, delivery, document, received, tree, validate
from gateway.config.problems import BadFileError
from gateway.config.settings import Settings
from gateway.config.tree import Document


def load(path: Path | str) -> Settings:
    """Give the settings of a file, with the received configuration over it where it asks for that.

    A received configuration that does not fit (any more) is left out, and ``received_why`` says so:
    the user's file always works alone.

    Raises:
        BadFileError: with every problem of the file, each with its place.
    """
    return completed(*load_document(path))


def completed(local: Settings, doc: Document) -> Settings:
    """The settings of a file with what was received over it, where it asks for that."""
    if local.updates is None or not local.updates.may:
        return local
    file = delivery.configuration(local.updates.folder)
    try:
        data = file.read_bytes()
    except OSError:
        return local
    try:
        return load_over(local, doc, data, file)[0]
    except BadFileError as error:
        return replace(local, received_why=str(error))


def load_over(local: Settings, doc: Document, data: bytes, file: Path) -> tuple[Settings, Document]:
    """Give the settings of a file with received sections over it.

    Args:
        local: the settings of the file alone.
        doc: the file.
        data: what was received.
        file: where it lies.

    Raises:
        BadFileError: with every problem, each with its place in one of the two.
    """
    may = local.updates.may if local.updates else ()
    over = received.overlaid(doc, data, file, may)
    settings = replace(_built(over)[0], received=delivery.digest(data))
    return received.allowed(local, settings, file), over


def load_part(path: Path | str, *sections: str) -> Settings:
    """Give the settings of some sections, as if no other were written; see ``parts``.

    Raises:
        BadFileError: with every problem of these sections, each with its place.
    """
    return _built(document.read(Path(path), sections))[0]


def load_document(path: Path | str) -> tuple[Settings, Document]:
    """Give the settings of a file, and the file itself, for those who have more to say of it.

    Raises:
        BadFileError: with every problem of it, each with its place.
    """
    return _built(document.read(Path(path)))


def load_text(data: bytes, path: Path) -> tuple[Settings, Document]:
    """Give the settings of a text that stands instead of a file, and the text as one.

    Raises:
        BadFileError: with every problem of it, each with its place.
    """
    return _built(document.parse(data, path))


def _built(doc: Document) -> tuple[Settings, Document]:
    root, problems = validate.validate(doc)
    if root is not None:
        problems += checks.problems(root, doc)
    if problems or root is None:
        raise BadFileError(problems)
    included = tuple(dict.fromkeys(part.file.absolute() for part in doc.parts[1:]))
    settings = build.build(root, doc.file)
    return replace(settings, digest=_digest(doc), included=included), doc


def _digest(doc: Document) -> str:
    """Of every line of every file, and of what the environment says where it may be shown."""
    named = [(one.reference, one.text) for one in tree.scalars(doc.root) if one.reference]
    said = [f"{one.name}={text}" for one, text in named if not one.hidden and not one.is_path]
    return sha256("\n".join([*doc.lines, *said]).encode()).hexdigest()
