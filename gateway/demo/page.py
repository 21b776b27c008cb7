"""The page of a demo: on a free port of this machine, for as long as the demo lasts."""

from importlib.util import find_spec
from pathlib import Path

from gateway.demo.broker import HOST, free_port
from gateway.errors import ConfigError


def open_page(config: Path) -> int:
    """Add a page to a configuration, on which everybody may decide; the port it will be on.

    Raises:
        ConfigError: what serves it is not installed.
    """
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise ConfigError("--web needs: pip install 'edge-gateway[web]'")
    port = free_port()
    with config.open("a", encoding="utf-8") as file:
        file.write(f'\nweb: {{listen: "{HOST}:{port}", guest: operator}}\n')
    return port
