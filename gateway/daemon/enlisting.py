"""Enlisting: a gateway becomes a member of the fleet that its file names."""

from functools import partial

from gateway.core.commands import Command, Step
from gateway.core.interventions import Standing
from gateway.daemon.act import Act
from gateway.daemon.announce import Announce
from gateway.daemon.books import Books
from gateway.daemon.clock import Clock
from gateway.daemon.docket import Docket
from gateway.daemon.explain import Explain
from gateway.daemon.health import Health
from gateway.daemon.held import Held
from gateway.daemon.journal import Journal
from gateway.daemon.last_orders import LastOrders
from gateway.daemon.permits import Permits
from gateway.daemon.relay import Relay
from gateway.daemon.requests import Requests
from gateway.daemon.site import Site
from gateway.daemon.standby import Standby
from gateway.daemon.takeover import Takeover


def enlist(
    site: Site,
    standing: Standing,
    act: Act,
    docket: Docket,
    permits: Permits,
    explain: Explain,
    held: Held,
    requests: Requests,
    last_orders: LastOrders,
    health: Health,
    journal: Journal,
    announce: Announce,
    clock: Clock,
) -> Standby | None:
    """Make the member that this gateway is, and let the others know it; None without a fleet."""
    fleet = site.settings.fleet
    if fleet is None:
        return None
    books = Books(fleet, permits, docket, clock)
    takeover = Takeover(site, act, docket, permits, explain, journal, announce, clock)
    broker = site.settings.brokers[fleet.broker]
    told = (books, takeover, announce, clock)
    standby = Standby(site, fleet, broker, standing, *told)
    presence = standby.presence
    heard = (held, requests, standby.holder, fleet.me, clock)
    standby.relay = Relay(presence, standing, *heard)
    requests.part = standby.relay.part
    act.way = standby.link
    act.leaving = lambda command, out: standby.leaving(command, out, permits.value(command))
    standby.hurry = held.hurry
    standby.quit = partial(_quit, standby, docket)
    last_orders.spared = lambda asset: not standby.holds(asset) or not presence.alone
    health.fleet = standby
    return standby


def _quit(standby: Standby, docket: Docket, slot: str) -> None:
    """What has not left yet does not leave later, when the slot may be ours again."""
    commands: list[Command] = docket.orders.waiting()
    for command in commands:
        if standby.owners.get(command.asset) == slot:
            docket.end(command, Step.REFUSE, "fleet: the slot was lost before it was sent")


async def watch(standby: Standby | None) -> None:
    """Be a member for as long as the daemon runs."""
    if standby is not None:
        await standby.run()


async def leave(standby: Standby | None) -> None:
    """Let another member command from now on."""
    if standby is not None:
        await standby.close()
