"""The file's section about people: how long what they decide holds."""

from collections.abc import Mapping
from typing import Self

from pydantic import model_validator

from gateway.config.scalars import Duration
from gateway.config.schema import Section
from gateway.core import durations
from gateway.core.interventions import TERMS, Kind, Terms


class TermsSection(Section):
    """How long one kind holds."""

    default: Duration | None = None
    """Where a person names no time."""
    most: Duration | None = None
    """The longest a person may name."""


def _terms(kind: Kind, section: TermsSection) -> Terms:
    """As the file says; a default that is left out is never longer than ``most``."""
    usual = TERMS[kind]
    default_ms = min(usual.default_ms, section.most or usual.most_ms)
    if section.default is not None:
        default_ms = section.default
    return Terms(default_ms, section.most or max(usual.most_ms, default_ms))


class PeopleSection(Section):
    """How long holds what people decide, over MQTT or by command."""

    hold: TermsSection = TermsSection()
    """Nothing acts on an asset by itself, but its fail-safe; default 1h, most 24h."""
    mode: TermsSection = TermsSection()
    """A mode other than the file's; default 2h, most 7d."""
    maintenance: TermsSection = TermsSection()
    """Somebody works at an asset: nothing acts on it by itself; default 8h, most 7d."""
    acknowledge: TermsSection = TermsSection()
    """An alert was seen; default 24h, most 30d."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for kind, terms in terms_of(self).items():
            if terms.default_ms > terms.most_ms:
                most = durations.render(terms.most_ms)
                raise ValueError(f"{kind.value}: default is longer than most, {most}")
        return self


def terms_of(section: PeopleSection) -> Mapping[Kind, Terms]:
    """How long each kind holds."""
    return {kind: _terms(kind, getattr(section, kind.value)) for kind in TERMS}
