import json
import os
import random
import shutil

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from gateway.errors import PackageError
from gateway.models import lint
from gateway.models.graph import read_graph
from gateway.models.package import unpack, verify
from gateway.models.protobuf import Wire, WireError
from gateway.models.seal import seal
from tests.models import make
from tests.models.hostile import (
    bare,
    body,
    endless_loop,
    external,
    liar,
    nested_if,
    renamed,
    with_function,
    with_nodes,
    with_sparse,
)
from tests.models.make import node


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    directory = tmp_path_factory.mktemp("good") / "package"
    make.write(directory, make.linear())
    return directory


@pytest.fixture
def package(good, tmp_path):
    shutil.copytree(good, tmp_path / "package")
    return tmp_path / "package"


def refusal(directory):
    with pytest.raises(PackageError) as caught:
        verify(directory)
    return str(caught.value)


def resealed(directory, model):
    """The package with another model, its hash correct."""
    content = model if isinstance(model, bytes) else model.SerializeToString()
    (directory / "model.onnx").write_bytes(content)
    document = json.loads((directory / "manifest.json").read_text())
    del document["files"]
    return seal(directory, document)


@pytest.mark.parametrize("kind", make.KINDS)
def test_every_kind_of_model_makes_a_good_package(kind, tmp_path):
    recipe = make.KINDS[kind]()
    package = make.write(tmp_path, recipe)
    assert package.shape.length == recipe.rows
    assert package.levels[0].label == "alarm"
    assert package.hashes["model.onnx"] == package.sha256
    assert package.output.meaning in {"score", "probabilities"}
    assert package.graph.nodes == len(recipe.model.graph.node)


def test_the_bytes_handed_over_are_the_bytes_checked(package):
    _, contents = unpack(package)
    assert contents["model.onnx"] == (package / "model.onnx").read_bytes()


def test_a_flipped_bit_anywhere_is_refused_by_the_hash(package):
    content = bytearray((package / "model.onnx").read_bytes())
    for place in random.Random(1).sample(range(len(content)), 40):
        content[place] ^= 1
        (package / "model.onnx").write_bytes(content)
        assert "model.onnx: sha256: expected" in refusal(package)
        content[place] ^= 1


def test_a_truncated_model_is_refused_by_its_size(package):
    content = (package / "model.onnx").read_bytes()
    (package / "model.onnx").write_bytes(content[:-1])
    assert f"expected {len(content)} bytes, found {len(content) - 1}" in refusal(package)


def test_a_missing_file_is_named(package):
    (package / "golden.json").unlink()
    assert "golden.json: expected a readable file" in refusal(package)


def test_a_file_nobody_listed_is_refused_and_a_signature_is_not(package):
    (package / "manifest.sig").write_bytes(b"later")
    verify(package)
    (package / "weights.bin").write_bytes(b"x")
    assert "weights.bin: expected no file that the manifest does not list" in refusal(package)


def test_a_symbolic_link_is_refused(package):
    (package / "model.onnx").rename(package.parent / "model.onnx")
    (package / "model.onnx").symlink_to(package.parent / "model.onnx")
    assert "model.onnx: expected a plain file, found a symbolic link" in refusal(package)


def test_a_hard_link_is_refused(package):
    os.link(package / "model.onnx", package.parent / "other")
    assert "found 2 hard links to it" in refusal(package)


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(package):
    (package / "model.onnx").unlink()
    os.mkfifo(package / "model.onnx")
    assert "model.onnx: expected a plain file, found prw" in refusal(package)


def test_a_directory_in_place_of_a_file_is_refused(package):
    (package / "model.onnx").unlink()
    (package / "model.onnx").mkdir()
    assert "model.onnx: expected a plain file, found drwx" in refusal(package)


def test_a_file_over_the_size_cap_is_refused_unread(package):
    with (package / "model.onnx").open("r+b") as file:
        file.truncate(65 * 1024 * 1024)
    assert "expected at most 67108864 bytes" in refusal(package)


def test_a_package_over_the_size_cap_is_refused(package):
    path = package / "manifest.json"
    tree = json.loads(path.read_text())
    tree["files"]["golden.json"]["bytes"] = 200_000_000
    path.write_text(json.dumps(tree))
    assert "files: expected at most 100663296 bytes in all" in refusal(package)


HOSTILE = {
    "external, parent": (lambda: external("../secret"), "expected no data outside the file"),
    "external, absolute": (lambda: external("/etc/passwd"), "expected no data outside the file"),
    "external, memory": (lambda: external("*/_ORT_MEM_ADDR_/*"), "no data outside the file"),
    "endless loop": (endless_loop, "'Loop' of domain 'ai.onnx'; unroll the loop"),
    "loop's body": (endless_loop, "expected no graph inside Loop"),
    "nested if": (nested_if, "'If' of domain 'ai.onnx'"),
    "sequence": (lambda: with_nodes(node("SequenceEmpty", "", "s")), "'SequenceEmpty'"),
    "optional": (lambda: with_nodes(node("OptionalHasElement", "", "o")), "'OptionalHasElement'"),
    "random": (lambda: with_nodes(node("RandomNormal", "", "r", shape=[1])), "'RandomNormal'"),
    "unknown": (lambda: with_nodes(node("Teleport", "", "t")), "'Teleport' of domain 'ai.onnx'"),
    "domain": (lambda: with_nodes(node("X", "", "t", domain="evil")), "expected one of ai.onnx, "),
    "function": (with_function, "no model-local functions"),
    "sparse": (with_sparse, "no sparse tensors"),
    "IR": (lambda: bare(ir=14), "ir_version: expected 3 to 13, found 14"),
    "opset": (lambda: bare(opsets={"": 27}), "opset_import ai.onnx: expected 7 to 26, found 27"),
    "ml opset": (lambda: bare(opsets={"": 18, "ai.onnx.ml": 9}), "opset_import ai.onnx.ml"),
    "no opset": (lambda: bare(opsets={}), "opset_import: expected ai.onnx, found none"),
    "lying dims": (liar, "elements in"),
    "input name": (lambda: renamed(input="x"), "input 'window': expected the graph's only input"),
    "output name": (lambda: renamed(output="x"), "output 'score': expected an output of the graph"),
    "fixed batch": (lambda: bare(window=(1, 12, 3)), "free (dynamic) first dimension"),
    "rows": (lambda: bare(window=("n", 11, 3)), "expected [n, 12, 3], found [n, 11, 3]"),
    "rank": (lambda: bare(window=("n", 36)), "expected [n, 12, 3], found [n, 36]"),
    "width": (lambda: bare(outputs=[("score", 1, ("n", 2))]), "expected [n, 1], found [n, 2]"),
    "flat fixed": (lambda: bare(outputs=[("score", 1, (1,))]), "expected a free batch, found 1"),
    "type": (lambda: bare(outputs=[("score", 7, ("n", 1))]), "expected float32 or"),
    "no bytes": (lambda: b"\x08\x0a", "expected an ONNX model, found no graph"),
    "text": (lambda: b"not a model at all", "expected an ONNX model"),
    "two graphs": (lambda: bare().SerializeToString() * 2, "expected an ONNX model"),
    "truncated": (lambda: bare().SerializeToString()[:-7], "found a field that is cut short"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_model_with_a_correct_hash_is_refused_with_its_reason(name, package):
    make_it, said = HOSTILE[name]
    content = make_it()
    with pytest.raises(PackageError) as caught:
        resealed(package, content)
    assert said in str(caught.value)


def test_nested_graphs_are_refused_without_entering_them(package):
    with pytest.raises(PackageError, match="graph inside If, found 2"):
        resealed(package, nested_if(depth=20))


def test_a_symbolic_batch_and_unknown_dimensions_are_accepted(package):
    assert resealed(package, bare(window=("batch", None, None), outputs=[("score", 1, ("n",))]))
    unknown = bare(outputs=[("score", 1, None)])
    unknown.graph.input[0].type.tensor_type.ClearField("shape")
    assert resealed(package, unknown)


def test_a_model_of_too_many_nodes_is_refused():
    steps = [node("Identity", f"a{i}", f"a{i + 1}") for i in range(lint.MAX_NODES + 1)]
    graph = read_graph(make.model(steps).SerializeToString())
    assert "at most 10000 nodes" in " ".join(map(str, lint.problems(graph)))


def test_a_walk_over_too_many_fields_stops():
    with pytest.raises(WireError, match="too many fields"):
        list(Wire(max_fields=10).fields(memoryview(b"\x08\x01" * 11)))


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",  # a number that is missing
        b"\x08" + b"\xff" * 10 + b"\x01",  # one of eleven bytes
        b"\x08" + b"\xff" * 9 + b"\x7f",  # one of more than 64 bits
        b"\x00\x01",  # field 0
        b"\x0b\x0c",  # a group
        b"\x0a\x05abc",  # bytes cut short
        b"\x0d\x00",  # a fixed number cut short
        b"\x88\x80\x80\x80\x80\x01\x01",  # a tag beyond 32 bits
    ],
)
def test_what_readers_of_protobuf_disagree_on_is_refused(data):
    with pytest.raises(WireError):
        list(Wire().fields(memoryview(data)))


def test_a_graph_hidden_behind_many_numbers_is_found():
    made = make.linear().model
    attribute = made.graph.node[0].attribute[0]
    attribute.ints.extend([2**63 - 1, -1, 0] * 1000)
    attribute.floats.extend([1.5] * 1000)
    attribute.strings.extend([b"x" * size for size in range(40)])
    attribute.g.CopyFrom(body(node("Identity", "a", "b")))
    assert read_graph(made.SerializeToString()).forbidden["graph inside Flatten"] == 1


def test_the_walk_agrees_with_the_onnx_package():
    made = make.autoencoder().model
    graph = read_graph(made.SerializeToString())
    assert graph.ir == made.ir_version
    assert graph.opsets == {entry.domain: entry.version for entry in made.opset_import}
    assert [t.name for t in graph.inputs] == [entry.name for entry in made.graph.input]
    assert graph.inputs[0].dims == ("n", make.ROWS, make.CHANNELS)
    assert [t.dtype for t in graph.outputs] == [1, 1]
    assert graph.operators.total() == len(made.graph.node)
    assert graph.tensors == len(made.graph.initializer)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_as_a_model_raise_nothing_but_wire_errors(content):
    try:
        graph = read_graph(content)
    except WireError:
        return
    assert list(lint.problems(graph))  # the shortest allowed model is longer than this


def mutant(content, random_):
    """One structural or bytewise accident."""
    data = bytearray(content)
    for _ in range(random_.randint(1, 4)):
        place = random_.randrange(len(data))
        match random_.randrange(4):
            case 0:
                data[place] ^= 1 << random_.randrange(8)
            case 1:
                data[place] = random_.randrange(256)
            case 2:
                del data[place : place + random_.randint(1, 8)]
            case 3:
                data[place:place] = data[place : place + random_.randint(1, 16)]
        if not data:
            break
    return bytes(data)


@pytest.mark.parametrize("kind", ["linear", "trees", "gru"])
def test_three_hundred_mutants_raise_nothing_but_package_errors(kind, tmp_path):
    make.write(tmp_path, make.KINDS[kind]())
    content, random_ = (tmp_path / "model.onnx").read_bytes(), random.Random(kind)
    passed = 0
    for _ in range(100):
        try:
            resealed(tmp_path, mutant(content, random_))
            passed += 1
        except PackageError:
            continue
    assert passed < 100


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.binary(max_size=300))
def test_arbitrary_golden_vectors_raise_nothing_but_package_errors(package, content):
    (package / "golden.json").write_bytes(content or b"{")
    document = json.loads((package / "manifest.json").read_text())
    del document["files"]
    with pytest.raises(PackageError, match=r"golden\.json"):
        seal(package, document)


@pytest.mark.parametrize(
    ("golden", "said"),
    [
        ([], "expected an object with windows and outputs"),
        ({"windows": [], "outputs": {}}, "windows: expected 1 to 1000 windows, found 0"),
        ({"windows": [[1, 2]], "outputs": {"score": [0]}}, "windows: expected 36 numbers, found 2"),
        ({"windows": [[0] * 36], "outputs": {}}, "outputs.score: expected finite numbers"),
        (
            {"windows": [[0] * 36], "outputs": {"score": [1, 2]}},
            "outputs.score: expected 1 numbers",
        ),
        (
            {"windows": [["x"] * 36], "outputs": {"score": [1]}},
            "expected finite numbers, found 'x'",
        ),
    ],
)
def test_golden_vectors_of_another_size_or_kind_are_refused(golden, said, package):
    (package / "golden.json").write_text(json.dumps(golden))
    document = json.loads((package / "manifest.json").read_text())
    del document["files"]
    with pytest.raises(PackageError) as caught:
        seal(package, document)
    assert said in str(caught.value)


def test_every_operator_of_the_list_exists():
    known = {(schema.domain, schema.name) for schema in onnx.defs.get_all_schemas_with_history()}
    for domain in ("", "ai.onnx.ml"):
        assert {(domain, name) for name in lint.OPERATORS[domain]} <= known


def test_a_data_location_that_says_what_is_usual_is_no_external_data(package):
    """onnxruntime's quantiser writes the default out."""
    made = make.linear().model
    made.graph.initializer[0].data_location = TensorProto.DEFAULT
    resealed(package, made)
    verify(package)
