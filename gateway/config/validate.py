"""The tree against the model: pydantic's errors become problems with a place and plain words.

A file with wrong parts is checked on without them, so that one run shows what the rest lacks too.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from gateway.config import migrations
from gateway.config import tree as trees
from gateway.config.keys import keys_at
from gateway.config.nouns import KindError, SlippedKeyError
from gateway.config.problems import Problem, choices, near
from gateway.config.root import Root
from gateway.config.tree import Document, Place

_ROUNDS = 64
_SECRET = re.compile(r"^(password|passphrase|secret|token|key)$")
_COLUMN = re.compile(r"^column (\d+): ")
_REQUIRED: dict[str, Any] = {"gateway": {"id": "gateway"}}
_WORDS = {
    "string_type": "should be text",
    "dict_type": "should be a mapping",
    "model_type": "should be a mapping",
    "model_attributes_type": "should be a mapping",
    "tuple_type": "should be a list",
    "list_type": "should be a list",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "finite_number": "should be a finite number",
    "int_parsing": "should be a whole number",
    "int_type": "should be a whole number",
    "int_from_float": "should be a whole number",
    "bool_parsing": "should be true or false",
    "bool_type": "should be true or false",
    "greater_than_equal": "should be at least {ge}",
    "less_than_equal": "should be at most {le}",
    "greater_than": "should be greater than {gt}",
    "less_than": "should be less than {lt}",
    "string_too_long": "is longer than {max_length} characters",
    "string_too_short": "is shorter than {min_length} characters",
    "too_short": "should have at least {min_length} entries, has {actual_length}",
    "too_long": "should have at most {max_length} entries, has {actual_length}",
    "missing": "is missing",
}


_Model = TypeVar("_Model", bound=BaseModel)


def validate(doc: Document) -> tuple[Root | None, list[Problem]]:
    """Give the model of what is right in the file, and the problems of the rest."""
    return validate_as(Root, doc, "a mapping with gateway, brokers, sources, assets", _REQUIRED)


def validate_as(
    model: type[_Model], doc: Document, form: str, required: dict[str, Any]
) -> tuple[_Model | None, list[Problem]]:
    """The same for a file of another kind.

    Args:
        model: what it should be.
        doc: the file.
        form: what it should be, in words.
        required: stands in for keys that must be there, where they are missing or wrong.
    """
    problems = list(_empty(doc, doc.root, ()))
    tree = trees.plain(doc.root)
    if not isinstance(tree, dict):
        return None, [doc.problem((), f"should be {form}")]
    tree = {key: value for key, value in tree.items() if value is not None}
    for round_ in range(_ROUNDS):
        try:
            return model.model_validate(tree), problems
        except ValidationError as refusal:
            errors = list(_flat(doc, refusal, ()))
        if round_ == 0:
            places = {(error.place, error.missing): error for error in reversed(errors)}
            problems += [
                _problem(model, doc, error) for error in places.values() if _news(error.entry)
            ]
        wrong = {error.place for error in errors}
        while not sum(_prune(tree, place, required) for place in wrong):
            wrong = {place[:-1] for place in wrong}  # taken out before: its owner cannot do without
    return None, problems


def _empty(doc: Document, node: trees.Node, place: Place) -> Iterator[Problem]:
    """Keys without a value, but for whole sections that are commented out."""
    if isinstance(node, trees.Mapping):
        for key, value in node.items.items():
            yield from _empty(doc, value, (*place, key))
    elif isinstance(node, trees.Sequence):
        for at, value in enumerate(node.items):
            yield from _empty(doc, value, (*place, at))
    elif not node.text and not node.quoted and len(place) > 1:
        yield doc.problem(place, f"{_title(place)} has no value", key=True)


def _news(entry: Any) -> bool:
    """What has no value was reported as such already."""
    return entry["input"] is not None or entry["type"] == "missing"


class _Error(NamedTuple):
    """One of pydantic's errors, at a place that the file has."""

    place: Place
    missing: str
    """The key that is missing there, if that is the error."""
    entry: Any


def _flat(doc: Document, error: ValidationError, base: Place) -> Iterator[_Error]:
    """Errors with their places; a source's own errors are inside the error of its entry."""
    for entry in error.errors(include_url=False):
        place = (*base, *entry["loc"])
        inner = entry.get("ctx", {}).get("error")
        if isinstance(inner, KindError):
            place = (*place, inner.key)
        if isinstance(inner, ValidationError):
            yield from _flat(doc, inner, place)
        elif entry["type"] == "missing":
            yield _Error(doc.existing(place[:-1]), str(place[-1]), entry)
        else:
            yield _Error(doc.existing(place), "", entry)


def _problem(model: type[BaseModel], doc: Document, error: _Error) -> Problem:
    place, missing, entry = error
    if missing:
        where = f"{_title(place)}: " if place else ""
        return doc.problem(place, f"{where}{missing!r} is missing", key=True)
    if entry["loc"][-1] == "[key]":
        message = "a name has letters, digits, '_', '.', '-', at most 64"
        return doc.problem(place, f"{str(place[-1])[:80]!r}: {message}", key=True)
    if entry["type"] == "extra_forbidden":
        return _unknown_key(model, doc, place)
    slipped = entry.get("ctx", {}).get("error")
    if isinstance(slipped, SlippedKeyError):
        return doc.problem(place, str(slipped), slipped.hint, key=True)
    message, hint, offset = _words(entry)
    hint = migrations.hint(place, str(entry["input"])) or hint or _cut(doc, place)
    colon = ":" if entry["type"] == "value_error" else ""
    return doc.problem(place, f"{_title(place)}{colon} {message}", hint, offset=offset)


def _cut(doc: Document, place: Place) -> str:
    """A rule that ends at a comma: inside ``{ }`` or ``[ ]`` an unquoted comma ends a value."""
    node = doc.node(place)
    if not isinstance(node, trees.Scalar) or node.quoted:
        return ""
    if node.text.count("(") <= node.text.count(")"):
        return ""
    after = doc.line(node.mark.line)[node.mark.column - 1 + len(node.text) :]
    return "quote it: the comma ends an unquoted value here" if after[:1] == "," else ""


def _title(place: Place) -> str:
    """The key, or what its entries are in: ``'range'``, ``an entry of 'policy'``."""
    named = [step for step in place if isinstance(step, str)]
    if not named:
        return "the file"
    return repr(named[-1]) if named[-1] == place[-1] else f"an entry of {named[-1]!r}"


def _words(entry: Any) -> tuple[str, str, int | None]:
    """(message, hint, offset into the text) of one error."""
    context, given = entry.get("ctx", {}), entry["input"]
    if entry["type"] == "value_error":
        return said(context["error"])
    if entry["type"] in ("literal_error", "enum"):
        known = re.findall(r"'([^']*)'", str(context["expected"]))
        hint = near(str(given), known)
        return f"should be one of {choices(known)}, not {str(given)[:80]!r}", hint, None
    if entry["type"] == "string_pattern_mismatch":
        return f"{str(given)[:80]!r} should match {context['pattern']}", "", None
    template = _WORDS.get(entry["type"])
    shown = {name: _readable(bound, given) for name, bound in context.items()}
    message = template.format(**shown) if template else str(entry["msg"]).lower()
    wrong = f", not {str(given)[:80]!r}" if isinstance(given, str) else ""
    return message + wrong, "", None


def _readable(bound: Any, given: Any) -> Any:
    """A bound of a size as the user writes sizes."""
    whole = isinstance(bound, int) and bound >= 1 << 20 and bound % (1 << 20) == 0
    return f"{bound >> 20}MiB" if whole and str(given).endswith("B") else bound


def said(error: Exception) -> tuple[str, str, int | None]:
    """What an error of ours says: with a column inside the text, where it has one."""
    message, hint = str(error), str(getattr(error, "hint", ""))
    column = getattr(error, "column", None)
    found = _COLUMN.match(message)
    if found is not None:
        column, message = int(found[1]), message[found.end() :]
    return message, hint, (column - 1 if isinstance(column, int) else None)


def _unknown_key(model: type[BaseModel], doc: Document, place: Place) -> Problem:
    key = str(place[-1])
    known = keys_at(model, place[:-1], doc)
    if _SECRET.fullmatch(key) and f"{key}_file" in known:
        hint = f"secrets are never in this file: name a file that holds it with '{key}_file'"
    else:
        unused = [one for one in known if doc.node((*place[:-1], one)) is None]
        hint = migrations.hint(place) or near(key, known, unused)
        hint = hint or (f"there are {choices(known, 20)}" if known else "")
    return doc.problem(place, f"unknown key {key!r}", hint, key=True)


def _prune(tree: dict[str, Any], place: Place, required: dict[str, Any]) -> bool:
    """Take out what is wrong, if it is there; the root counts as there.

    A list with a wrong entry goes whole, so that indexes stay true.
    """
    while place and isinstance(place[-1], int):
        place = place[:-1]
    if not place:
        tree.update({key: value for key, value in required.items() if key not in tree})
        return True
    inside: Any = tree
    for step in place[:-1]:
        inside = inside[step] if isinstance(step, int) else inside.get(step)
        if not isinstance(inside, dict | list):
            return False
    return isinstance(inside, dict) and inside.pop(place[-1], None) is not None
