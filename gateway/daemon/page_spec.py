"""From the user's file to what the process of the page is told."""

import os
from typing import Any

from gateway.config.settings import Settings
from gateway.core.assets import Action, Asset
from gateway.web.spec import Spec


def spec_of(settings: Settings) -> Spec | None:
    """None: there is no page."""
    web = settings.web
    if web is None:
        return None
    return Spec(
        gateway=settings.gateway_id,
        name=settings.gateway_name,
        host=web.listen.host,
        port=web.listen.port,
        parent=os.getpid(),
        database=str(settings.store.path.absolute()),
        file=str(settings.file),
        accounts=str(web.password_file or ""),
        guest=web.guest,
        cert_file=str(web.listen.cert_file or ""),
        key_file=str(web.listen.key_file or ""),
        hosts=web.hosts,
        clients=web.clients,
        assets={id_: _asset(asset) for id_, asset in settings.assets.items()},
    )


def _asset(asset: Asset) -> dict[str, Any]:
    return {
        "name": asset.name,
        "metrics": {name: one.unit for name, one in asset.metrics.items()},
        "actions": {name: _action(one) for name, one in asset.actions.items()},
        "policies": [
            {"name": rule.name, "when": rule.when, "do": rule.action, "mode": rule.mode.value}
            for rule in asset.policy
        ],
    }


def _action(action: Action) -> dict[str, Any]:
    value = action.value
    if value is None:
        return {"value": None}
    return {"value": {"low": value.low, "high": value.high}}
