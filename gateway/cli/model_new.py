"""``edge-gateway model new``: a package from an ONNX file and a few questions or flags."""

import re
import shutil
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import click

from gateway.cli import model_new_vibration as vibration
from gateway.cli import model_questions as questions
from gateway.cli.recording import record
from gateway.cli.trials import Windows, file_windows
from gateway.core import durations
from gateway.core.windows import Channel, Shape
from gateway.errors import PackageError
from gateway.models import draft
from gateway.models.card import CARD, card
from gateway.models.files import MODEL, read
from gateway.models.graph import Graph, read_graph
from gateway.models.protobuf import WireError

GENERATED = 8
"""Golden windows where the user has none."""
MOST = 100
"""Golden windows kept of the user's."""
GOLDEN = {"file": "golden.json", "rtol": 1e-3, "atol": 1e-4}


def _channel(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> list[Any]:
    """``flow:l/min`` or ``flow:l/min:0:500``."""
    return [questions.channel(value) for value in values]


def _level(_ctx: click.Context, _param: click.Parameter, values: Sequence[str]) -> list[Any]:
    """``alarm:0.8`` or ``alarm:0.8:0.6``."""
    return [questions.level(value) for value in values]


@click.command("new")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--id", "id_", help="Name of the model, e.g. pump-anomaly.")
@click.option("--version", default="1.0.0", show_default=True)
@click.option("--channel", "channels", multiple=True, callback=_channel,
              help="NAME:UNIT or NAME:UNIT:LOW:HIGH, in their order; repeat it.")  # fmt: skip
@click.option("--period", help="Time between two rows, e.g. 1s.")
@click.option("--window", type=int, help="Rows of a window, where the graph does not tell.")
@click.option(
    "--features", type=click.Choice(["raw", "stats", "vibration"]), default="raw", show_default=True
)
@click.option("--rate", help="With vibration: samples a second, e.g. 12 kHz.")
@click.option("--band", "bands", multiple=True, help="With vibration: FROM:TO in Hz; repeat it.")
@click.option(
    "--order",
    "orders",
    type=float,
    multiple=True,
    help="With vibration: a multiple of the shaft's speed; repeat it.",
)
@click.option("--envelope", help="With vibration: FROM:TO in Hz, where the bearing rings.")
@click.option("--rpm", type=float, help="With --order: the speed, when it never changes.")
@click.option("--speed", help="With --order: the channel that holds the speed.")
@click.option("--level", "levels", multiple=True, callback=_level,
              help="LABEL:ON or LABEL:ON:OFF, mildest first; repeat it.")  # fmt: skip
@click.option("--raises", type=click.Choice(["above", "below"]), default="above", show_default=True)
@click.option("--label", "labels", multiple=True, help="A class, in the order of the outputs.")
@click.option("--meaning", "meanings", multiple=True, help="OUTPUT=rul, OUTPUT=forecast, ...")
@click.option("--windows", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Real windows for the golden vectors: .csv by channel, or .json.")  # fmt: skip
@click.option("--licence", help="SPDX identifier, e.g. Apache-2.0.")
def command(model: Path, out: Path, **said: Any) -> None:
    """Make the package OUT (a folder) of the graph in MODEL.

    What is not given is asked. The golden vectors are made by running the model in the worker, on
    --windows or on windows drawn at random; the finished package is loaded once to prove it.
    """
    if out.exists():
        raise click.BadParameter(f"{out} is there", param_hint="OUT")
    graph = _graph(model)
    document = _document(graph, said, model.stem)
    shape = _shape(document["input"])
    windows = said["windows"] and file_windows(said["windows"], shape)[:MOST]
    document["provenance"] = {"golden": str(said["windows"]) if windows else "drawn at random"}
    out.mkdir(parents=True)
    try:
        shutil.copyfile(model, out / MODEL)
        (out / CARD).write_text(card(document), "utf-8")
        package = record(out, document, windows or _drawn(shape, document["input"]["channels"]))
    except BaseException:
        shutil.rmtree(out)
        raise
    click.echo(f"{out}: {package.manifest.id} {package.manifest.version}, proven in a worker")
    click.echo(f"say in {out / CARD} what only you know; then: edge-gateway model seal {out}")
    click.echo(f"see it: edge-gateway model show {out}; edge-gateway model stress --card {out}")


def _graph(model: Path) -> Graph:
    try:
        return read_graph(read(model.parent, model.name))
    except WireError as error:
        raise PackageError(f"{model}: not an ONNX model: {error}") from error


def _document(graph: Graph, said: dict[str, Any], stem: str) -> dict[str, Any]:
    wanted = _input(graph, said)
    outputs = list(draft.outputs(graph, len(wanted["channels"]), said["labels"]))
    _renamed(outputs, said["meanings"])
    plain = re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-.") or "model"
    task = "class" if said["labels"] else _task([output["meaning"] for output in outputs])
    return {
        "schema": 1,
        "id": said["id_"] or questions.asked("Name of the model", questions.name, plain),
        "version": said["version"],
        "task": task,
        "created": time.strftime("%Y-%m-%d", time.gmtime()),
        "input": wanted,
        "outputs": outputs,
        "decision": {"raises": said["raises"], "levels": said["levels"] or [_level_asked()]},
        "golden": dict(GOLDEN),
        "licence": said["licence"] or click.prompt("Licence (SPDX)", default="Apache-2.0"),
    }


def _input(graph: Graph, said: dict[str, Any]) -> dict[str, Any]:
    tensor, layout, rows, columns = draft.layout(graph)
    channels = said["channels"] or questions.channels(columns)
    if columns is not None and columns != len(channels):
        raise PackageError(f"the graph takes {columns} channels, {len(channels)} were named")
    rows = said["window"] or rows
    if rows is None and layout == "n,f":
        names = [channel["name"] for channel in channels]
        rows = draft.window(graph, names, said["features"])
    period = said["period"] or questions.asked("Time between two rows", questions.period, "1s")
    more = {}
    if said["features"] == "vibration":
        more["vibration"] = vibration.settings(said)
        channels = vibration.channels(channels, more["vibration"])
    return {
        "tensor": tensor,
        "layout": layout,
        "features": said["features"],
        "channels": channels,
        "period_s": durations.parse(questions.period(period)) / 1000,
        "window": rows or click.prompt("Rows of a window", type=click.IntRange(1)),
        **more,
    }


def _level_asked() -> dict[str, Any]:
    return questions.asked("Level (LABEL:ON[:OFF])", questions.level, "alarm:0.8:0.6")


def _renamed(outputs: list[dict[str, Any]], meanings: Sequence[str]) -> None:
    for text in meanings:
        tensor, _, meaning = text.partition("=")
        found = [output for output in outputs if output["tensor"] == tensor]
        if not found:
            outputs.append({"tensor": tensor, "meaning": meaning})
        for output in found:
            output["meaning"] = meaning


def _task(meanings: Sequence[str]) -> str:
    return next((task for task in ("rul", "forecast") if task in meanings), "anomaly")


def _shape(wanted: dict[str, Any]) -> Shape:
    channels = tuple(Channel(one["name"], one["unit"]) for one in wanted["channels"])
    return Shape(channels, round(wanted["period_s"] * 1000), wanted["window"])


def _drawn(shape: Shape, channels: Sequence[dict[str, Any]]) -> Windows:
    """Windows within the channels' ranges, standard normal where there is none."""
    random = Random(1)  # noqa: S311  # not for secrets; the same package each time

    def cell(channel: dict[str, Any]) -> float:
        value = random.uniform(*channel["range"]) if "range" in channel else random.gauss(0, 1)
        return float(f"{value:.5g}")

    def rows() -> Iterator[float]:
        beside = {one["name"]: cell(one) for one in channels}  # one speed a block
        for _ in range(shape.length):
            for one in channels:
                yield cell(one) if "signal" in one or not blocks else beside[one["name"]]

    blocks = any("signal" in one for one in channels)
    return [array("d", rows()) for _ in range(GENERATED)]
