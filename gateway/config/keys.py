"""The keys that the model of a file knows at a place."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from gateway.config import sources
from gateway.config import tree as trees
from gateway.config.sources import SourceSection
from gateway.config.tree import Document, Place


def keys_at(model: Any, place: Place, doc: Document) -> Sequence[str]:
    """The keys that the model knows at a place."""
    found: Any = model
    for at, step in enumerate(place):
        found = _source_model(doc, place[: at + 1]) or _into(found, step)
    models = list(_models(found))
    return [field.alias or name for m in models for name, field in m.model_fields.items()]


def _source_model(doc: Document, place: Place) -> type[SourceSection] | None:
    if len(place) != 2 or place[0] != "sources":  # noqa: PLR2004 - sources.<name>
        return None
    node = doc.node((*place, "bridge"))
    if not isinstance(node, trees.Scalar) or node.text not in sources.kinds():
        return None
    return sources.section(node.text)


def _into(found: Any, step: str | int) -> Any:
    for model in _models(found):
        for name, field in model.model_fields.items():
            if step == (field.alias or name):
                return field.annotation
    for hint in _unwrapped(found):
        if get_origin(hint) is dict:
            return get_args(hint)[1]
        if get_origin(hint) in (tuple, list):
            return get_args(hint)[0]
    return None


def _models(hint: Any) -> Iterator[type[BaseModel]]:
    for part in _unwrapped(hint):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield part


def _unwrapped(hint: Any) -> Iterator[Any]:
    """A type without Annotated, or the parts of a union."""
    if get_origin(hint) is Annotated:
        yield from _unwrapped(get_args(hint)[0])
    elif get_origin(hint) is Union or type(hint).__name__ == "UnionType":
        for part in get_args(hint):
            yield from _unwrapped(part)
    else:
        yield hint
