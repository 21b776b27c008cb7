"""``edge-gateway support-bundle``: everything that helps, nothing that is secret."""

import base64
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until

SECRETS = {
    "mqtt.secret": 'Broker pa$$word"17',
    "hq.token": "tok_9f8e7d6c5b4a",
    "people.secret": "ntfys://anna:alertSecret77@ntfy.example/plant",
    "page.secret": "anna:operator:scrypt$16384$8$1$" + "ab" * 16 + "$" + "cd" * 32,
    "handed": "credential-of-systemd-88",
}
USER = "username: gateway, password_file: mqtt.secret"
IN_THE_FILE = "commentSecret55"


def site(folder: Path, port: int) -> str:
    """A configuration that names secrets in every way it can, and one in a comment."""
    for name, secret in SECRETS.items():
        (folder / name).write_text(secret + "\n")
    sync = f"cloud: {{sync: {{hq: {{sink: http, url: 'http://127.0.0.1:{free_port()}/rows',"
    return (
        pump(port, ("host: 127.0.0.1", f"host: 127.0.0.1, {USER}"))
        + f"# the old password was {IN_THE_FILE}\n"
        + f"{sync} token_file: hq.token, send: [decisions]}}}}}}\n"
        + "web: {password_file: page.secret}\n"
        + "alerts: [{to_file: people.secret, when: [raised]}]\n"
    )  # fmt: skip


def unpacked(file: Path) -> dict[str, bytes]:
    with tarfile.open(file) as tar:
        return {
            one.name.removeprefix("edge-gateway/"): tar.extractfile(one).read()  # type: ignore[union-attr]
            for one in tar.getmembers()
        }


def forms(secret: str) -> set[bytes]:
    words = {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}
    words |= {base64.b64encode(secret.encode()).decode().rstrip("=")}
    return {word.encode() for word in words}


def bundle(folder: Path, *options: str, code: int | None = 0) -> dict[str, bytes]:
    file = folder / "bundle.tar.gz"
    words = ["support-bundle", "--config", str(folder / "gateway.yaml"), "--wait", "1", "--force"]
    result = CliRunner().invoke(cli, [*words, "--output", str(file), *options])
    assert code is None or result.exit_code == code, result.output
    assert file.stat().st_mode & 0o077 == 0
    return unpacked(file)


def nothing_secret(packed: dict[str, bytes]) -> None:
    words = [*SECRETS.values(), "alertSecret77", "cd" * 32, IN_THE_FILE, "plantedPw"]
    for name, data in packed.items():
        for secret in words:
            for form in forms(secret):
                assert form not in data, f"{secret} in {name}"


@pytest.mark.broker
def test_a_running_gateway_tells_all_but_its_secrets(
    tmp_path: Path, make_broker: Callable[..., Mosquitto], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/handed").write_text(SECRETS["handed"])
    broker = make_broker().start()
    with Daemon(tmp_path, site(tmp_path, broker.port)) as daemon, Peer(broker.port) as peer:
        daemon.hears()
        for secret in SECRETS.values():
            said = f'{{"password": "plantedPw", broken {secret}'
            peer.publish("zigbee2mqtt/probe", said.encode())
            peer.publish(f"zigbee2mqtt/{quote(secret)}", b"[1]")
        wait_until(lambda: daemon.rows("SELECT count(*) FROM reject")[0][0] >= 10, "rejects")
        packed = bundle(tmp_path, "--with-payloads", code=None)
        plain = bundle(tmp_path, code=None)
    nothing_secret(packed)
    nothing_secret(plain)
    assert packed.keys() == plain.keys() == {
        "README.txt", "versions.json", "check.json", "configuration.yaml", "effective.yaml",
        "origins.txt", "database.json", "rejects.jsonl", "health.json", "status.txt", "doctor.json",
        "missing.json",
    }  # fmt: skip
    assert json.loads(packed["missing.json"]) == {}
    assert json.loads(packed["health.json"])["state"]
    assert {"broker-reachable"} <= {one["id"] for one in json.loads(packed["doctor.json"])}
    rows = json.loads(packed["database.json"])["rows"]
    assert rows["reject"] >= 10
    assert json.loads(packed["database.json"])["migrations"][0] == "packed_reports"
    rejected = [json.loads(line) for line in packed["rejects.jsonl"].splitlines()]
    assert any("broken" in one["payload"] for one in rejected)
    assert all("payload" not in json.loads(line) for line in plain["rejects.jsonl"].splitlines())
    assert b"username: gateway" in packed["configuration.yaml"]


def test_without_broker_and_database_the_rest_is_packed(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(site(tmp_path, free_port()))
    packed = bundle(tmp_path)
    nothing_secret(packed)
    assert "no database" in json.loads(packed["database.json"])["error"]
    assert json.loads(packed["versions.json"])["packages"]["paho-mqtt"]


def test_what_comes_from_elsewhere_is_packed_and_secrets_of_it_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials/user").write_text("user-of-systemd-31\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    monkeypatch.setenv("PLANT_TOKEN", "token-of-the-shell-47")
    monkeypatch.setenv("PLANT_HOST", "127.0.0.1")
    (tmp_path / "brokers.yaml").write_text(
        f"local: {{host: !env PLANT_HOST, port: {free_port()}, username: !credential user,"
        " client_id: !env PLANT_TOKEN}\n"
    )
    text = "gateway: {id: north}\nbrokers: !include brokers.yaml\n"
    (tmp_path / "gateway.yaml").write_text(text + f"store: {{path: {tmp_path}/gateway.db}}\n")
    packed = bundle(tmp_path, code=None)
    for name, data in packed.items():
        assert b"user-of-systemd" not in data, name
        assert b"token-of-the-shell" not in data, name
    assert b"host: 127.0.0.1" in packed["configuration.yaml"]
    assert b"brokers.local.port" in packed["origins.txt"]
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    packed = bundle(tmp_path, code=None)
    assert b"there is no credential user" in packed["check.json"]
    assert b"host: 127.0.0.1" in packed["configuration.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "brokers: {local: {host: a, password: plantedPw}}\n",
        "gateway: {id: [\npassword: plantedPw\n",
        "gateway: {id: here}\nbrokers: {a: {host: 'mqtt://anna:plantedPw@b'}}\nodd: {x: 1}\n",
    ],
)
def test_a_wrong_file_is_packed_without_what_is_wrong_in_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "gateway.yaml").write_text(text)
    packed = bundle(tmp_path)
    nothing_secret(packed)
    assert not json.loads(packed["check.json"])["ok"]


def test_the_database_is_only_read(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(site(tmp_path, free_port()))
    bundle(tmp_path)
    assert not (tmp_path / "gateway.db").exists()
