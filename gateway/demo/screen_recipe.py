"""What only recipes tell, as lines for a person."""

from collections.abc import Callable, Mapping

from gateway.demo.said import BOLD, GREEN, PLAIN, RED, YELLOW, Said, column, items, mapping
from gateway.demo.story import Event


def _recipe(event: Event) -> Said:
    bridges = ", ".join(map(str, items(event["bridges"])))
    pace = f"{event['speed']:g} times as fast as it is"
    return "site", f"{event['title']}: {event['devices']} devices on {bridges}, {pace}", PLAIN


def _site(event: Event) -> Said:
    values = mapping(event["values"])
    shown = "  ".join(f"{name.replace('_', ' ')} {_value(of)}" for name, of in values.items())
    return "site", f"{shown}   [{clock(event['site_s'])}]", PLAIN


def _happening(event: Event) -> Said:
    return "site", f"{event['say']}   [{clock(event['site_s'])}]", BOLD


def _promise(event: Event) -> Said:
    return "promise", f"kept: {event['that']}", GREEN


def _response(event: Event) -> Said:
    error = f": {event['error']}" if event.get("error") else ""
    return "gateway", f"answers {event['name']}: {event['status']}{error}", YELLOW


def summary(event: Event) -> Said:
    """The end of a recipe."""
    marks = {True: "kept  ", False: "BROKEN"}
    lines = ["as promised" if event["ok"] else f"NOT AS PROMISED: {event['why']}"]
    lines += [
        f"{marks[bool(one['kept'])]}  {one['that']}"
        for one in map(mapping, items(event["promises"]))
    ]
    lines.append(
        f"{clock(event['site_s'])} at the site, {event['messages']} messages -> "
        f"{event['readings']} readings, {event['verdicts']} verdicts, {event['commands']} commands"
    )
    return "summary", column(lines), GREEN if event["ok"] else RED


WORDS: Mapping[str, Callable[[Event], Said]] = {
    "recipe": _recipe,
    "site": _site,
    "happening": _happening,
    "promise": _promise,
    "response": _response,
}


def clock(site_s: object) -> str:
    """Time of the site as ``1 h 05 min`` or ``2 min 10 s``."""
    minutes, seconds = divmod(int(float(str(site_s))), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value}"
