"""The template of a stage: one thing to merge into Chalice's, and what merging cannot do."""

from __future__ import annotations

from collections.abc import Iterable

from infra.errors import InfraError
from infra.stage import Stage
from infra.template import alarms, dashboard, functions, http_api, outputs, queue, secret, socket_api, tables
from infra.template.names import Json


def to_merge(stage: Stage) -> Json:
    """All that Chalice is to merge into its template."""
    description = {"Description": f"{stage.app}, stage {stage.name}: conversations over HTTP and WebSockets"}
    return joined(
        [
            description,
            tables.fragment(stage),
            functions.fragment(stage),
            functions.account_log_role(stage),
            http_api.fragment(stage),
            socket_api.fragment(stage),
            queue.fragment(stage),
            alarms.fragment(stage),
            dashboard.fragment(stage),
            outputs.fragment(stage),
        ]
    )


def finish(template: Json, stage: Stage, version: str) -> None:
    """What is changed in the merged template: keys that go, lists that grow, and what was not known before.

    `version` is what runs, as `/health` says it.
    """
    functions.set_version(template, version)
    socket_api.follow_changes(template)
    queue.connect(template)
    http_api.restrict_preflight(template, stage.infra.allowed_origins)
    secret.allow_reading(template, stage)


def joined(fragments: Iterable[Json]) -> Json:
    """Several fragments as one. Raises InfraError where two say something about the same property."""
    whole: Json = {}
    for fragment in fragments:
        _join(whole, fragment, ())
    return whole


def _join(whole: Json, more: Json, where: tuple[str, ...]) -> None:
    for key, value in more.items():
        if key not in whole:
            whole[key] = value
        elif isinstance(value, dict) and isinstance(whole[key], dict):
            _join(whole[key], value, (*where, key))
        else:
            raise InfraError(f"two modules of infra/template set {'.'.join((*where, key))}")
