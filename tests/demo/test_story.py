"""The story tells what the gateway published, and does not let itself be fooled."""

import json
from dataclasses import replace

import pytest

from gateway.core import topic_tree
from gateway.core.commands import Command, State
from gateway.core.policy import Alert
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.demo import ledger, screen
from gateway.demo.plant import PUMPS, WEARING, Plant
from gateway.demo.story import Story
from gateway.demo.twin import Twin

NOW_MS = 1_780_000_000_000
VERDICT = Verdict(WEARING, NOW_MS, 5, "model:pump-anomaly", "alarm", 4.2, 3.1, "1.0.0", "ab")
DECISION = Decision(
    "d1", WEARING, "pump-7/policy/0", "raised", Mode.ACT, "stop", VERDICT, votes="3 of 5"
)
COMMAND = Command(
    id="c1",
    decision_id="d1",
    asset=WEARING,
    action="stop",
    source="zigbee",
    device="plant/line 3/pump plug",
    set={"state": "OFF"},
    created_at_ms=NOW_MS,
    expires_at_ms=NOW_MS,
    created_mono_ms=0,
    expires_mono_ms=0,
    deadline_ms=12_000,
    boot="b",
    state=State.STORED,
)
PROVED = replace(COMMAND, state=State.CONFIRMED, evidence="proof power 0 W < 5 W")


class Telling:
    """A story and the plant it is about."""

    def __init__(self, *, worn=True):
        self.story = Story()
        self.plant = Plant(1, wear_start_s=0.0 if worn else None)
        self.plant.step(1)
        self.events = []
        self.say("availability", b"online", 0.5)
        self.look(1.0)

    @property
    def pump(self):
        return self.plant.pumps[WEARING]

    def look(self, at_s):
        self.events += self.story.watch(self.pump, at_s)

    def say(self, topic, document, at_s):
        data = document if isinstance(document, bytes) else topic_tree.encode(document)
        self.events += self.story.hear(f"{Story.base}/{topic}", data, at_s)

    def decide(self, decision, at_s):
        topic = f"asset/{decision.asset}/decision"
        self.say(topic, topic_tree.decision(decision, NOW_MS), at_s)
        one = Alert(decision.id, decision.verdict.label, NOW_MS)
        raised = [] if decision.event == "cleared" else [(one, None)]
        alert = topic_tree.alert(decision.asset, raised, NOW_MS)
        self.say(f"asset/{decision.asset}/alert", alert, at_s)

    def command(self, command, at_s):
        self.say(f"asset/{command.asset}/command", topic_tree.command(command, NOW_MS), at_s)

    def stop(self, at_s):
        self.pump.on = False
        self.plant.step(15)
        self.look(at_s)

    def whole(self):
        self.decide(DECISION, 2.0)
        self.look(2.0)
        self.command(COMMAND, 2.1)
        self.command(replace(COMMAND, state=State.SENT), 2.2)
        self.command(PROVED, 3.0)
        self.stop(4.0)
        return self


def test_decided_sent_and_proved_is_the_whole_story():
    telling = Telling().whole()
    assert telling.story.shortcomings() == []
    assert telling.story.told_at_s == 4.0
    summary = telling.story.summary(5.0)
    assert summary["ok"]
    assert (summary["decided_at_s"], summary["sent_at_s"], summary["proved_at_s"]) == (2, 2.2, 3)
    assert 0 < summary["wear_at_decision"] < 0.1


def test_nothing_at_all_is_no_story():
    assert len(Story().shortcomings()) == 5


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda telling: telling.command(replace(PROVED, evidence="bridge"), 3), "without proof"),
        (lambda telling: telling.command(replace(PROVED, evidence="device"), 3), "without proof"),
        (
            lambda telling: telling.command(
                replace(COMMAND, state=State.TIMEOUT, reason="no evidence"), 3
            ),
            "a command timeout: no evidence",
        ),
        (
            lambda telling: telling.command(replace(COMMAND, asset="pump-5", state=State.SENT), 3),
            "a healthy pump was stopped: pump-5",
        ),
    ],
)
def test_what_must_not_happen_is_said(spoil, why):
    telling = Telling().whole()
    spoil(telling)
    assert why in "; ".join(telling.story.shortcomings())


def test_a_command_before_the_wear_is_a_false_alarm():
    telling = Telling(worn=False)
    telling.decide(DECISION, 2.0)
    telling.command(replace(COMMAND, state=State.SENT), 2.2)
    assert telling.story.decided_at_s is None
    assert "a healthy pump was stopped" in "; ".join(telling.story.shortcomings())


def test_a_confirmed_command_and_a_pump_that_still_runs_is_not_the_whole_story():
    telling = Telling()
    telling.decide(DECISION, 2.0)
    telling.command(replace(COMMAND, state=State.SENT), 2.2)
    telling.command(PROVED, 3.0)
    telling.look(3.0)
    assert telling.story.shortcomings() == ["the pump still has power"]
    assert telling.story.told_at_s is None


def test_the_first_time_counts():
    telling = Telling().whole()
    telling.decide(replace(DECISION, event="repeated"), 9.0)
    telling.command(replace(COMMAND, id="c2", state=State.SENT), 9.0)
    assert telling.story.summary(9.0)["sent_at_s"] == 2.2


def test_topics_nobody_asked_about_are_passed_over():
    telling = Telling()
    before = len(telling.events)
    telling.say("event", b"not json", 1)
    telling.say("asset/pump-7/unheard-of", b"{}", 1)
    assert len(telling.events) == before


def test_every_event_is_one_json_object_and_one_readable_line():
    telling = Telling().whole()
    telling.say("health", topic_tree.health("running", NOW_MS, {"problems": ["clock"]}), 4)
    telling.events += telling.story.pulse(telling.plant.pumps.values(), 4.5)
    summary = telling.story.summary(5.0)
    extra = {"rule": "temperature > 90", "messages": 9, "noise": {"duplicate": 2}}
    extra |= dict.fromkeys(ledger.QUESTIONS, 3)
    telling.events.append(summary | extra | {"rule_would_have_fired_at_s": 57.0})
    for event in telling.events:
        assert json.loads(json.dumps(event)) == event
        assert event["kind"]
        assert "\x1b" not in screen.line(event, colours=False)
    text = "\n".join(screen.line(event, colours=False) for event in telling.events)
    assert "3 of 5" in text
    assert "proof power 0 W < 5 W" in text
    assert "decided, sent and proved" in text
    assert "55.0 s later" in text


def test_a_decision_that_is_cleared_has_no_votes_to_show():
    telling = Telling()
    normal = replace(DECISION.verdict, label="normal", score=None, rung="rule:3")
    telling.decide(replace(DECISION, event="cleared", verdict=normal, action="", votes=""), 2.0)
    line = screen.line(telling.events[-1], colours=False)
    assert "cleared for pump-7: normal by rule:3 -> alert only" in line


def test_it_does_not_boast_when_the_rule_would_have_been_first():
    summary = Telling().whole().story.summary(5.0)
    extra = {"rule": "temperature > 90", "messages": 9, "noise": {}}
    extra |= dict.fromkeys(ledger.QUESTIONS, 3)
    line = screen.line(summary | extra | {"rule_would_have_fired_at_s": 1.5}, colours=False)
    assert "outran the model's window" in line


def test_colours_are_for_terminals():
    event = {"kind": "alert", "at_s": 1.0, "asset": WEARING, "label": "alarm"}
    assert screen.line(event, colours=True).startswith("\x1b[31m")


def test_the_pulse_names_every_pump():
    telling = Telling()
    assert [
        event["asset"] for event in telling.story.pulse(telling.plant.pumps.values(), 1.0)
    ] == list(PUMPS)


def test_the_twin_runs_on_into_the_heat_although_the_pump_was_stopped():
    plant = Plant(1, wear_start_s=5)
    twin = Twin(plant)
    for _ in range(100):
        plant.step(0.1)
        twin.step(0.1)
    plant.pumps[WEARING].on = False
    for _ in range(600):
        plant.step(0.1)
        twin.step(0.1)
    assert plant.pumps[WEARING].row.temperature < 60
    assert 25 < twin.finish().at_s < 60


def test_the_rule_never_fires_on_a_healthy_plant():
    assert Twin(Plant(1)).finish() is None
