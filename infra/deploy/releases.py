"""The releases of a stage in the artefact bucket, to which a rollback returns.

A release is a build with the settings of its stage, but without the state of the stage. It is recorded before it
is deployed, and confirmed after the smoke check; so a deployment that was killed in between is not a successful
one, and its repetition continues with the same release.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from infra.deploy.artefacts import Artefacts, Build
from infra.errors import InfraError
from infra.stage import InfraSettings, Stage
from infra.template.names import Json

KEPT = 5
"""Successful releases that are kept, with the present one."""


@dataclass(frozen=True, slots=True)
class Release:
    """A build that was deployed, or is being deployed."""

    number: int
    """Ascending, never used twice."""
    version: str
    digest: str
    """Of the template, the bundle and the settings."""
    previous: int
    """The release that ran before; 0: none. A rollback returns to it."""
    bundle: str
    """The key of the bundle in the bucket."""
    template: Json
    """Without the state of the stage."""
    stage: Json
    """The settings of the stage."""
    begun_at: int
    """Unix time, in seconds."""
    successful: bool = False

    def line(self) -> str:
        """Describe it in one line."""
        at = datetime.fromtimestamp(self.begun_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        return f"release {self.number}: {self.version}, deployed {at}"

    def restored_stage(self) -> Stage:
        """Return the stage with the settings of this release."""
        known = {key: value for key, value in self.stage["infra"].items() if key in InfraSettings.model_fields}
        return Stage(**{**self.stage, "infra": InfraSettings.model_validate(known)})


class Releases:
    """The releases of one stage."""

    def __init__(self, artefacts: Artefacts, stage: Stage, now: Callable[[], float] = time.time) -> None:
        self._artefacts = artefacts
        self._stage = stage
        self._now = now

    def all(self) -> list[Release]:
        """Return all recorded releases in ascending order."""
        return [Release(**json.loads(self._artefacts.read(key))) for key in self._artefacts.release_keys()]

    def begin(self, build: Build, present: int) -> Release:
        """Record a release that is about to be deployed; `present` is the number of the deployed one.

        Return the present one, or that of an interrupted deployment, if it has the same content.
        """
        recorded = self.all()
        deployed = next((release for release in recorded if release.number == present), None)
        digest = _digest(build, self._stage)
        if deployed is not None and deployed.digest == digest:
            return deployed
        if deployed is not None and not deployed.successful:
            previous = deployed.previous
        else:
            previous = deployed.number if deployed else 0
        for begun in recorded[-1:]:
            if not begun.successful and (begun.digest, begun.previous) == (digest, previous):
                return begun
        release = Release(
            number=max((release.number for release in recorded), default=present) + 1,
            version=build.version,
            digest=digest,
            previous=previous,
            bundle=self._artefacts.bundle_key(build),
            template=build.template,
            stage={**_settings(self._stage), "infra": self._stage.infra.model_dump(mode="json")},
            begun_at=int(self._now()),
        )
        self._write(release)
        return release

    def confirm(self, release: Release) -> None:
        """Record that a release was deployed successfully, and delete those that are no longer kept."""
        if not release.successful:
            self._write(replace(release, successful=True))
        self._prune(release.number)

    def target(self, present: int, wanted: str | None) -> Release:
        """Return the release to which a rollback returns: the one before, or the named one. Raises InfraError."""
        recorded = self.all()
        successful = {release.number: release for release in recorded if release.successful}
        kept = "".join(f"\n    {release.line()}" for release in successful.values() if release.number != present)
        if wanted is not None:
            named = [
                release for release in successful.values() if wanted in {str(release.number), release.version}
            ]
            if not named:
                raise InfraError(f"There is no release {wanted}. Kept are:{kept or ' none'}")
            return named[-1]
        now = next((release for release in recorded if release.number == present), None)
        if now is None:
            raise InfraError(
                "The deployed build is not among the kept releases; name one with TO=…"
                f" (--to). Kept are:{kept or ' none'}"
            )
        if now.previous not in successful:
            raise InfraError(f"No release before {now.number} is kept. Kept are:{kept or ' none'}")
        return successful[now.previous]

    def _write(self, release: Release) -> None:
        self._artefacts.write_release(release.number, json.dumps(asdict(release), ensure_ascii=False).encode())

    def _prune(self, present: int) -> None:
        recorded = self.all()
        kept = _kept(recorded, present)
        gone = [release for release in recorded if release not in kept]
        bundles = {release.bundle for release in gone} - {release.bundle for release in kept}
        self._artefacts.delete_releases([release.number for release in gone], bundles)


def _kept(recorded: Sequence[Release], present: int) -> list[Release]:
    newest = [release for release in recorded if release.successful][-KEPT:]
    return [release for release in recorded if release in newest or release.number == present]


def _settings(stage: Stage) -> dict[str, Any]:
    return {
        "name": stage.name,
        "app": stage.app,
        "api_stage": stage.api_stage,
        "architecture": stage.architecture,
        "environment": stage.environment,
    }


def _digest(build: Build, stage: Stage) -> str:
    content = [
        build.template,
        _settings(stage),
        stage.infra.model_dump(mode="json"),
        sha256(build.bundle).hexdigest(),
    ]
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
