"""Events as lines for a person: time, who, what. Colours on a terminal only."""

from collections.abc import Callable, Mapping

from gateway.demo import screen_recipe
from gateway.demo.said import BOLD, DIM, GREEN, PLAIN, RED, YELLOW, Said, column, items, mapping
from gateway.demo.story import Event

_LABEL_COLOURS = {"normal": GREEN, "alarm": RED}


def line(event: Event, *, colours: bool) -> str:
    """The line of an event; empty for one that only a program wants to see."""
    who, text, colour = _WORDS[str(event["kind"])](event)
    if not text:
        return ""
    body = f"{_number(event['at_s'], 1):>6} s  {who:<8} {text}"
    return f"\x1b[{colour}m{body}\x1b[0m" if colours and colour != PLAIN else body


def _started(event: Event) -> Said:
    tip = f"look in: mosquitto_sub -p {event['port']} -v -t 'edge/#'"
    return "broker", f"{event['broker']} on {event['host']}:{event['port']}   {tip}", DIM


def _starting(event: Event) -> Said:
    return "gateway", f"starts on {event['config']}", DIM


def _page(event: Event) -> Said:
    return "page", f"soon on http://127.0.0.1:{event['port']}/   (Ctrl-C ends all)", BOLD


def _radios(event: Event) -> Said:
    return "plant", f"{event['pumps']} pumps behind {_BRIDGES}", PLAIN


def _gateway(event: Event) -> Said:
    good = event["state"] == "online"
    return "gateway", str(event["state"]), GREEN if good else YELLOW


def _health(event: Event) -> Said:
    problems = items(event["problems"])
    why = f" ({'; '.join(map(str, problems))})" if problems else ""
    return "gateway", f"health: {event['state']}{why}", DIM


def _pump(event: Event) -> Said:
    sensors = (
        f"{_number(event['power'], 0):>4} W {_number(event['flow'], 0):>4} l/min "
        f"{_number(event['temperature'], 1):>5} degC {_number(event['vibration'], 2):>5} mm/s"
    )
    label = str(event["label"] or "unknown")
    return str(event["asset"]), f"{sensors}   {label}", _LABEL_COLOURS.get(label, PLAIN)


def _verdict(event: Event) -> Said:
    if event["before"] is None:
        return "gateway", "", PLAIN
    score = "" if event["score"] is None else f", score {_number(event['score'], 2)}"
    text = f"verdict on {event['asset']}: {event['label']} ({event['rung']}{score})"
    return "gateway", text, _LABEL_COLOURS.get(str(event["label"]), YELLOW)


def _plant(event: Event) -> Said:
    if event["event"] == "wear_began":
        return "plant", f"the bearing of {event['asset']} takes its first damage: no sign yet", BOLD
    wear = round(100 * _float(event["wear"]))
    return "plant", f"{event['asset']} stands still, its bearing {wear} % worn", BOLD


def _decision(event: Event) -> Said:
    score, level = _number(event.get("score"), 2), _number(event.get("level"), 2)
    votes = f"in {event['votes']} verdicts of" if event.get("votes") else "by"
    why = f"{event.get('label')} {votes} {event.get('rung')}"
    held = f" (score {score}, level {level})" if event.get("score") is not None else ""
    what = f"{event.get('mode')}: {event.get('action')}" if event.get("action") else "alert only"
    refused = f", refused: {event['refused']}" if event.get("refused") else ""
    text = f"decision {event.get('event')} for {event['asset']}: {why}{held} -> {what}{refused}"
    return "gateway", text, BOLD


def _command(event: Event) -> Said:
    state = str(event["state"])
    detail = {
        "stored": "in the database before anything is sent",
        "sent": f"{_set(event.get('set'))} to {event.get('device')}",
        "accepted": f"{event.get('evidence')}; that is no proof yet",
        "confirmed": f"{event.get('evidence')}",
    }.get(state, str(event.get("reason")))
    colour = {"confirmed": GREEN}.get(state, PLAIN if state in _ALIVE else RED)
    return "gateway", f"command {state}: {detail}", colour


def _alert(event: Event) -> Said:
    return "gateway", f"alert for {event['asset']}: {event.get('label')}", RED


def _summary(event: Event) -> Said:
    if "promises" in event:
        return screen_recipe.summary(event)
    noise = ", ".join(f"{number} {kind}" for kind, number in mapping(event["noise"]).items())
    radios = f"radio noise on purpose: {noise}" if noise else "no radio noise"
    counts = (
        f"{event['messages']} messages -> {event['readings']} readings stored "
        f"({event['uncertain']} uncertain), {event['duplicates']} duplicates dropped, "
        f"{event['rejects']} rejects kept"
    )
    end = "decided, sent and proved" if event["ok"] else f"NOT SHOWN: {event['why']}"
    lines = (end, _comparison(event), counts, radios)
    return "summary", column(lines), GREEN if event["ok"] else RED


def _comparison(event: Event) -> str:
    rule, decided = event["rule_would_have_fired_at_s"], event["decided_at_s"]
    if rule is None or decided is None:
        return ""
    early_s = _float(rule) - _float(decided)
    text = f"decided at {_number(decided, 1)} s; the rule '{event['rule']}' would have fired at "
    if early_s <= 0:
        return f"{text}{_number(rule, 1)} s: at this speed the wear outran the model's window"
    worn = (
        f"{_percent(event['wear_at_decision'])} worn instead of {_percent(event['wear_at_rule'])}"
    )
    return f"{text}{_number(rule, 1)} s: {early_s:.1f} s later; bearing {worn}"


_BRIDGES = "Zigbee2MQTT (plugs), ChirpStack (vibration, heat) and The Things Stack (flow)"
_ALIVE = {"stored", "sent", "accepted"}
_WORDS: Mapping[str, Callable[[Event], Said]] = {
    "broker": _started,
    "radios": _radios,
    "page": _page,
    "starting": _starting,
    "gateway": _gateway,
    "health": _health,
    "pump": _pump,
    "verdict": _verdict,
    "plant": _plant,
    "decision": _decision,
    "command": _command,
    "alert": _alert,
    "summary": _summary,
    **screen_recipe.WORDS,
}


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _number(value: object, digits: int) -> str:
    return f"{_float(value):.{digits}f}"


def _set(values: object) -> str:
    return ", ".join(f"{key}={value}" for key, value in mapping(values).items())


def _percent(share: object) -> str:
    return f"{min(100.0, 100 * _float(share)):.0f} %"
