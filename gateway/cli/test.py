"""``edge-gateway test``: declared cases, readings in and decisions out.

Exit codes: 0 every case went as it was expected; 1 one did not, or a model could not run; 2 a file
or an option is wrong.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.case_report import document, junit, lines
from gateway.core.counts import counted

if TYPE_CHECKING:
    from gateway.config.cases import Cases
    from gateway.daemon.casework import Results

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("test")
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("--no-models", is_flag=True, help="Every model abstains; no worker is started.")
@click.option("--verbose", "-v", is_flag=True, help="Show the decisions of every case.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--junit", "xml", type=_FILE, help="Write a JUnit XML file, too.")
def command(
    files: tuple[Path, ...], no_models: bool, verbose: bool, as_json: bool, xml: Path | None
) -> None:
    """Run the cases of FILES, in virtual time, and say which failed.

    The parts that judge are the gateway's own: windows, models (in the real worker), rules,
    policies, limits. Nothing is connected, stored or sent. docs/replay.md shows how cases are
    written.
    """
    from gateway.adapters import logs
    from gateway.config.cases import load_cases
    from gateway.daemon.casework import run_cases

    logs.configure("auto", "error")
    loaded = [load_cases(file) for file in files]  # every mistake before the first case
    results = [(cases, run_cases(cases, models=not no_models)) for cases in loaded]
    if as_json:
        print(json.dumps([document(*one) for one in results], ensure_ascii=False))
    else:
        for cases, found in results:
            print("\n".join(lines(cases, found, verbose=verbose)))
        print(_sum(results))
    if xml is not None:
        xml.write_bytes(junit(results))
    if any(bad(found) for _, found in results):
        sys.exit(1)


def bad(found: "Results") -> bool:
    """A case failed, or a model could not run."""
    return bool(found.refused) or any(one.failures for one in found.outcomes)


def _sum(results: "list[tuple[Cases, Results]]") -> str:
    outcomes = [one for _, found in results for one in found.outcomes]
    failed = sum(bool(one.failures) for one in outcomes)
    return f"{counted(len(outcomes), 'case')}, {failed} failed"
