"""What a process of ours writes to stderr."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import yaml

PROGRAM = """
import sys
from gateway.adapters import logs
import logging, threading, structlog
logs.configure({format!r}, "info")
log = structlog.get_logger()
bound = log.bind(broker="local")
log.debug("broker_tried")
bound.info("broker_connected", count=3, raw=b"\\xff", text="two\\nlines")
logs.set_level("debug")
bound.debug("broker_tried")
logs.set_level("error")
bound.warning("broker_lost")
logs.set_level("info")
logging.getLogger("amqtt.broker").warning("be careful, %s", "please")
logging.getLogger("amqtt.broker").info("chatter")
thread = threading.Thread(target=lambda: 1 / 0, name="mqtt-local")
thread.start()
thread.join()
print("rich" in sys.modules)
raise LookupError("the end")
"""


def run(format_: str) -> tuple[str, list[str]]:
    """What it wrote to stdout, and the lines of stderr."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(format=format_)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    return done.stdout, done.stderr.splitlines()


def test_a_pipe_gets_one_json_object_per_event() -> None:
    stdout, lines = run("auto")
    events = [json.loads(line) for line in lines]
    assert [(event["event"], event["level"]) for event in events] == [
        ("broker_connected", "info"),
        ("broker_tried", "debug"),
        ("library_spoke", "warning"),
        ("thread_failed", "error"),
        ("process_failed", "error"),
    ]
    assert events[0] | {"at": ""} == {
        "at": "",
        "level": "info",
        "event": "broker_connected",
        "broker": "local",
        "count": 3,
        "raw": "b'\\xff'",
        "text": "two\nlines",
    }
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", e["at"]) for e in events)
    assert list(events[0])[:3] == ["at", "level", "event"]
    assert events[2]["library"] == "amqtt.broker"
    assert events[2]["text"] == "be careful, please"
    assert events[3]["thread"] == "mqtt-local"
    assert "ZeroDivisionError" in events[3]["exception"]
    assert "LookupError: the end" in events[4]["exception"]
    assert stdout == "False\n", "rich must not grow the daemon"


def test_otel_has_the_fields_of_the_log_data_model() -> None:
    _, lines = run("otel")
    events = [json.loads(line) for line in lines]
    first = events[0]
    assert first | {"timestamp": ""} == {
        "timestamp": "",
        "severity_text": "INFO",
        "severity_number": 9,
        "event_name": "broker_connected",
        "body": "broker_connected",
        "attributes": {"broker": "local", "count": 3, "raw": "b'\\xff'", "text": "two\nlines"},
        "resource": {},
    }
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first["timestamp"])
    numbers = [event["severity_number"] for event in events]
    assert numbers == [9, 5, 13, 17, 17]
    failed = events[3]["attributes"]
    assert failed["thread.name"] == "mqtt-local"
    assert failed["exception.type"] == "ZeroDivisionError"
    assert failed["exception.message"] == "division by zero"
    assert failed["exception.stacktrace"].startswith("Traceback")


def test_the_collectors_configuration_in_the_docs_is_yaml_and_names_what_is_written() -> None:
    page = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text()
    block = page.split("## Logs for OpenTelemetry")[1].split("```yaml\n")[1].split("```")[0]
    parse, *rest = yaml.safe_load(block)["receivers"]["journald"]["operators"]
    written = ("timestamp", "severity_text", "body", "attributes", "resource")
    named = [parse["timestamp"]["parse_from"], parse["severity"]["parse_from"]]
    named += [one.get("from") or one["field"] for one in rest]
    assert {re.split(r"[.\\[]", name)[1] for name in named} == set(written)


def test_columns_can_be_asked_for() -> None:
    _, lines = run("text")
    assert "broker_connected" in lines[0]
    assert "count=3" in lines[0]
    assert not any(line.startswith("{") for line in lines)


def test_a_terminal_gets_columns() -> None:
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(format="auto")],
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 65_536):
            text += chunk
    except OSError:  # the way a terminal ends
        pass
    os.close(ours)
    child.wait()
    assert b"broker_connected" in text
    assert b'{"' not in text
