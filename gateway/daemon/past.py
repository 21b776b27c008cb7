"""Past: what the record says of the time before a replay, and of the same time."""

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from gateway.config.settings import Settings
from gateway.core.calibration import Calibration
from gateway.core.causes import OF_THE_PROCESS
from gateway.core.comparison import Made
from gateway.core.guards import Deed
from gateway.core.ledger import KEPT_MS, Use
from gateway.core.times import rfc3339
from gateway.core.verdicts import FORCED, PERSON
from gateway.core.watch import Watch
from gateway.daemon.restore import calibration_key
from gateway.store.history import History, Past

HOUR_MS: Final = 3_600_000


def past(
    history: History, since_ms: int, until_ms: int, assets: Collection[str]
) -> tuple[list[Made], list[str]]:
    """What was decided then, with what stood before; and what is left out of it."""
    found = [*history.standing(since_ms), *history.decisions(since_ms, until_ms)]
    found = [one for one in found if not assets or one.asset in assets]
    then = [recorded(one) for one in found if not _of_the_process(one)]
    ours = len(found) - len(then)
    people = [one for one in then if one.event == FORCED or one.rung.startswith(PERSON)]
    notes = [f"{len(people)} actions of people are not replayed"] if people else []
    notes += [f"{ours} fail-safes for the gateway's own end are not replayed"] if ours else []
    return [one for one in then if one not in people], notes


def _of_the_process(past: Past) -> bool:
    """Decided because of the gateway's process or its worker, which history has none of."""
    return str(json.loads(past.verdict).get("cause", "")).startswith(OF_THE_PROCESS)


def recorded(past: Past) -> Made:
    """What is compared of a stored decision."""
    verdict = json.loads(past.verdict)
    told = {"label": verdict["label"], "rung": verdict["rung"], "score": verdict.get("score")}
    return Made(*past[:8], **told, value=past.value)


def stand(watch: Watch, past: Iterable[Past], shift_ms: int) -> list[Past]:
    """Let policies begin as the record left them; what is still about the same label.

    Args:
        watch: the asset.
        past: its newest decisions.
        shift_ms: from the wall clock of the record to the running time of the replay.

    Returns:
        The decisions whose alerts stand.
    """
    rules = {rule.name: rule for rule in watch.asset.policy}
    memory: dict[str, object] = {}
    stood: list[Past] = []
    for one in past:
        rule, raised = rules.get(one.policy), one.event in ("raised", "repeated")
        if rule is None or (raised and json.loads(one.verdict)["label"] != rule.when):
            continue
        stood += [one] if raised else []
        acted = bool(one.action) and not one.refused
        memory[one.policy] = {
            "votes": [int(raised)] * (max(rule.of, rule.clear_of) if raised else 0),
            "raised": raised,
            "due": raised and bool(rule.action) and (bool(one.refused) or one.mode != "act"),
            "refused": one.refused,
            "mode": one.mode if raised else "",
            "alert": one.id if raised else "",
            "acted_mode": one.mode if acted else "",
            "acted_ms": one.at_ms + shift_ms if acted else None,
            "since_ms": one.at_ms if raised else None,
        }
    watch.policy.restore(json.dumps(memory))
    return stood


def calibrate(watches: Mapping[str, Watch], kept: Mapping[str, str], start_ms: int) -> list[str]:
    """Take up what was learnt before a time; what was learnt later is learnt again."""
    notes = []
    for asset, watch in watches.items():
        for model, state in watch.states():
            wanted = state.calibration
            if wanted is None:
                continue
            text = kept.get(calibration_key(asset, model, state.hash)[1])
            learnt = text and Calibration.from_json(text, wanted.rows, wanted.columns, wanted.level)
            if learnt and learnt.ready and learnt.at_ms <= start_ms:
                state.calibration = learnt
            else:
                notes.append(f"{asset}: {model} learns again what is normal, from here on")
    return notes


def thinned(history: History, settings: Settings, since_ms: int, until_ms: int) -> list[str]:
    """Where only hourly values are left: they are no samples, and are not judged."""
    mine = {metric.key for asset in settings.assets.values() for metric in asset.metrics.values()}
    return [
        f"{one.key}: only hourly values are left from {rfc3339(one.first_at_ms)} to "
        f"{rfc3339(one.last_at_ms + HOUR_MS)} ({one.hours} hours): not judged"
        for one in history.thinned(since_ms, until_ms)
        if one.key in mine
    ]


def sent(history: History, now_ms: int, mono_ms: int) -> list[Use]:
    """The commands of the day before a time, as limits count them."""
    return [
        Use(
            one.id,
            Deed(one.asset, one.action),
            mono_ms - (now_ms - one.at_ms),
            sent=True,
            ended_ms=mono_ms - (now_ms - one.at_ms),
        )
        for one in history.sent(now_ms - KEPT_MS, now_ms)
    ]
