"""Compose the template of a stage: one fragment to merge into Chalice's, and changes after the merge."""

from __future__ import annotations

from collections.abc import Iterable

from infra.errors import InfraError
from infra.runtime import Runtime
from infra.stage import Stage
from infra.template import (
    alarms,
    dashboard,
    domains,
    events,
    firewall,
    functions,
    hook,
    http_api,
    outputs,
    queue,
    secret,
    socket_api,
    tables,
    throttling,
    unmatched,
    web,
)
from infra.template.names import Json


def fragment_to_merge(stage: Stage) -> Json:
    """Return everything that Chalice merges into its template."""
    description = {"Description": f"{stage.app}, stage {stage.name}: conversations over HTTP and WebSockets"}
    return merge_fragments(
        [
            description,
            tables.fragment(stage),
            functions.fragment(stage),
            functions.account_log_role(stage),
            http_api.fragment(stage),
            socket_api.fragment(stage),
            throttling.fragment(stage),
            domains.fragment(stage),
            firewall.fragment(stage),
            queue.fragment(stage),
            events.fragment(stage),
            alarms.fragment(stage),
            dashboard.fragment(stage),
            outputs.fragment(stage),
            web.fragment(stage),
        ]
    )


def post_process(template: Json, stage: Stage, runtime: Runtime, version: str) -> None:
    """Change the merged template where merging is insufficient: remove keys, extend lists, add late values.

    `version` is the deployed version, as in `/health`.
    """
    functions.set_version(template, version)
    functions.set_runtime(template, runtime)
    socket_api.use_auto_deploy(template)
    queue.connect_worker(template, stage)
    events.connect(template, stage)
    http_api.set_title(template, stage)
    http_api.restrict_preflight(template, stage.infra.allowed_origins)
    unmatched.answer(template, stage.infra.allowed_origins)
    secret.grant_read(template, stage)
    hook.grant_invoke(template, stage)
    functions.check_variables(template)


def merge_fragments(fragments: Iterable[Json]) -> Json:
    """Merge several fragments. Raises InfraError if two set the same property."""
    merged: Json = {}
    for fragment in fragments:
        _merge_into(merged, fragment, ())
    return merged


def _merge_into(merged: Json, fragment: Json, path: tuple[str, ...]) -> None:
    for key, value in fragment.items():
        if key not in merged:
            merged[key] = value
        elif isinstance(value, dict) and isinstance(merged[key], dict):
            _merge_into(merged[key], value, (*path, key))
        else:
            raise InfraError(f"two modules of infra/template set {'.'.join((*path, key))}")
