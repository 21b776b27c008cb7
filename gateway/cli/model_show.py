"""``edge-gateway model show``: the contract of a package as a page."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.core import durations
from gateway.core.counts import counted
from gateway.core.windows import Channel
from gateway.models import archive
from gateway.models.contract import Manifest
from gateway.models.files import MANIFEST
from gateway.models.package import Package, verify
from gateway.models.signature import SIGNATURE


@click.command("show")
@click.option("--json", "as_json", is_flag=True, help="The manifest as it is, and the hash.")
@click.argument("package", type=click.Path(exists=True, path_type=Path))
def command(package: Path, *, as_json: bool) -> None:
    """Show what PACKAGE needs, what it answers, and where it is from."""
    found, box = verify(package), archive.opened(package)
    signed = SIGNATURE in box.names()
    if as_json:
        manifest = json.loads(box.read(MANIFEST))
        document = {"sha256": found.sha256, "signed": signed, "manifest": manifest}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_page(found, signed=signed)))


def _page(package: Package, *, signed: bool) -> Iterator[str]:
    manifest, graph = package.manifest, package.graph
    wanted, shape = manifest.input, manifest.shape
    yield f"{manifest.id} {manifest.version}: {manifest.task}, {manifest.created}"
    opsets = ", ".join(f"{name or 'ai.onnx'} {number}" for name, number in graph.opsets.items())
    size = manifest.files["model.onnx"].bytes
    yield f"model    {package.sha256[:12]}, {size} bytes, {counted(graph.nodes, 'node')}, {opsets}"
    yield f"signed   {'yes; verify --trust says by whom' if signed else 'no'}"
    yield f"licence  {manifest.licence}"
    row, whole = (durations.render(shape.period_ms * count) for count in (1, max(1, shape.length)))
    every = durations.render(shape.period_ms * shape.stride)
    if shape.of_signals:
        yield f"window   one block of {shape.length} samples; judged when it comes"
    else:
        rows = counted(shape.length, "row")
        yield f"window   {rows}, one every {row}: {whole}; judged every {every}"
        share = f"{shape.min_coverage:.0%}"
        yield f"         at least {share} of its cells from a reading of their own row"
    yield f"features {wanted.features}, into {wanted.tensor!r} ({wanted.layout})"
    yield "channels"
    yield from (_channel(channel) for channel in shape.channels)
    yield "outputs"
    for output in manifest.outputs:
        labels = f": {', '.join(output.labels)}" if output.labels else ""
        score = " (the score)" if output is manifest.scored else ""
        yield f"  {output.tensor}  {output.meaning} {output.unit}".rstrip() + labels + score
    yield from _decision(manifest)


def _channel(channel: Channel) -> str:
    low, high = channel.low, channel.high
    needs = "required" if channel.required else "optional"
    if channel.fill is not None:
        needs += f", {channel.fill:g} when missing"
    span = "" if low is None or high is None else f", {low:g} to {high:g}"
    if channel.rate_hz:
        needs = f"a signal of {channel.rate_hz:g} Hz, {needs}"
    held = f"for {durations.render(channel.hold_ms)}" if channel.hold_ms else "as its metric says"
    dead = durations.render(channel.flatline_ms) if channel.flatline_ms else ""
    flat = dead and f", dead when flat for {dead}"
    return f"  {channel.name} [{channel.unit or '1'}]  {needs}{span}, held {held}{flat}"


def _decision(manifest: Manifest) -> Iterator[str]:
    side = {"above": "at or above", "below": "at or below"}[manifest.decision.raises]
    yield f"levels   a score {side}"
    for level in manifest.decision.levels:
        yield f"  {level.label}  on {level.on:g}, off {level.off:g}"
    learns = manifest.calibration
    if learns.per_asset != "none":
        yield f"learns   {learns.per_asset} per asset, from its first {learns.rows} healthy rows"
    yield from _doubts(manifest)
    golden = manifest.golden
    yield f"golden   {golden.file}, rtol {golden.rtol:g}, atol {golden.atol:g}"
    for name, value in manifest.provenance.items():
        yield f"from     {name}: {value if isinstance(value, str) else json.dumps(value)}"[:200]


def _doubts(manifest: Manifest) -> Iterator[str]:
    """When it does not answer, and how what it says is explained."""
    conformal, ood = manifest.trust.conformal, manifest.trust.ood
    if conformal is not None:
        halves = [f"{q:g} below {below:g}" for below, q in conformal.bands]
        width = ", ".join([*halves, f"{conformal.q:g}{' else' if halves else ''}"])
        yield f"interval score ± {width}: {conformal.coverage:.0%} on {conformal.calibrated_on}"
    if ood is not None:
        yield f"abstains when more than {ood.max_share:.1%} of the window lie outside"
        for name, limit in zip(ood.names, ood.limits, strict=True):
            if limit is not None:
                yield f"  {name}  {limit[0]:g} to {limit[1]:g}"
    wanted = manifest.explain
    yield f"explains by {wanted.method}, the {wanted.top} strongest"
    for name in sorted(wanted.baseline.keys() | wanted.usual.keys()):
        base, usual = wanted.baseline.get(name), wanted.usual.get(name)
        known = [] if base is None else [f"baseline {base:g}"]
        known += [] if usual is None else [f"usually {usual[0]:g} to {usual[1]:g}"]
        yield f"  {name}  {', '.join(known)}"
