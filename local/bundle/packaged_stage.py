"""A built stage for the launcher, in place of the app's own code."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from local.backend import Backend
from local.bundle.built_stage import BuiltStage
from local.bundle.emulator import DEFAULT_ENVIRONMENTS, LambdaEmulator
from local.bundle.errors import BundleError
from local.bundle.resolved_template import DELIVERY_QUEUE_SETTING, QUEUE_SETTING, ResolvedTemplate
from local.bundle.signing import signing_settings
from local.events import DELIVERIES
from local.gateway import GatewaySettings, Urls
from local.queue import QueueSettings, ensure_queue, sqs_client
from local.settings import chat_settings, is_loopback


class PackagedStage:
    """A built stage to run. Raises BundleError if it cannot be run.

    Adds the settings that sign tokens to `shell`, so that banner, tests and functions use the same ones. The
    shell's `CHAT_…` variables override those of the template.
    """

    def __init__(self, directory: Path, shell: MutableMapping[str, str], store_url: str | None) -> None:
        if store_url is not None and not is_loopback(store_url):
            raise BundleError("--bundle requires a store on this machine: its functions use dummy credentials.")
        self._stage = BuiltStage.open(directory)
        shell.update(signing_settings(directory, self._stage.template, shell))
        self._shell = shell
        self._template = ResolvedTemplate(self._stage, chat_settings(shell))

    @property
    def gateway_settings(self) -> GatewaySettings:
        """The settings of a gateway that serves this stage."""
        return replace(self._template.gateway_settings, stage=self._template.stage)

    @contextlib.contextmanager
    def run(
        self,
        backend: Backend,
        urls: Urls,
        environments: int | None,
        iam_record: Path | None,
        mixed_bundle: Path | None,
    ) -> Iterator[LambdaEmulator]:
        """Run the functions, with this store and the template's tables, for the context. Raises LocalError.

        With `mixed_bundle`, every other event is handled by the functions of that stage.
        """
        backend.configure_boto3(self._shell)
        self._create_tables(backend)
        self._configure_queues(backend)
        overrides = {name: value for name, value in self._shell.items() if name.startswith("CHAT_")}
        functions = LambdaEmulator(
            self._stage,
            ResolvedTemplate(self._stage, chat_settings(self._shell)),  # once more, with the queues' URLs
            overrides,
            store_url=backend.url,
            management_url=urls.management_url,
            environments=environments or DEFAULT_ENVIRONMENTS,
            iam_record=iam_record,
            other=None if mixed_bundle is None else BuiltStage.open(mixed_bundle),
        )
        with functions:
            yield functions

    def _configure_queues(self, backend: Backend) -> None:
        """Set the queues' URLs in the shell; leave them empty if an external store has no queues."""
        for setting, queue in ((QUEUE_SETTING, QueueSettings()), (DELIVERY_QUEUE_SETTING, DELIVERIES)):
            if setting not in self._shell:
                try:
                    self._shell[setting] = ensure_queue(sqs_client(backend.url), queue)
                except (BotoCoreError, ClientError):
                    self._shell[setting] = ""

    def _create_tables(self, backend: Backend) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as definition:
            json.dump(self._template.tables(), definition)
            definition.flush()
            backend.prepare(self._shell, Path(definition.name))
