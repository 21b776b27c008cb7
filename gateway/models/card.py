"""A model card to begin with: what the manifest knows, and what only people can say."""

from collections.abc import Mapping
from typing import Any, Final

CARD: Final = "MODEL_CARD.md"
OPEN: Final = (
    ("Data", "what it was trained on, from which machines, when, and who may use it"),
    ("Figures", "how often it is right on machines it never saw, with the spread over them"),
    ("Level", "why it is where it is: what a miss costs, and what a false alarm"),
    ("Known to fail", "where it must not be used"),
)
"""What nobody but the maker of a model knows."""


def card(document: Mapping[str, Any]) -> str:
    """The card of a manifest, with ``TO DO`` where somebody must say more."""
    wanted, decision = document["input"], document["decision"]
    channels = ", ".join(f"`{one['name']}` [{one['unit'] or '1'}]" for one in wanted["channels"])
    outputs = ", ".join(f"`{one['tensor']}` ({one['meaning']})" for one in document["outputs"])
    levels = ", ".join(f"{one['label']} on {one['on']:g}, off {one['off']:g}" for one in
                       decision["levels"])  # fmt: skip
    rows = f"{wanted['window']} rows, {wanted['period_s']:g} s apart, as `{wanted['features']}`"
    lines = [
        f"# {document['id']} {document['version']}",
        "",
        f"- **Kind**: {document['task']}, on {rows}.",
        f"- **Input**: {channels}.",
        f"- **Output**: {outputs}.",
        f"- **Levels**: a score {decision['raises']}: {levels}.",
        f"- **Golden vectors**: on windows {document['provenance']['golden']}.",
        f"- **Licence**: {document['licence']}.",
        *(f"- **{name}**: TO DO: {question}." for name, question in OPEN),
    ]
    return "\n".join(lines) + "\n"
