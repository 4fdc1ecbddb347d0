"""The files of a stage's web page in the artefact bucket, where CloudFront reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from infra.deploy.account import Account
from infra.deploy.artefacts import bucket_name
from infra.deploy.console import Console
from infra.stage import Stage
from infra.template.web import PAGE
from infra.web.config import PageConfig, oidc_identity
from infra.web.headers import ASSETS, CONFIG, cache_control, media_type
from infra.web.settings import WebSettings


class Page:
    """The page of one stage."""

    def __init__(self, account: Account, stage: Stage, web: WebSettings, console: Console) -> None:
        self._account = account
        self._s3 = account.s3
        self._stage = stage
        self._web = web
        self._console = console
        self._bucket = {"Bucket": bucket_name(stage.app, account), "ExpectedBucketOwner": account.id}

    def upload(self, files: Mapping[str, bytes], outputs: Mapping[str, str]) -> None:
        """Upload the files of a build with their configuration. Pages that are open keep working.

        `outputs` are those of the stack. A page that a browser has loaded still finds the parts of earlier builds.
        """
        config = json.dumps(self.config(outputs).to_json()).encode()
        self._let_cloudfront_read()
        # The index is last: it names the other files.
        for path, content in sorted({**files, CONFIG: config}.items(), key=lambda item: _turn(item[0])):
            self._s3.put_object(
                **self._bucket,
                Key=f"{self._stage.full_name}/{PAGE}/{path}",
                Body=content,
                ContentType=media_type(path),
                CacheControl=cache_control(path),
            )
        self._console.write(f"Web page   {outputs['WebUrl']}")
        if domain := self._web.domain:
            target = outputs["WebDomainTarget"]
            self._console.write(f"https://{domain.name}: its DNS record must point to {target}")
        origin = outputs["WebUrl"].rstrip("/")
        if not {"*", origin} & set(self._stage.infra.allowed_origins):
            self._console.write(
                f"!!! infra.allowed_origins must contain {origin}, or the page cannot use the chat"
            )

    def config(self, outputs: Mapping[str, str]) -> PageConfig:
        """Return the configuration of the page, from the outputs of the stack."""
        return PageConfig(
            http_url=outputs.get("HttpDomainUrl") or outputs["HttpUrl"],
            ws_url=outputs.get("SocketDomainUrl") or outputs["SocketUrl"],
            identity=oidc_identity(self._web.identity),
            image_origins=self._web.image_origins,
            vapid_key=self._web.vapid_key or None,
        )

    def _let_cloudfront_read(self) -> None:
        """Let this account's distributions, and no other reader, get the files of pages from the bucket."""
        name = self._bucket["Bucket"]
        statement = {
            "Sid": "ReadPages",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": f"arn:{self._account.partition}:s3:::{name}/*/{PAGE}/*",
            "Condition": {"StringEquals": {"AWS:SourceAccount": self._account.id}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self._s3.put_bucket_policy(**self._bucket, Policy=policy)


def _turn(path: str) -> tuple[int, str]:
    """Return when a file is uploaded: parts first, then the component, the configuration and the index."""
    order = 0 if path.startswith(f"{ASSETS}/") else 2 if path == "index.html" else 1
    return order, path
