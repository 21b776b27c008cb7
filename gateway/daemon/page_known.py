"""Known: what a page that begins has to be told, since no topic says it again or at all."""

from collections.abc import Iterator

from gateway.core import topic_tree, topic_tree_sizes
from gateway.core.topic_tree import encode
from gateway.core.usual import usual
from gateway.daemon.clock import Clock
from gateway.daemon.maintenance import drifted
from gateway.daemon.site import Site

Told = Iterator[tuple[str, bytes]]


def standing(site: Site, clock: Clock) -> Told:
    """How every asset is, what is raised, what drifted: published when it changes, or seldom."""
    now_ms, mono_ms = clock.now_ms(), clock.mono_ms()
    for id_, watch in site.watches.items():
        raised, causes = topic_tree.seen(watch, now_ms, mono_ms), drifted(watch)
        topic = f"asset/{id_}/state"
        state = topic_tree.asset_state(watch, now_ms, mono_ms)
        yield topic, topic_tree_sizes.payload(topic, state)
        if raised:
            topic = f"asset/{id_}/alert"
            yield topic, topic_tree_sizes.payload(topic, topic_tree.alert(id_, raised, now_ms))
        if causes:
            topic = f"asset/{id_}/maintenance"
            told = topic_tree.maintenance(id_, causes, now_ms)
            yield topic, topic_tree_sizes.payload(topic, told)


def bands(site: Site) -> Told:
    """Between what the metrics usually lie: on the page only."""
    for id_, watch in site.watches.items():
        yield f"asset/{id_}/usual", encode(dict(usual(watch.models.values())))
