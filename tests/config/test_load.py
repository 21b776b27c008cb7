import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config import load
from gateway.core.assets import FailSafe, ModelRung, Proof, RuleRung
from gateway.core.readings import MetricKind
from gateway.core.verdicts import Mode
from tests.config.samples import GOOD, written


@pytest.fixture
def settings(tmp_path: Path):
    return load(written(tmp_path))


def test_brokers_become_their_nouns(settings, tmp_path: Path) -> None:
    local, ttn = settings.brokers["local"], settings.brokers["ttn"]
    assert (local.host, local.port, local.tls) == ("localhost", 1883, None)
    assert local.client_id == "edge-plant-north-local"
    assert (ttn.port, ttn.username) == (8883, "pumps@ttn")
    assert ttn.tls is not None
    assert ttn.password_file == str(tmp_path / "ttn.secret")
    assert settings.announce_broker == "local"
    assert settings.base == "edge/plant-north"


def test_sources_carry_their_bridge_s_own_settings(settings) -> None:
    press = settings.sources["press"]
    assert (press.kind, press.broker, press.keep) == ("json", "local", "mapped")
    assert press.settings.subscribe == ("factory/+/plc",)
    assert (press.settings.time.path, press.settings.time.format) == ("t", "epoch_s")


def test_a_source_may_leave_out_the_only_broker(tmp_path: Path) -> None:
    text = "gateway: {id: a}\nbrokers: {b: {host: h}}\nsources: {z: {bridge: zigbee2mqtt}}\n"
    assert load(written(tmp_path, text)).sources["z"].broker == "b"


def test_metrics_become_their_nouns(settings) -> None:
    metrics = settings.assets["pump-7"].metrics
    power = metrics["power"]
    assert (power.source, power.device, str(power.path)) == ("zigbee", "line 3/pump plug", "power")
    assert (power.low, power.high, power.stale_ms, power.unit) == (0, 4000, 900_000, "W")
    assert str(metrics["temperature"].path) == "object.temperature"
    assert metrics["pressure"].scale == pytest.approx(0.01)
    assert metrics["pressure"].missing_if == {-1.0, 65535.0}
    assert metrics["running"].words == {"ON": True, "OFF": False}
    assert metrics["running"].kind is MetricKind.STATE
    assert metrics["power"].key == "pump-7/power"


def test_scale_and_offset_come_before_the_unit(tmp_path: Path) -> None:
    text = GOOD.replace("source_unit: kPa", "source_unit: degF, scale: 0.1, offset: 32").replace(
        "unit: bar", "unit: degC"
    )
    metric = load(written(tmp_path, text)).assets["pump-7"].metrics["pressure"]
    assert 1000 * metric.scale + metric.offset == pytest.approx((1000 * 0.1 + 32 - 32) / 1.8)


def test_actions_keep_the_types_that_the_user_gave(settings, tmp_path: Path) -> None:
    actions = settings.assets["pump-7"].actions
    assert actions["stop"].set == {"state": "OFF"}
    assert actions["stop"].proof == Proof("power", 30_000, below=5.0)
    assert (actions["stop"].deadline_ms, actions["stop"].expires_ms) == (12_000, 10_000)
    assert actions["close"].set == {"valve": 0}
    assert actions["close"].options == {"port": 85}
    odd = 'set: {a: true, b: "true", c: 012, d: 1.5, e: ON, f: {x: [0.3, "1"]}, g: 0x1f, h: -0}'
    text = GOOD.replace('set: {state: "OFF"}', odd)
    assert load(written(tmp_path, text)).assets["pump-7"].actions["stop"].set == {
        "a": True, "b": "true", "c": "012", "d": 1.5, "e": "ON", "f": {"x": [0.3, "1"]},
        "g": "0x1f", "h": 0,
    }  # fmt: skip


def test_the_ladder_and_the_policy_become_their_nouns(settings) -> None:
    asset = settings.assets["pump-7"]
    first, second = asset.ladder
    assert isinstance(first, RuleRung)
    assert (first.label, first.guard) == ("alarm", True)
    assert first.expression.span_ms == {"temperature": 0, "power": 900_000}
    assert isinstance(second, RuleRung)
    assert second.label == "dry"
    alarm, dry = asset.policy
    assert (alarm.name, alarm.mode, alarm.action) == ("pump-7/policy/0", Mode.ACT, "stop")
    assert (alarm.hits, alarm.of, alarm.clear_hits, alarm.clear_of) == (3, 5, 10, 10)
    assert alarm.min_interval_ms == 1_800_000
    assert (dry.mode, dry.hits, dry.of, dry.flags) == (Mode.ADVISE, 1, 1, ("maintenance",))
    assert [lock.text for lock in dry.unless] == ["power > 3000"]
    assert [lock.text for lock in dry.only_if] == ["running"]
    assert asset.fail_safe == FailSafe(3_600_000, "stop", Mode.ACT)


def test_without_clear_a_rule_clears_when_all_of_its_votes_are_gone(tmp_path: Path) -> None:
    text = GOOD.replace(", clear: 10 of 10", "")
    rule = load(written(tmp_path, text)).assets["pump-7"].policy[0]
    assert (rule.clear_hits, rule.clear_of) == (5, 5)


def test_a_flag_of_the_asset_s_own_is_no_metric(tmp_path: Path) -> None:
    text = GOOD.replace("[maintenance,", "[washing,").replace(
        "    name: Cooling", "    flags: washing\n    name: Cooling"
    )
    assert load(written(tmp_path, text)).assets["pump-7"].policy[1].flags == ("washing",)


def test_store_log_and_limits_become_their_nouns(settings) -> None:
    assert settings.store.max_bytes == 2 << 30
    assert settings.store.keep("readings") == 90 * 86_400_000
    assert settings.store.keep("decisions") == 730 * 86_400_000
    assert settings.store.keep("rejects") == 7 * 86_400_000
    assert (settings.log.level, settings.limits.batch_ms) == ("info", 50)


def test_the_store_s_place_is_the_file_s_else_systemd_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", "/srv/state")
    assert load(written(tmp_path)).store.path == Path("/srv/state/gateway.db")
    text = GOOD.replace("store: {", "store: {path: data/x.db, ")
    assert load(written(tmp_path, text)).store.path == tmp_path / "data/x.db"


def test_yaml_s_traps_stay_what_the_user_wrote(tmp_path: Path) -> None:
    text = (
        GOOD.replace("zigbee/line 3/pump plug, unit", "zigbee/0x00158d00018255df, unit")
        .replace("lora/24e124136b502217, path", "lora/0101010101010101, path")
        .replace("name: North", "name: 3.10")
        .replace("press/4, kind", "press/12:34:56:12:34:56, kind")
    )
    settings = load(written(tmp_path, text))
    metrics = settings.assets["pump-7"].metrics
    assert metrics["power"].device == "0x00158d00018255df"
    assert metrics["temperature"].device == "0101010101010101"
    assert metrics["note"].device == "12:34:56:12:34:56"
    assert settings.gateway_name == "3.10"


PACKAGE = Path("gateway/demo/packages/pump-anomaly").absolute()
MODEL = f"models:\n  wear: {{package: {PACKAGE}}}\nstore: {{"
FED = """
      power: {from: zigbee/line 3/pump plug, unit: W}
      vibration: {from: press/4, unit: mm/s}
      temperature: {from: press/4, unit: degC}
      flow: {from: press/4, unit: l/min}
"""


def fed(metrics: str, rung: str = "{model: wear}") -> str:
    head, _, rest = GOOD.partition("    metrics:\n")
    rest = rest[rest.index("    actions:") :]
    text = f"{head}    metrics:{metrics}{rest}".replace("store: {", MODEL, 1)
    text = text.replace("pressure < 1", "flow < 1").replace("only_if: running", "only_if: flow > 1")
    return text.replace("    verdicts:\n", f"    verdicts:\n      - {rung}\n")


def test_a_model_s_rung_is_held_against_the_package(tmp_path: Path) -> None:
    settings = load(written(tmp_path, fed(FED)))
    assert settings.models["wear"].package == PACKAGE
    assert settings.assets["pump-7"].ladder[0] == ModelRung("wear")


@pytest.mark.parametrize(
    ("metrics", "rung", "says"),
    [
        (FED.replace("vibration:", "shaking:"), "{model: wear}", "needs a metric 'vibration'"),
        (FED.replace("mm/s", "degC", 1), "{model: wear}", "of model 'wear' needs 'mm/s'"),
        (FED.replace("unit: W", "unit: VA"), "{model: wear}", "write unit: W, with source_unit"),
        (FED, "{model: wear, channels: {shake: flow}}", "has no channel 'shake'"),
        (FED, "{model: wear, channels: {flow: stream}}", "unknown metric 'stream'"),
        (FED, "{model: weir}", "unknown model 'weir'; did you mean 'wear'?"),
        (FED, "{model: wear, label: x}", "'label' goes with a rule"),
    ],
)
def test_an_asset_that_cannot_feed_a_model_is_refused(
    tmp_path: Path, metrics: str, rung: str, says: str
) -> None:
    with pytest.raises(Exception, match=says):
        load(written(tmp_path, fed(metrics, rung)))


def test_another_unit_that_can_be_converted_feeds_a_model(tmp_path: Path) -> None:
    load(written(tmp_path, fed(FED.replace("unit: W", "unit: kW"))))


def test_a_channel_may_come_from_a_metric_of_another_name(tmp_path: Path) -> None:
    text = fed(
        FED.replace("vibration:", "shaking:"), "{model: wear, channels: {vibration: shaking}}"
    )
    assert load(written(tmp_path, text)).assets["pump-7"].ladder[0] == ModelRung(
        "wear", channels={"vibration": "shaking"}
    )


def test_a_missing_package_is_named_at_its_key(tmp_path: Path) -> None:
    text = fed(FED).replace(str(PACKAGE), "nowhere")
    with pytest.raises(Exception, match=r"manifest\.json"):
        load(written(tmp_path, text))


def test_loading_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ["onnxruntime", "numpy", "paho", "sqlite_utils", "sqlite3", "asyncio", "structlog"]
    code = (
        f"import sys; from gateway.config import load; load({str(written(tmp_path, fed(FED)))!r});"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
