"""What a stage is deployed from: a directory that `infra package` made, and where its files lie in S3."""

from __future__ import annotations

import copy
import hashlib
import json
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError

from infra.build import BUNDLE, TEMPLATE
from infra.deploy.account import Account
from infra.deploy.console import Console
from infra.deploy.error_messages import code_of
from infra.errors import InfraError
from infra.stage import Stage
from infra.template.names import Json

_LOCAL_CODE = f"./{BUNDLE}"
_HTTP_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Build:
    """A bundle and the template that looks for it beside itself."""

    bundle: bytes
    template: Json

    @property
    def version(self) -> str:
        """What `/health` will say."""
        return str(self.template["Globals"]["Function"]["Environment"]["Variables"]["CHAT_VERSION"])


def read_build(directory: Path, stage: Stage) -> Build:
    """The build in a directory. Raises InfraError if there is none, or one of another stage."""
    try:
        bundle = (directory / BUNDLE).read_bytes()
        template: Json = json.loads((directory / TEMPLATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InfraError(f"{directory} holds no build: {error}. make package makes one") from None
    built_stage = template["Globals"]["Function"]["Environment"]["Variables"]["CHAT_STAGE"]
    if built_stage != stage.name:
        raise InfraError(f"{directory} holds a build of stage {built_stage}, not of {stage.name}")
    return Build(bundle, template)


def bucket_name(app: str, account: Account) -> str:
    """The bucket for the builds of all stages in an account and region.

    In the account's own namespace, where nobody else can take the name before us (S3 user guide, "Namespaces for
    general purpose buckets").
    """
    return f"{app}-artefacts-{account.id}-{account.region}-an"


class Artefacts:
    """The files of one stage in the bucket, named by their content under the stage's full name."""

    def __init__(self, account: Account, stage: Stage, console: Console) -> None:
        self._s3 = account.s3
        self._account = account
        self._console = console
        self._prefix = f"{stage.full_name}/"
        self.bucket = bucket_name(stage.app, account)
        # S3 refuses a call on this bucket if it ever belongs to somebody else.
        self._bucket_arguments = {"Bucket": self.bucket, "ExpectedBucketOwner": account.id}

    def upload(self, build: Build) -> str:
        """Put a build there if it is not there yet; the URL of its template."""
        self._ensure_bucket()
        template = copy.deepcopy(build.template)
        code = {"Bucket": self.bucket, "Key": self._put(build.bundle, "zip")}
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                if resource["Properties"]["CodeUri"] != _LOCAL_CODE:
                    raise InfraError("the template looks for its code elsewhere than beside itself: build it anew")
                resource["Properties"]["CodeUri"] = code
        text = json.dumps(template, sort_keys=True, ensure_ascii=False).encode()
        # The path style is the one that holds for every region, and for stand-ins of S3 as well.
        return f"{self._s3.meta.endpoint_url}/{self.bucket}/{self._put(text, 'json')}"

    def delete(self) -> int:
        """Delete all that was uploaded for the stage; how many files."""
        if not self._bucket_exists():
            return 0
        deleted = 0
        for page in self._s3.get_paginator("list_objects_v2").paginate(
            **self._bucket_arguments, Prefix=self._prefix
        ):
            keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if not keys:
                continue
            response = self._s3.delete_objects(**self._bucket_arguments, Delete={"Objects": keys, "Quiet": True})
            if errors := response.get("Errors"):
                raise InfraError(f"{errors[0]['Key']} in {self.bucket} cannot be deleted: {errors[0]['Message']}")
            deleted += len(keys)
        return deleted

    def _put(self, data: bytes, kind: str) -> str:
        digest = hashlib.sha256(data)
        key = f"{self._prefix}{digest.hexdigest()}.{kind}"
        if self._exists("head_object", Key=key):
            self._console.write(f"  s3://{self.bucket}/{key} is there already")
            return key
        checksum = b64encode(digest.digest()).decode()
        self._s3.put_object(**self._bucket_arguments, Key=key, Body=data, ChecksumSHA256=checksum)
        self._console.write(f"  s3://{self.bucket}/{key} uploaded ({len(data) / 1e6:.2f} MB)")
        return key

    def _ensure_bucket(self) -> None:
        if not self._bucket_exists():
            self._console.write(f"Making the bucket {self.bucket}: private, encrypted, for all stages")
            self._s3.create_bucket(Bucket=self.bucket, BucketNamespace="account-regional", **self._location())
        # Every time: an interrupted deployment may have left it without.
        self._s3.put_public_access_block(
            **self._bucket_arguments,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
        self._s3.put_bucket_encryption(**self._bucket_arguments, ServerSideEncryptionConfiguration=encryption)

    def _location(self) -> Json:
        # S3 takes every region as a constraint but its first (API reference, CreateBucket).
        if self._account.region == "us-east-1":
            return {}
        return {"CreateBucketConfiguration": {"LocationConstraint": self._account.region}}

    def _bucket_exists(self) -> bool:
        return self._exists("head_bucket")

    def _exists(self, operation: str, **arguments: str) -> bool:
        try:
            getattr(self._s3, operation)(**self._bucket_arguments, **arguments)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _HTTP_NOT_FOUND:
                return False
            if code_of(error) in {"NoSuchBucket", "NoSuchKey", "NotFound"}:
                return False
            raise
        return True
