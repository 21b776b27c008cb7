"""The keys that the model of a file knows at a place."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel

from gateway.config import sinks, sources
from gateway.config import tree as trees
from gateway.config.tree import Document, Place


class _Plugs(NamedTuple):
    """Where plug-ins bring their own keys."""

    key: str
    kinds: Callable[[], Sequence[str]]
    section: Callable[[str], type[BaseModel]]


_PLUGGED: Final[dict[Place, _Plugs]] = {
    ("sources",): _Plugs("bridge", sources.kinds, sources.section),
    ("cloud", "sync"): _Plugs("sink", sinks.kinds, sinks.section),
}


def keys_at(model: Any, place: Place, doc: Document) -> Sequence[str]:
    """The keys that the model knows at a place."""
    found: Any = model
    for at, step in enumerate(place):
        found = _plugged(doc, place[: at + 1]) or _into(found, step)
    models = list(_models(found))
    return [field.alias or name for m in models for name, field in m.model_fields.items()]


def _plugged(doc: Document, place: Place) -> type[BaseModel] | None:
    *room, _ = place
    plugs: _Plugs | None = _PLUGGED.get(tuple(room))
    node = doc.node((*place, plugs.key)) if plugs else None
    if plugs is None or not isinstance(node, trees.Scalar) or node.text not in plugs.kinds():
        return None
    return plugs.section(node.text)


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
