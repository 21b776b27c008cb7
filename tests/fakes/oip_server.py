"""A small server of the Open Inference Protocol: a real ONNX model, and every way to be wrong.

Run as a process of its own, so that it can be stopped in the middle: folder, port, model's name.
What it is to do next is the text of the file ``mode``; what it was asked is in ``asked.jsonl``.
"""

import json
import os
import socket
import ssl
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime


class Model:
    """What answers."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.session = onnxruntime.InferenceSession(folder / "model.onnx")

    def judge(self, body: dict[str, Any]) -> dict[str, Any]:
        """Answer; KeyError, ValueError or onnxruntime's error for what it cannot take."""
        inputs = {
            one["name"]: np.asarray(one["data"], np.float32).reshape(one["shape"])
            for one in body["inputs"]
        }
        wanted = [one.name for one in self.session.get_outputs()]
        outputs = [
            {"name": name, "shape": list(value.shape), "datatype": "FP32", "data": value.tolist()}
            for name, value in zip(wanted, self.session.run(wanted, inputs), strict=True)
        ]
        told = {"id": body.get("id"), "outputs": outputs}
        return {"model_name": self.name, "model_version": "3", **told}

    def answer(self, raw: bytes) -> tuple[int, bytes]:
        """Status and body."""
        with (self.folder / "asked.jsonl").open("ab") as file:
            file.write(raw + b"\n")
        mode = (self.folder / "mode").read_text()
        if mode.isdigit():
            return int(mode), b'{"error": "as told"}'
        if mode == "html":
            return 200, b"<html>please log in</html>"
        if mode == "long":
            return 200, b'{"outputs": [' + b" " * (2 << 20)
        if mode.startswith("slow "):
            time.sleep(float(mode.split()[1]))
        try:
            told = self.judge(json.loads(raw))
        except Exception as error:  # noqa: BLE001  # whatever it is, it was the question
            return 400, json.dumps({"error": str(error)}).encode()
        return 200, json.dumps(spoilt(told, mode)).encode()


def spoilt(told: dict[str, Any], mode: str) -> dict[str, Any]:
    """The answer, as the mode has it."""
    first = told["outputs"][0]
    if mode == "nan":
        first["data"] = [float("nan")]
    elif mode == "infinite":
        first["data"] = [1e999]
    elif mode == "words":
        first["data"] = ["high"]
    elif mode == "shape":
        first["data"] = [*first["data"], 2.0]
    elif mode == "nested":
        first["shape"], first["data"] = [1, 1, 1], [[first["data"]]]
    elif mode == "id":
        told["id"] = "somebody else's"
    elif mode == "model":
        told["model_name"] = "another"
    elif mode == "empty":
        told["outputs"] = []
    return told


class Asked(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    model: Model

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        mode = self.model.folder / "mode"
        if mode.read_text() in ("reset", "reset once"):
            if mode.read_text() == "reset once":
                mode.write_text("")
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            self.connection.close()
            return
        known = f"/v2/models/{self.model.name}/infer"
        status, body = (404, b"{}") if self.path != known else self.model.answer(raw)
        if self.headers.get("authorization", "Bearer right") != "Bearer right":
            status, body = 401, b'{"error": "who are you?"}'
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Listening(ThreadingHTTPServer):
    """All connections."""

    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that went away, or does not trust us."""


def main(folder: str, port: str, name: str, certificate: str = "", key: str = "") -> None:
    """Serve for ever; with a certificate over TLS."""
    Asked.model = Model(Path(folder), name)
    server = Listening(("127.0.0.1", int(port)), Asked)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
