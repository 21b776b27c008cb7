from dataclasses import replace

from gateway.bridges.text import Bridge, Settings
from gateway.core.assets import Action, Proof
from gateway.core.commands import Command
from gateway.core.drafts import draft
from gateway.core.verdicts import Decision, Mode, Verdict

VERDICT = Verdict("pump-7", at_ms=5, mono_ms=5, rung="rule:1", label="alarm")
DECISION = Decision("d-1", "pump-7", "pump-7/policy/0", "raised", Mode.ACT, "stop", VERDICT)
BRIDGE = Bridge("esp", Settings(command_topic="{device}/{property}", deadline_s=7.0))
STOP = Action("stop", "esp", "plug", {"state": "OFF"}, expires_ms=2_000)
PROOF = Proof("power", within_ms=30_000, below=5.0)


def made(action: Action) -> Command:
    return draft(DECISION, action, BRIDGE, command_id="c-1", boot="b", now_ms=100, mono_ms=1_000)


def test_the_bridge_says_the_deadline_where_the_file_does_not() -> None:
    assert made(STOP).deadline_ms == 7_000


def test_the_file_says_the_deadline_before_the_bridge_and_the_proof_before_both() -> None:
    assert made(replace(STOP, deadline_ms=900)).deadline_ms == 900
    assert made(replace(STOP, deadline_ms=900, proof=PROOF)).deadline_ms == 30_000


def test_an_unsent_command_is_void_sooner_than_one_that_the_network_queues() -> None:
    command = made(replace(STOP, proof=PROOF))
    assert command.expires_mono_ms == 1_000 + 2_000
    assert command.expires_at_ms == 100 + 30_000


def test_a_draft_names_its_decision_and_says_what_the_action_says() -> None:
    command = made(STOP)
    assert (command.id, command.decision_id, command.asset) == ("c-1", "d-1", "pump-7")
    assert (command.source, command.device, command.set) == ("esp", "plug", {"state": "OFF"})
