"""A sensor that drifts slowly, heard by the running daemon: somebody is told, nothing is done."""

from pathlib import Path
from random import Random

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models.heat import package

PERIOD_S = 0.01
RISE = 0.02
"""Standard deviations that the sensor drifts with each report."""
LEARNT = "SELECT n FROM counter WHERE scope = 'model:heat' AND reason = 'answered'"


def test_a_slow_drift_is_announced_for_people_and_never_acted_on(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    package(tmp_path / "heat", "1.0.0", 1_000.0, period_s=PERIOD_S)
    text = pump(
        broker.port,
        ("    verdicts:\n", "    fail_safe: {after: 1h, do: stop}\n    verdicts:\n"),
        ("    verdicts:\n", "    verdicts:\n      - {model: heat}\n"),
        ("level: debug", "level: info"),
        ("log: {", "models: {heat: {package: heat}}\nlog: {"),
    )
    random, level = Random(4), 50.0
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()

        def comes(rise: float = 0.0) -> None:
            nonlocal level
            level += rise
            zigbee.tell("probe", temperature=round(random.gauss(level, 1.0), 3))

        def learnt() -> bool:
            comes()
            found = daemon.rows(LEARNT)
            return bool(found) and found[0][0] > 1_200  # 128 blocks of 8 rows, and some more

        wait_until(learnt, "it has learnt what is usual", 120)
        assert zigbee.heard("edge/here/asset/pump/maintenance") == []

        def told() -> bool:
            comes(RISE)
            return bool(zigbee.heard("edge/here/asset/pump/maintenance"))

        wait_until(told, "the message", 120)
        message = zigbee.heard("edge/here/asset/pump/maintenance")[0]
        assert message["state"] == "raised"
        assert {cause["what"] for cause in message["causes"]} <= {"temperature", "score"}
        cause = message["causes"][0]
        assert 49 < cause["usual"] < 51
        assert cause["now"] > cause["usual"]
        assert "look at the sensor" in cause["text"]
        wait_until(lambda: daemon.logged("drift_changed"), "the log")
        assert zigbee.newest("asset/pump/state")["label"] == "normal"
        assert daemon.stop() == 0
        assert zigbee.orders == []
        assert daemon.rows("SELECT * FROM decision") == []
        assert daemon.commands() == []
    with Peer(broker.port, "edge/here/asset/pump/maintenance") as late:
        wait_until(lambda: late.heard, "it is retained")
