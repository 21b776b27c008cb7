import copy
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.windows import Channel
from gateway.errors import PackageError
from gateway.models import schema as schema_module
from gateway.models.manifest import Decision, Level, load_manifest, parse, schema
from gateway.models.schema import KEYWORDS

FILE = {"sha256": "0" * 64, "bytes": 3}
WHOLE = {
    "schema": 1,
    "id": "pump-anomaly",
    "version": "1.2.0",
    "task": "anomaly",
    "created": "2026-11-21T10:00:00Z",
    "files": {"model.onnx": FILE, "golden.json": FILE, "MODEL_CARD.md": FILE},
    "input": {
        "tensor": "window",
        "layout": "n,t,c",
        "features": "raw",
        "channels": [
            {"name": "power", "unit": "W", "range": [0, 4000], "max_age_s": 30},
            {"name": "flow", "unit": "l/min", "role": "optional", "fill": 30},
        ],
        "period_s": 0.5,
        "window": 60,
        "stride": 5,
        "min_coverage": 0.9,
    },
    "outputs": [
        {"tensor": "score", "meaning": "score", "unit": "sd"},
        {"tensor": "residuals", "meaning": "residuals"},
    ],
    "decision": {
        "raises": "above",
        "levels": [
            {"label": "warning", "on": 0.5, "off": 0.4},
            {"label": "alarm", "on": 0.8, "off": 0.6},
        ],
    },
    "calibration": {"per_asset": "mean_sd", "rows": 400},
    "golden": {"file": "golden.json", "rtol": 1e-4, "atol": 1e-6},
    "licence": "Apache-2.0",
    "provenance": {"script": "scripts/train_pump"},
    "x-note": "anything",
}
CLASSES = [
    {
        "tensor": "probabilities",
        "meaning": "probabilities",
        "labels": ["healthy", "worn"],
        "score_of": "worn",
    },
    {"tensor": "label", "meaning": "label"},
]


def changed(*path_and_value):
    """WHOLE with one entry set; the value ``...`` removes it."""
    *path, last, value = path_and_value
    tree = copy.deepcopy(WHOLE)
    place = tree
    for key in path:
        place = place[key]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return tree


def read(tree):
    return parse(json.dumps(tree).encode())


def refusal(tree):
    with pytest.raises(PackageError) as caught:
        read(tree)
    return str(caught.value)


def test_every_entry_of_a_whole_manifest_is_read():
    manifest = read(WHOLE)
    assert (manifest.id, manifest.version, manifest.task) == ("pump-anomaly", "1.2.0", "anomaly")
    assert manifest.files["golden.json"].bytes == 3
    assert manifest.shape.channels == (
        Channel("power", "W", True, 30_000, None, 0.0, 4000.0),
        Channel("flow", "l/min", False, 1_500, 30.0),
    )
    assert (manifest.shape.period_ms, manifest.shape.length) == (500, 60)
    assert (manifest.shape.stride, manifest.shape.min_coverage) == (5, 0.9)
    assert manifest.scored.unit == "sd"
    assert manifest.outputs[1].width(2) == 2
    assert manifest.decision.levels[1] == Level("alarm", 0.8, 0.6)
    assert (manifest.calibration.per_asset, manifest.calibration.rows) == ("mean_sd", 400)
    assert manifest.golden.rtol == 1e-4
    assert manifest.provenance["script"] == "scripts/train_pump"


def test_the_defaults_are_those_the_schema_tells_editors():
    tree = changed("input", "stride", ...)
    for name in ("min_coverage", "features"):
        del tree["input"][name]
    del tree["decision"]["raises"]
    manifest = read(tree)
    told = schema()["properties"]
    entries = told["input"]["properties"]
    assert manifest.shape.stride == entries["stride"]["default"]
    assert manifest.shape.min_coverage == entries["min_coverage"]["default"]
    assert manifest.input.features == entries["features"]["default"]
    assert manifest.decision.raises == told["decision"]["properties"]["raises"]["default"]


def every_schema(tree):
    yield tree
    for name in ("properties", "patternProperties"):
        for inner in tree.get(name, {}).values():
            yield from every_schema(inner)
    if "items" in tree:
        yield from every_schema(tree["items"])


def test_the_schema_uses_only_keywords_that_are_applied_and_describes_every_entry():
    for part in every_schema(schema()):
        assert set(part) <= KEYWORDS
        assert part.get("description")


def test_the_schema_is_a_json_schema():
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.Draft202012Validator(schema()).validate(WHOLE)


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (
            changed("id", ...),
            "manifest.json: expected the entry 'id', found none; the model's name",
        ),
        (changed("id", "Pump 7"), "id: expected text that matches"),
        (changed("id", "pump\n"), "id: expected text that matches"),
        (changed("schema", 2), "schema: expected 1, found 2; upgrade the gateway"),
        (changed("schema", True), "schema: expected 1, found True"),
        (changed("task", None), "task: expected one of"),
        (changed("input", "window", 0), "input.window: expected at least 1, found 0"),
        (changed("input", "window", 60.5), "input.window: expected integer, found 60.5"),
        (changed("input", "window", True), "input.window: expected integer, found True"),
        (changed("input", "period_s", 10**400), "input.period_s: expected number"),
        (changed("input", "period_s", 1e-9), "input.period_s: expected at least 0.001"),
        (changed("input", "windw", 3), "found 'windw'; did you mean 'window'?"),
        (changed("input", "features", "wavelets"), "input.features: expected one of ['raw', "),
        (changed("input", "channels", []), "input.channels: expected at least 1 items"),
        (changed("input", "channels", 1, "name", "power"), "found 'power' twice"),
        (changed("input", "channels", 0, "range", [5, 1]), "channels[0].range: expected the lower"),
        (changed("input", "channels", 0, "fill", 1), "channels[0].fill: expected none for a req"),
        (changed("input", "window", 100_000), None),
        (changed("files", "../evil", FILE), "files: expected no other entries, found '../evil'"),
        (changed("files", "a/b", FILE), "files: expected no other entries"),
        (changed("files", "manifest.json", FILE), "a file cannot hold its own hash"),
        (changed("files", "model.onnx", "sha256", "0" * 63), "files.model.onnx.sha256"),
        (changed("files", "model.onnx", ...), "expected the entry 'model.onnx'"),
        (changed("golden", "file", "other.json"), "golden.file: expected a file listed in files"),
        (changed("outputs", 0, "meaning", "residuals"), "exactly one output that carries"),
        (changed("outputs", 1, "meaning", "score"), "exactly one output that carries"),
        (changed("outputs", 0, "labels", ["a", "b"]), "expected labels for probabilities only"),
        (changed("outputs", [{**CLASSES[0], "score_of": "torn"}]), "score_of: expected one of"),
        (changed("outputs", [{**CLASSES[0], "labels": ["worn", "worn"]}]), "each class once"),
        (changed("decision", "levels", 0, "label", "normal"), "a label that asks for something"),
        (changed("decision", "levels", 0, "off", 0.55), "expected off at on or below it"),
        (changed("decision", "levels", 0, "on", 0.9), "the mildest level first"),
        (changed("decision", "raises", "below"), "expected off at on or above it"),
        (changed("calibration", "rows", 1), "calibration.rows: expected at least 2"),
    ],
)
def test_a_wrong_entry_is_named_with_what_was_expected_and_found(tree, said):
    if said is None:
        assert read(tree).shape.length == 100_000
    else:
        assert said in refusal(tree)


def test_all_problems_are_reported_at_once():
    tree = changed("id", ...)
    tree["version"], tree["input"]["window"] = "one", 0
    assert len(refusal(tree).splitlines()) == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected JSON"),
        (b"\xff", "utf-8"),
        (b'{"id": 1, "id": 2}', "'id' twice"),
        (b'{"id": NaN}', "NaN is not a JSON number"),
        (b"[" * 100_000, "expected JSON"),
        (b"1" * 5_000, "expected JSON"),
        (b"[]", "expected object"),
    ],
)
def test_what_is_not_strict_json_is_refused(content, said):
    with pytest.raises(PackageError, match=said):
        parse(content)


def test_an_infinite_number_is_refused():
    content = json.dumps(WHOLE).replace("0.9", "1e999").encode()
    with pytest.raises(PackageError, match="min_coverage: expected number, found inf"):
        parse(content)


def test_class_probabilities_carry_the_score_of_the_named_class():
    manifest = read(changed("outputs", CLASSES))
    assert (manifest.scored.tensor, manifest.scored.column) == ("probabilities", 1)
    assert [output.width(9) for output in manifest.outputs] == [2, 1]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_package_errors(content):
    with pytest.raises(PackageError):
        parse(content)


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(WHOLE)), st.integers(0, 4), json_trees, st.randoms())
def test_a_manifest_with_an_entry_exchanged_raises_nothing_but_package_errors(
    name, depth, value, random
):
    tree = place = copy.deepcopy(WHOLE)
    key = name
    for _ in range(depth):
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner:
            break
        keys = sorted(inner) if isinstance(inner, dict) else range(len(inner))
        place, key = inner, random.choice(list(keys))
    place[key] = value
    try:
        manifest = read(tree)
    except PackageError:
        return
    assert manifest.shape.length >= 1


RISING = Decision((Level("warning", 0.5, 0.4), Level("alarm", 0.8, 0.6)))
FALLING = Decision((Level("soon", 50, 60), Level("now", 10, 20)), "below")


@pytest.mark.parametrize(
    ("decision", "score", "held", "label", "level"),
    [
        (RISING, 0.1, "normal", "normal", 0.5),
        (RISING, 0.5, "normal", "warning", 0.5),
        (RISING, 0.45, "warning", "warning", 0.4),
        (RISING, 0.39, "warning", "normal", 0.4),
        (RISING, 0.7, "warning", "warning", 0.4),
        (RISING, 0.7, "alarm", "alarm", 0.6),
        (RISING, 0.55, "alarm", "warning", 0.4),
        (RISING, 0.9, "normal", "alarm", 0.8),
        (RISING, 0.45, "of another model", "normal", 0.5),
        (FALLING, 70, "normal", "normal", 50),
        (FALLING, 50, "normal", "soon", 50),
        (FALLING, 55, "soon", "soon", 60),
        (FALLING, 15, "now", "now", 20),
        (FALLING, 61, "soon", "normal", 60),
    ],
)
def test_a_label_is_raised_at_on_and_cleared_past_off(decision, score, held, label, level):
    assert decision.decide(score, held) == (label, level)


@given(st.floats(-2, 2), st.sampled_from(["normal", "warning", "alarm"]))
def test_deciding_twice_on_one_score_changes_nothing(score, held):
    once, _ = RISING.decide(score, held)
    assert RISING.decide(score, once)[0] == once


def test_a_missing_directory_is_a_package_error(tmp_path):
    with pytest.raises(PackageError, match=r"manifest\.json: expected a readable file in"):
        load_manifest(tmp_path / "nowhere")


def test_reading_a_package_imports_neither_numpy_nor_onnxruntime():
    code = (
        "import sys, gateway.models.package, gateway.adapters.worker;"
        "print(sorted({'numpy', 'onnxruntime', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


def test_long_values_are_shortened_in_messages():
    assert len(schema_module.shown("x" * 1000)) == 60
