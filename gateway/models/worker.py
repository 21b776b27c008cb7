"""The inference worker: a process that loads packages and judges windows, for the daemon.

Started as ``python -m gateway.models.worker FD PARENT MEMORY_BYTES NICENESS SIGNED``;
speaks ``gateway.core.frames`` on the socket FD. Every question carries ``seq``, which its answer
repeats.

=======  ============================================  =========================================
op       asks                                          answers
=======  ============================================  =========================================
load     name, path, files, trust, seal, limit_s;      version, sha256; or refused
         with it the open files, in their order
unload   name                                          (nothing)
judge    limit_s, groups [model, count, rows,          groups [error] or [outputs, refused];
         columns, state] and as the block their        block: per group scores, then each output,
         windows, then their carried states            the next states being the last of them
explain  limit_s, model, method, rows, columns,        method, or error; block: a weight per
         baseline [per channel a number or null;       channel, then the baselines that were
         of signals per feature]                       used, then the values they stood in for
         and one window as the block
=======  ============================================  =========================================

The first frame comes unasked, with ``seq`` 0: ready; or ``missing``, why nothing can run here. The
worker ends when its socket does. Once ready it can open no file and no connection any more
(``gateway.models.confine``): a package reaches it as descriptors of its files (``files`` are their
names; the one name ``""``: it is a ``.tar``).
"""

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from gateway.core.frames import HEAD, Frame, FrameError, encode, parse, sizes
from gateway.errors import PackageError
from gateway.models import signature
from gateway.models.confine import confine, die_with, offer_to_oom_killer, shut_in
from gateway.models.files import MANIFEST, MAX_FILES, MODEL, refused
from gateway.models.manifest import schema
from gateway.models.package import unpack
from gateway.models.watchdog import Watchdog

if TYPE_CHECKING:
    from gateway.models.session import Floats

EXIT_PROTOCOL: Final = 3
EXIT_RUNTIME: Final = 4
_CHANGED: Final = "it was changed meanwhile: reload the configuration to take it up"


def main(arguments: list[str]) -> int:
    """Serve one daemon until it hangs up."""
    descriptor, parent, memory_bytes, niceness, signed = map(int, arguments)
    die_with(parent)
    offer_to_oom_killer()
    link = socket.socket(fileno=descriptor)
    try:
        desk = Desk(signed=bool(signed))
    except (ImportError, RuntimeError) as error:  # numpy says so of a processor it cannot use
        link.sendall(encode({"seq": 0, "missing": str(error)}))
        return EXIT_RUNTIME
    confine(memory_bytes, niceness)
    link.sendall(encode({"seq": 0, "runtime": desk.runtime, "confined": shut_in()}))
    try:
        for question in questions(link):
            link.sendall(desk.answer(question))
    except FrameError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_PROTOCOL
    except ConnectionError:  # the daemon is gone
        return 0
    return 0


def questions(link: socket.socket) -> Iterator[Frame]:
    """Yield what the daemon asks, until it hangs up.

    Raises:
        FrameError: that is not the daemon.
        OSError: the socket failed.
    """
    while True:
        head, descriptors, _, _ = socket.recv_fds(link, HEAD.size, MAX_FILES)
        try:
            if head:
                head += _exactly(link, HEAD.size - len(head))
            if len(head) < HEAD.size:
                return
            wanted = sizes(head)
            header, block = (_exactly(link, size) for size in wanted)
            if (len(header), len(block)) != wanted:
                return
            yield Frame(parse(header), block, tuple(descriptors))
        finally:
            for one in descriptors:
                os.close(one)


def _exactly(link: socket.socket, size: int) -> bytearray:
    """Exactly so many bytes, or none at all when the other end hangs up; never copied again."""
    data, position = bytearray(size), 0
    with memoryview(data) as view:
        while position < size:
            count = link.recv_into(view[position:])
            if count == 0:
                return bytearray()
            position += count
    return data


class Desk:
    """The loaded models, by the name the daemon gave them."""

    def __init__(self, *, signed: bool = True) -> None:
        """``signed``: packages come that somebody must have signed."""
        from gateway.models import explain, session  # 0.2 s, 40 MB: ``check`` should not pay

        self._session, self._explainer = session, explain
        self._watchdog = Watchdog()
        self._models: dict[str, session.Session] = {}
        self._means: dict[str, Floats] = {}
        """Per model the mean of its golden windows, for explanations."""
        self.runtime = session.RUNTIME
        schema()  # what packages are checked with is read now: later no file can be
        if signed:  # 8 MB
            signature.prepare()

    def answer(self, question: Frame) -> bytes:
        """The answer to one question, as a frame.

        Raises:
            FrameError: nobody speaks this way.
        """
        header = question.header
        try:
            match header["op"]:
                case "load":
                    answer, block = self._load(header, question.descriptors), b""
                case "unload":
                    self._models.pop(header["name"], None)
                    answer, block = {}, b""
                case "judge":
                    answer, block = self._judge(header, question.block)
                case "explain":
                    answer, block = self._explain(header, question.block)
                case other:
                    raise FrameError(f"op {other!r}")
            return encode({"seq": header["seq"], **answer}, block)
        except (KeyError, TypeError, ValueError) as error:
            raise FrameError(f"a question that is malformed: {error}") from error

    def _load(self, header: Mapping[str, Any], descriptors: tuple[int, ...]) -> dict[str, object]:
        handed = dict(zip(header.get("files", ()), descriptors, strict=True))
        try:
            package, contents = unpack(header["path"], header.get("trust", ""), handed)
            if header.get("seal", "") not in ("", package.seal):
                raise refused(MANIFEST, "", "the package that was checked", "another", _CHANGED)
            loaded = self._session.open_session(
                package, contents, self._watchdog, header["limit_s"]
            )
        except PackageError as error:
            return {"refused": str(error)}
        except MemoryError:
            return {"refused": f"{MODEL}: it does not fit into memory; raise limits.worker_memory"}
        self._models[header["name"]] = loaded
        self._means[header["name"]] = self._explainer.golden_mean(package, contents)
        return {"version": package.manifest.version, "sha256": package.sha256}

    def _judge(
        self, header: Mapping[str, Any], block: bytes | bytearray
    ) -> tuple[dict[str, object], bytes]:
        deadline = time.monotonic() + header["limit_s"]
        answers, blocks, position = [], [], 0
        for model, count, rows, columns, *state in header["groups"]:
            windows = self._session.windows(block, position, (count, rows, columns))
            position += windows.nbytes
            states = self._session.windows(block, position, (count, 1, sum(state)))
            position += states.nbytes
            answer, outputs = self._group(model, windows, states, deadline)
            answers.append(answer)
            blocks.append(outputs)
        return {"groups": answers}, b"".join(blocks)

    def _explain(
        self, header: Mapping[str, Any], block: bytes | bytearray
    ) -> tuple[dict[str, object], bytes]:
        """The explanation of one window."""
        deadline = time.monotonic() + header["limit_s"]
        loaded = self._models.get(header["model"])
        window = self._session.windows(block, 0, (1, header["rows"], header["columns"]))
        if loaded is None:
            return {"error": "no such model"}, b""
        mean = self._means[header["model"]]
        try:
            baseline = self._explainer.completed(header["baseline"], mean)
            found = self._explainer.explain(loaded, window, baseline, header["method"], deadline)
        except self._session.RunError as error:
            return {"error": str(error)}, b""
        parts = (found.weights, found.baseline, found.values)
        return {"method": found.method}, b"".join(part.tobytes() for part in parts)

    def _group(
        self, model: str, windows: "Floats", states: "Floats", deadline: float
    ) -> tuple[dict[str, object], bytes]:
        loaded = self._models.get(model)
        if loaded is None:
            return {"error": "no such model"}, b""
        shape = loaded.package.shape
        _, rows, columns = windows.shape
        if (rows, columns) != (shape.length, len(shape.channels)):
            wanted = f"{shape.length} x {len(shape.channels)}"
            return {"error": f"a window of {rows} x {columns}, expected {wanted}"}, b""
        size = sum(memory.size for memory in loaded.package.manifest.memories)
        if states.shape[-1] not in (0, size):
            return {"error": f"a state of {states.shape[-1]}, expected {size}"}, b""
        known = states.reshape(len(windows), size) if states.shape[-1] else None
        try:
            judged = loaded.judge(windows, deadline, known)
        except self._session.RunError as error:
            return {"error": str(error)}, b""
        names = [output.tensor for output in loaded.package.manifest.answers]
        widths = [output.shape[1] for output in judged.outputs]
        answer: dict[str, object] = {
            "outputs": list(zip(names, widths, strict=True)),
            "refused": {str(index): why for index, why in judged.refused.items()},
        }
        parts = [judged.scores.tobytes(), *(output.tobytes() for output in judged.outputs)]
        return answer, b"".join(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
