"""A good file to spoil."""

from pathlib import Path

GOOD = """\
gateway: {id: plant-north, name: North}
brokers:
  local: {host: localhost}
  ttn: {host: eu1.example, tls: true, username: pumps@ttn, password_file: ttn.secret}
sources:
  zigbee: {bridge: zigbee2mqtt, broker: local, base: zigbee2mqtt}
  lora: {bridge: chirpstack, application_id: 17c82e96, broker: local}
  press:
    bridge: json
    broker: local
    subscribe: factory/+/plc
    topic: factory/{device}/plc
    each: "[*]"
    name: n
    value: v
    time: {path: t, format: epoch_s}
assets:
  pump-7:
    name: Cooling pump 7
    metrics:
      power: {from: zigbee/line 3/pump plug, unit: W, range: [0, 4000], stale: 15m}
      temperature: {from: lora/24e124136b502217, path: object.temperature, unit: degC}
      pressure: {from: press/4, source_unit: kPa, unit: bar, missing_if: [-1, 65535]}
      running: {from: zigbee/line 3/pump plug, path: state, words: {"ON": true, "OFF": false}}
      note: {from: press/4, kind: text}
    actions:
      stop:
        to: zigbee/line 3/pump plug
        set: {state: "OFF"}
        deadline: 12s
        proof: {metric: power, below: 5, within: 30s}
      close: {to: lora/24e124136b502217, set: {valve: 0}, options: {port: 85}}
    verdicts:
      - {rule: "temperature > 90 and mean(power, 15m) > 100", label: alarm, guard: true}
      - {rule: pressure < 1, label: dry}
    policy:
      - {when: alarm, for: 3 of 5, clear: 10 of 10, do: stop, mode: act, min_interval: 30m}
      - {when: dry, do: close, unless: [maintenance, power > 3000], only_if: running}
    fail_safe: {after: 1h, do: stop}
store: {max_bytes: 2GiB, keep: {readings: 90d, decisions: 2y}, durability: full}
log: {level: info}
limits: {batch: 50ms}
"""


def written(folder: Path, text: str = GOOD) -> Path:
    """The text as a file with the secret that it names."""
    (folder / "ttn.secret").write_text("secret\n")
    (folder / "ttn.secret").chmod(0o600)
    file = folder / "plant.yaml"
    file.write_text(text, "utf-8")
    return file
