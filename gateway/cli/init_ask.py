"""Asking at a terminal which sources to take and which devices belong to which machine."""

import click

from gateway.cli import init_proposal, init_yaml
from gateway.cli.init_metrics import slug
from gateway.cli.init_proposal import Part, Place, Proposal

ONE_BY_ONE = 24
"""More devices than this are not asked about one by one unless somebody wants that."""


def sources(places: list[Place]) -> list[Place]:
    """The places with the sources that were wanted."""
    kept = []
    for place in places:
        wanted = [
            sight
            for sight in place.sights
            if click.confirm(
                f"Take {sight.source.name} ({sight.source.kind}, {init_yaml.devices(sight)})?",
                default=True,
                err=True,
            )
        ]
        kept.append(Place(place.broker, place.heard, wanted))
    return kept


def assets(proposal: Proposal, found: list[Part]) -> None:
    """Ask what machine each device belongs to; the same answer twice joins two devices."""
    useful = [part for part in found if part.metrics or part.deeds]
    each = len(useful) <= ONE_BY_ONE or click.confirm(
        f"Name {len(useful)} devices one by one?", default=False, err=True
    )
    if each and useful:
        click.echo(
            "For each device: the machine it belongs to. Enter takes the name, the same name again"
            " joins devices, - leaves one out.",
            err=True,
        )
    for part in found:
        if not each or part not in useful:
            init_proposal.add(proposal, part)
            continue
        measured = ", ".join(one.name for one in part.metrics[:6])
        own = init_proposal.own_id(proposal, part)
        said = click.prompt(
            f"{part.source}/{part.seen.device} ({measured})", default=own, err=True
        ).strip()
        if said == "-":
            proposal.left_out.append(f"{part.source}/{part.seen.device}: left out by you")
        else:
            init_proposal.add(proposal, part, slug(said, "-"))
