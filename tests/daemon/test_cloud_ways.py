"""Asking over HTTP: every way that a real server can be wrong, slow or away, and what it costs."""

import asyncio
import os
import shutil
import subprocess
from array import array
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.config.settings import CloudModel
from gateway.core.assets import Asset, CloudRung, ModelRung
from gateway.core.oip import Said
from gateway.core.pseudonyms import Pseudonyms
from gateway.core.purses import Budget
from gateway.core.questions import Remote
from gateway.core.windows import Window
from gateway.daemon.clock import SystemClock
from gateway.daemon.cloud import Cloud
from gateway.daemon.cloud_http import HttpWay
from gateway.daemon.states import state_of
from gateway.models.contract import Manifest
from gateway.models.package import load_manifest
from tests.daemon.test_versions import package
from tests.fakes.authority import Authority
from tests.fakes.oip import ROOT, Server
from tests.fakes.ports import free_port
from tests.fakes.waiting import PATIENCE_S, wait_until

T = TypeVar("T")
PATIENT_MS = int(PATIENCE_S * 1000)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("package") / "heat"
    package(folder, "1.0.0", 90.0)
    return folder, load_manifest(folder)


@pytest.fixture(scope="module")
def serving(
    tmp_path_factory: pytest.TempPathFactory, manifest: tuple[Path, Manifest]
) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("cloud") / "of", manifest[0]) as server:
        yield server


@pytest.fixture
def server(serving: Server) -> Iterator[Server]:
    serving.mode("")
    yield serving
    serving.thaw()


def settings(url: str, **changes: Any) -> CloudModel:
    return replace(CloudModel("big", "large", url=url, egress="raw"), **changes)


def question(manifest: Manifest, value: float = 20.0, deadline_ms: int = PATIENT_MS) -> Remote:
    state = state_of(ModelRung("heat"), manifest, "ab", Asset("pump", "Pump", {}))
    window = Window(2_000, array("d", [value]), (value,), 1.0)
    return Remote(CloudRung("big", deadline_ms, "heat"), "pump", window, state)


def with_cloud(made: CloudModel, use: Callable[[Cloud], Awaitable[T]]) -> T:
    async def run() -> T:
        cloud = Cloud(made, HttpWay(made), lambda: Pseudonyms(bytes(16)), SystemClock())
        try:
            return await use(cloud)
        finally:
            await cloud.way.close()

    return asyncio.run(run())


def asked(made: CloudModel, one: Remote) -> tuple[Said | str, Cloud]:
    async def use(cloud: Cloud) -> tuple[Said | str, Cloud]:
        why = cloud.admit(one)
        return why or await cloud.ask(one), cloud

    return with_cloud(made, use)


Package = tuple[Path, Manifest]


def test_an_answer_is_believed_with_the_servers_own_version(
    server: Server, manifest: Package
) -> None:
    said, cloud = asked(settings(server.url), question(manifest[1]))
    assert isinstance(said, Said)
    assert (said.score, said.model, said.version) == (20.0, "large", "3")
    assert cloud.counts == {"asked": 1, "answered": 1}
    assert cloud.purse.left.calls == 499


WRONG = {
    "nan": "finite", "infinite": "finite", "words": "data", "shape": "shape", "html": "json",
    "id": "id", "model": "model", "empty": "output",
}  # fmt: skip


@pytest.mark.parametrize("mode", WRONG)
def test_a_wrong_answer_is_none_and_counts_against_the_cloud(
    server: Server, manifest: Package, mode: str
) -> None:
    server.mode(mode)
    said, cloud = asked(settings(server.url), question(manifest[1]))
    assert isinstance(said, str)
    assert said.startswith(WRONG[mode])
    assert (cloud.counts["wrong"], cloud.state) == (1, "closed")


@pytest.mark.parametrize("mode", ["500", "503", "429", "302", "long", "reset"])
def test_trouble_there_counts_against_the_cloud(
    server: Server, manifest: Package, mode: str
) -> None:
    server.mode(mode)
    said, cloud = asked(settings(server.url), question(manifest[1]))
    assert isinstance(said, str)
    assert (cloud.counts["failed"], cloud.counts["refused"]) == (1, 0)


@pytest.mark.parametrize("mode", ["400", "403", "404", "422"])
def test_a_question_that_is_wrong_is_not_put_again(
    server: Server, manifest: Package, mode: str
) -> None:
    server.mode(mode)

    async def use(cloud: Cloud) -> None:
        one = question(manifest[1])
        assert cloud.admit(one) == ""
        assert await cloud.ask(one) == f"HTTP {mode}: as told"
        assert cloud.admit(one) == f"quarantined: HTTP {mode}: as told"
        assert (cloud.state, cloud.counts["failed"]) == ("quarantined", 0)
        cloud.forgive()
        assert cloud.admit(one) == ""

    with_cloud(settings(server.url), use)


def test_a_connection_that_the_server_let_go_is_opened_again(
    server: Server, manifest: Package
) -> None:
    async def use(cloud: Cloud) -> None:
        one = question(manifest[1])
        for mode in ("", "reset once", ""):
            server.mode(mode)
            assert isinstance(await cloud.ask(one), Said)

    with_cloud(settings(server.url), use)


def test_a_way_that_was_closed_answers_nothing_and_breaks_nothing(
    server: Server, manifest: Package
) -> None:
    """A file that is loaded again closes it while somebody may still ask."""

    async def use(cloud: Cloud) -> None:
        one = question(manifest[1])
        assert isinstance(await cloud.ask(one), Said)
        await cloud.way.close()
        assert await cloud.ask(one) == "not asked any more"

    with_cloud(settings(server.url), use)


def test_a_frozen_server_opens_the_breaker_and_one_question_tries_it_again(
    server: Server, manifest: Package
) -> None:
    async def use(cloud: Cloud) -> None:
        one = question(manifest[1], deadline_ms=50)
        server.freeze()
        for _ in range(5):
            assert cloud.admit(one) == ""
            assert await cloud.ask(one) == "deadline"
        assert cloud.admit(one) == "breaker open"
        assert (cloud.counts["timeout"], cloud.state) == (5, "opened")
        server.thaw()
        one = question(manifest[1])
        while why := cloud.admit(one):
            assert why == "breaker open"
            await asyncio.sleep(0.01)
        assert cloud.admit(one) == "breaker open", "only one tries"
        assert isinstance(await cloud.ask(one), Said)
        assert (cloud.admit(one), cloud.state) == ("", "closed")

    with_cloud(settings(server.url, rest_ms=100), use)


def test_what_never_left_costs_nothing(manifest: Package) -> None:
    said, cloud = asked(settings(f"http://127.0.0.1:{free_port()}"), question(manifest[1]))
    assert isinstance(said, str)
    assert cloud.purse.left == Budget()
    assert cloud.egress.take() == {}


def test_a_window_that_is_longer_than_what_is_left_stays_here(
    server: Server, manifest: Package
) -> None:
    before = len(server.asked)
    said, cloud = asked(settings(server.url, budget=Budget(5, 60)), question(manifest[1]))
    assert said == "its 60 bytes of today are spent"
    assert (len(server.asked), cloud.counts["asked"]) == (before, 0)


def test_the_token_is_read_at_each_question(
    server: Server, manifest: Package, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    made = settings(server.url, token_file=str(token))

    async def use(cloud: Cloud) -> None:
        one = question(manifest[1])
        assert "token_file" in str(await cloud.ask(one))
        token.write_text("wrong\n")
        assert await cloud.ask(one) == "HTTP 401: who are you?"
        token.write_text("right\n")
        assert isinstance(await cloud.ask(one), Said)

    with_cloud(made, use)


def test_only_the_listed_fields_leave(server: Server, manifest: Package) -> None:
    for fields, pseudonyms, sent in (
        ((), True, None),
        (("asset",), False, {"asset": "pump"}),
        (
            ("asset", "metrics"),
            True,
            {"asset": Pseudonyms(bytes(16)).asset("pump"), "metrics": "temperature"},
        ),
    ):
        asked(settings(server.url, fields=fields, pseudonyms=pseudonyms), question(manifest[1]))
        told = server.asked[-1]
        assert told.get("parameters") == sent
        assert told.keys() - {"parameters"} == {"id", "inputs"}


def test_a_server_that_others_vouch_for_is_not_asked(tmp_path: Path, manifest: Package) -> None:
    """Nor one that shows another name; there is no switch for it."""
    right, wrong = Authority(tmp_path / "ca", "right"), Authority(tmp_path / "other", "wrong")
    one = question(manifest[1])
    for name, trusted in (("IP:127.0.0.1", True), ("DNS:elsewhere", False)):
        issued = right.issue(name[:2], name)
        with Server(tmp_path / name[:2], manifest[0], "large", *issued) as server:
            for authority, well in ((right, trusted), (wrong, False), (None, False)):
                ca_file = str(authority.certificate) if authority else ""
                said, cloud = asked(settings(server.url, ca_file=ca_file), one)
                assert isinstance(said, Said) == well, said
                if not well:
                    assert "certificate verify failed" in str(said)
                    assert cloud.purse.left == Budget(), "nothing left"
            assert len(server.asked) == int(trusted)


# -- a server that others wrote ----------------------------------------------------------------

RUNTIME = """
import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Onnx(MLModel):
    async def load(self):
        self.session = onnxruntime.InferenceSession(self.settings.parameters.uri)
        return True

    async def predict(self, payload):
        fed = {one.name: NumpyCodec.decode_input(one) for one in payload.inputs}
        names = [one.name for one in self.session.get_outputs()]
        found = zip(names, self.session.run(names, fed))
        outputs = [NumpyCodec.encode_output(name, value) for name, value in found]
        return InferenceResponse(model_name=self.name, model_version=self.version, outputs=outputs)
"""


def mlserver() -> str:
    """Its program: 326 MB, so it is in no environment of ours."""
    found = os.environ.get("EDGE_GATEWAY_MLSERVER") or shutil.which("mlserver")
    if not found:
        pytest.skip("needs mlserver: EDGE_GATEWAY_MLSERVER=<venv>/bin/mlserver")
    return found


@pytest.mark.slow
def test_mlserver_is_asked_and_understood(tmp_path: Path, manifest: Package) -> None:
    program, port = mlserver(), free_port()
    (tmp_path / "runtime.py").write_text(RUNTIME)
    ports = f'"http_port": {port}, "grpc_port": {free_port()}, "metrics_port": {free_port()}'
    (tmp_path / "settings.json").write_text(
        f'{{{ports}, "parallel_workers": 0, "host": "127.0.0.1"}}'
    )
    uri = manifest[0] / "model.onnx"
    (tmp_path / "model-settings.json").write_text(
        '{"name": "large", "implementation": "runtime.Onnx",'
        f' "parameters": {{"uri": "{uri}", "version": "7"}}}}'
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "ORT_DISABLE_TELEMETRY": "1"}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "start", str(tmp_path)], stdout=log, stderr=log, env=environment, cwd=ROOT
        )
    try:
        wait_until(lambda: b"on http://127" in (tmp_path / "log").read_bytes(), "it listens")

        async def use(cloud: Cloud) -> None:
            one = question(manifest[1])
            said: Said | str = "not asked"
            while not isinstance(said, Said):
                assert process.poll() is None
                said = await cloud.ask(one)
            assert (said.score, said.model, said.version) == (20.0, "large", "7")
            odd = one._replace(window=one.window._replace(values=array("d", [1.0, 2.0])))
            assert isinstance(await cloud.ask(odd), str), "a shape it cannot take"
            assert isinstance(await cloud.ask(one), Said), "it reset the connection for that"

        with_cloud(settings(f"http://127.0.0.1:{port}"), use)
    finally:
        process.kill()
        process.wait()
