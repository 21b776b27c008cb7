"""What the model cannot say: names that refer to nothing, and parts that do not fit together."""

from collections.abc import Iterator

from gateway.config import (
    check_actions,
    check_assets,
    check_fleet,
    check_guards,
    check_inference,
    check_models,
    check_people,
    check_sources,
    check_sync,
    check_telling,
    check_updates,
    check_web,
)
from gateway.config.findings import Findings
from gateway.config.problems import Problem
from gateway.config.root import Root
from gateway.config.tree import Document


def problems(root: Root, doc: Document) -> Iterator[Problem]:
    """Every problem of the parts that are right in themselves."""
    found = Findings(root, doc)
    bridges, refused = check_sources.bridges(found)
    yield from refused
    yield from check_sources.problems(found, bridges)
    manifests, wrong = check_models.manifests(found)
    yield from wrong
    yield from check_telling.problems(found)
    yield from check_sync.problems(found)
    yield from check_updates.problems(found)
    yield from check_web.problems(found)
    yield from check_people.problems(found)
    yield from check_inference.problems(found)
    yield from check_guards.exclusions(found)
    yield from check_fleet.problems(found)
    for id_, asset in root.assets.items():
        yield from check_assets.problems(found, id_, asset, manifests)
        yield from check_actions.problems(found, id_, asset, bridges)
        yield from check_guards.problems(found, id_, asset)
