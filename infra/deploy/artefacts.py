"""The artefacts of a deployment: a directory that `infra package` made, and its files in S3."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from botocore.exceptions import ClientError

from infra.build import BUNDLE, TEMPLATE
from infra.deploy.account import Account
from infra.deploy.console import Console
from infra.deploy.error_messages import code_of
from infra.errors import InfraError
from infra.regions import has_account_namespace
from infra.stage import Stage
from infra.template.names import Json
from infra.template.web import BUCKET, PAGE

_LOCAL_CODE = f"./{BUNDLE}"
_HTTP_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Build:
    """A bundle and a template that references it by a relative path."""

    bundle: bytes
    template: Json
    page: Mapping[str, bytes] = field(default_factory=dict)
    """The files of the web page by their paths, if the stage has a page."""

    @property
    def version(self) -> str:
        """The version that `/health` reports."""
        return str(self.template["Globals"]["Function"]["Environment"]["Variables"]["CHAT_VERSION"])


def read_build(directory: Path, stage: Stage) -> Build:
    """Read the build in a directory. Raises InfraError if it is missing or of another stage."""
    try:
        bundle = (directory / BUNDLE).read_bytes()
        template: Json = json.loads((directory / TEMPLATE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InfraError(f"{directory} contains no build: {error}. Run make package to build it") from None
    built_stage = template["Globals"]["Function"]["Environment"]["Variables"]["CHAT_STAGE"]
    if built_stage != stage.name:
        raise InfraError(f"{directory} contains a build of stage {built_stage}, not of {stage.name}")
    return Build(bundle, template, read_page(directory / PAGE))


def read_page(directory: Path) -> dict[str, bytes]:
    """Return the files of a built web page by their paths, or nothing if there is none."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file() and path.suffix != ".sha256")
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def named_bucket(template: Json, bucket: str) -> Json:
    """Return a copy of a template with the name of the bucket of the page's files."""
    named: Json = json.loads(json.dumps(template).replace(BUCKET, bucket))
    return named


def bucket_name(app: str, account: Account) -> str:
    """Return the name of the bucket for the builds of all stages of an account and region.

    It is in the account's regional namespace, which no other account can use, except where S3 has none.
    """
    suffix = "-an" if has_account_namespace(account.region) else ""
    return f"{app}-artefacts-{account.id}-{account.region}{suffix}"


class Artefacts:
    """The files of one stage in the bucket, named by content hash below the stage's full name."""

    def __init__(self, account: Account, stage: Stage, console: Console) -> None:
        self._s3 = account.s3
        self._account = account
        self._console = console
        self._prefix = f"{stage.full_name}/"
        self._releases = f"{self._prefix}releases/"
        self._note = f"{self._prefix}restore"
        self.bucket = bucket_name(stage.app, account)
        # S3 rejects the calls if the bucket belongs to another account.
        self._bucket_arguments = {"Bucket": self.bucket, "ExpectedBucketOwner": account.id}

    def ensure_bucket(self) -> None:
        """Create the bucket unless it exists, and make it private and encrypted."""
        if not self._bucket_exists():
            self._console.write(f"Creating bucket {self.bucket}: private, encrypted, shared by all stages")
            namespace = {"BucketNamespace": "account-regional"}
            if not has_account_namespace(self._account.region):
                self._console.write(f"  {self._account.region} has no account-regional names: this one is global")
                namespace = {}
            self._s3.create_bucket(Bucket=self.bucket, **namespace, **self._location())
        # Always, because an interrupted deployment may have left the bucket without it.
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

    def upload(self, build: Build) -> str:
        """Upload a build unless it exists, and return the URL of its template."""
        template = named_bucket(build.template, self.bucket)
        code = {"Bucket": self.bucket, "Key": self._put(build.bundle, "zip")}
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                if resource["Properties"]["CodeUri"] != _LOCAL_CODE:
                    raise InfraError("the template does not reference the bundle next to it: build it again")
                resource["Properties"]["CodeUri"] = code
        return self.upload_template(template)

    def upload_template(self, template: Json) -> str:
        """Upload a template whose functions refer to an uploaded bundle, and return its URL."""
        text = json.dumps(template, sort_keys=True, ensure_ascii=False).encode()
        # Path-style URLs work in every region and with S3 emulators.
        return f"{self._s3.meta.endpoint_url}/{self.bucket}/{self._put(text, 'json')}"

    def delete(self) -> int:
        """Delete all uploads of the stage and return their number."""
        if not self._bucket_exists():
            return 0
        deleted = 0
        for page in self._s3.get_paginator("list_objects_v2").paginate(
            **self._bucket_arguments, Prefix=self._prefix
        ):
            keys = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
            if not keys:
                continue
            response = self._s3.delete_objects(**self._bucket_arguments, Delete={"Objects": keys, "Quiet": True})
            if errors := response.get("Errors"):
                raise InfraError(f"{errors[0]['Key']} in {self.bucket} cannot be deleted: {errors[0]['Message']}")
            deleted += len(keys)
        return deleted

    def bundle_key(self, build: Build) -> str:
        """Return the key under which the bundle of a build is uploaded."""
        return self._key(build.bundle, "zip")

    def release_keys(self) -> list[str]:
        """Return the keys of the recorded releases, in the order of their numbers."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(**self._bucket_arguments, Prefix=self._releases)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def read(self, key: str) -> bytes:
        """Return the content of an object."""
        content: bytes = self._s3.get_object(**self._bucket_arguments, Key=key)["Body"].read()
        return content

    def write_release(self, number: int, content: bytes) -> None:
        """Write the record of a release, or replace it."""
        self._s3.put_object(**self._bucket_arguments, Key=self._release_key(number), Body=content)

    def read_note(self) -> bytes | None:
        """Return the note of an unfinished restore."""
        return (
            self.read(self._note)
            if self._bucket_exists() and self._exists("head_object", Key=self._note)
            else None
        )

    def write_note(self, content: bytes) -> None:
        """Write or replace the note of a restore."""
        self._s3.put_object(**self._bucket_arguments, Key=self._note, Body=content)

    def delete_note(self) -> None:
        """Delete the note of a restore that is finished."""
        self._s3.delete_object(**self._bucket_arguments, Key=self._note)

    def delete_releases(self, numbers: Iterable[int], bundles: Iterable[str]) -> None:
        """Delete the records of releases, after the bundles that only they used."""
        for key in [*sorted(bundles), *map(self._release_key, numbers)]:
            self._s3.delete_object(**self._bucket_arguments, Key=key)

    def _release_key(self, number: int) -> str:
        return f"{self._releases}{number:08}"

    def _key(self, data: bytes, kind: str) -> str:
        return f"{self._prefix}{hashlib.sha256(data).hexdigest()}.{kind}"

    def _put(self, data: bytes, kind: str) -> str:
        digest = hashlib.sha256(data)
        key = self._key(data, kind)
        if self._exists("head_object", Key=key):
            self._console.write(f"  s3://{self.bucket}/{key} exists")
            return key
        checksum = b64encode(digest.digest()).decode()
        self._s3.put_object(**self._bucket_arguments, Key=key, Body=data, ChecksumSHA256=checksum)
        self._console.write(f"  s3://{self.bucket}/{key} uploaded ({len(data) / 1e6:.2f} MB)")
        return key

    def _location(self) -> Json:
        # us-east-1 is not a valid location constraint (S3 API reference, CreateBucket).
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
