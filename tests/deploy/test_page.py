"""The upload of a stage's web page: the order of its files, how they are cached, and their readers; its check."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.artefacts import Artefacts, read_page
from infra.deploy.page import Page
from infra.deploy.page_check import PageCheck
from infra.deploy.smoke import CheckFailed
from infra.errors import InfraError
from infra.stage import InfraSettings
from infra.web.settings import WebSettings
from tests.deploy.fakes import BUILD, TRIAL, Aws, FakeCloudFormation, FakeS3, build
from tests.deploy.test_smoke import GOOD as GOOD_STAGE
from tests.deploy.test_smoke import a_stage

BUCKET = "chat-artefacts-123456789012-eu-west-1-an"
IDENTITY = {
    "authorization_endpoint": "https://id.test/authorize",
    "token_endpoint": "https://id.test/token",
    "client_id": "chat-page",
}
WEB = WebSettings.model_validate({"identity": IDENTITY})
FILES = {"index.html": b"index", "serverless-chat.js": b"component", "assets/a-1.js": b"a part"}
OUTPUTS = {"HttpUrl": "https://a1.test/try", "SocketUrl": "wss://b2.test/try", "WebUrl": "https://d3.test/"}


def uploaded(aws: Aws, infra: InfraSettings, **outputs: str) -> dict[str, dict[str, Any]]:
    stage = replace(TRIAL, infra=infra)
    Page(aws.account, stage, WEB, aws.console()).upload(FILES, {**OUTPUTS, **outputs})
    puts = [arguments for name, arguments in aws.s3.called if name == "PutObject"]
    return {arguments["Key"].removeprefix("chat-try/web/"): arguments for arguments in puts}


def test_index_is_uploaded_last_and_only_named_files_are_cached_for_ever() -> None:
    files = uploaded(Aws(s3=FakeS3({})), InfraSettings())
    assert list(files) == ["assets/a-1.js", "config.json", "serverless-chat.js", "index.html"]
    assert {path: file["CacheControl"] for path, file in files.items()} == {
        "assets/a-1.js": "public, max-age=31536000, immutable",
        "config.json": "no-store",
        "serverless-chat.js": "no-cache",
        "index.html": "no-cache",
    }
    assert files["index.html"]["ContentType"] == "text/html; charset=utf-8"
    assert files["assets/a-1.js"]["ContentType"] == "text/javascript; charset=utf-8"


def test_configuration_has_the_urls_of_the_stack_and_the_identity_provider() -> None:
    config = json.loads(uploaded(Aws(s3=FakeS3({})), InfraSettings())["config.json"]["Body"])
    assert config == {
        "http_url": "https://a1.test/try",
        "ws_url": "wss://b2.test/try",
        "identity": {"kind": "oidc", "scope": "openid profile offline_access", **IDENTITY},
        "image_origins": [],
        "vapid_key": None,
    }


def test_configuration_has_the_domains_of_the_stage_if_it_has_some() -> None:
    domains = {"HttpDomainUrl": "https://api.chat.test", "SocketDomainUrl": "wss://socket.chat.test"}
    config = json.loads(uploaded(Aws(s3=FakeS3({})), InfraSettings(), **domains)["config.json"]["Body"])
    assert (config["http_url"], config["ws_url"]) == ("https://api.chat.test", "wss://socket.chat.test")


def test_only_distributions_of_the_account_may_read_and_only_pages() -> None:
    aws = Aws(s3=FakeS3({}))
    uploaded(aws, InfraSettings())
    (arguments,) = [arguments for name, arguments in aws.s3.called if name == "PutBucketPolicy"]
    (statement,) = json.loads(arguments["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert (statement["Action"], statement["Resource"]) == ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/*/web/*")
    assert statement["Condition"] == {"StringEquals": {"AWS:SourceAccount": "123456789012"}}


def test_origin_that_the_api_does_not_allow_is_reported() -> None:
    aws = Aws(s3=FakeS3({}))
    uploaded(aws, InfraSettings(allowed_origins=["https://other.test"]))
    assert any("allowed_origins must contain https://d3.test" in line for line in aws.output)
    for origins in (["*"], ["https://d3.test"]):
        quiet = Aws(s3=FakeS3({}))
        uploaded(quiet, InfraSettings(allowed_origins=origins))
        assert not any("allowed_origins" in line for line in quiet.output)


def test_template_names_the_bucket_of_the_account() -> None:
    aws = Aws(s3=FakeS3({}))
    template = {**BUILD.template, "Outputs": {"Origin": {"Value": "ARTEFACT-BUCKET.s3.${AWS::Region}"}}}
    url = Artefacts(aws.account, TRIAL, aws.console()).upload(replace(BUILD, template=template))
    assert aws.s3.objects is not None
    body = aws.s3.objects[url.partition(f"{BUCKET}/")[2]]
    assert json.loads(body)["Outputs"]["Origin"]["Value"] == f"{BUCKET}.s3.${{AWS::Region}}"


def test_files_of_a_build_are_read_without_the_record_of_its_sources(tmp_path: Path) -> None:
    for name in ("index.html", "inputs.sha256", "assets/a-1.js"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    assert read_page(tmp_path) == {"index.html": b"index.html", "assets/a-1.js": b"assets/a-1.js"}
    assert read_page(tmp_path / "absent") == {}


HTTP_URL = OUTPUTS["HttpUrl"]
POLICY = {"Content-Security-Policy": "default-src 'none'; require-trusted-types-for 'script'"}
SHARED = {"Access-Control-Allow-Origin": "*"}
GOOD: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "/": (200, FILES["index.html"], POLICY),
    "/config.json": (200, json.dumps({"http_url": HTTP_URL}).encode(), {}),
    "/serverless-chat.js": (200, FILES["serverless-chat.js"], SHARED),
}


@contextmanager
def served(answers: Mapping[str, tuple[int, bytes, dict[str, str]]]) -> Iterator[str]:
    """Serve a page with these answers by path, and yield its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body, headers = answers[self.path]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join()


def problems(answers: Mapping[str, tuple[int, bytes, dict[str, str]]]) -> list[str]:
    """Return why the checks of a page fail."""
    found = []
    with served(answers) as url:
        for _, check in PageCheck(url, FILES, HTTP_URL).checks():
            try:
                check()
            except CheckFailed as failure:
                found.append(str(failure))
    return found


def test_page_that_is_served_passes_its_checks() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("path", "answer", "problem"),
    [
        ("/", (200, b"the build before", POLICY), "it is another build"),
        ("/", (200, FILES["index.html"], {}), "its Content-Security-Policy lacks require-trusted-types-for"),
        ("/", (403, b"<Error>AccessDenied</Error>", {}), "GET / is 403, not 200"),
        ("/config.json", (200, b'{"http_url": "https://other.test"}', {}), "names https://other.test instead of"),
        ("/config.json", (200, b"<html>", {}), "config.json does not name the chat"),
        ("/config.json", (404, b"", {}), "GET config.json is 404"),
        ("/serverless-chat.js", (200, b"the build before", SHARED), "it is another build"),
        ("/serverless-chat.js", (200, FILES["serverless-chat.js"], {}), "it has no Access-Control-Allow-Origin"),
    ],
)
def test_page_that_is_not_that_of_the_stage_fails_one_check(
    path: str, answer: tuple[int, bytes, dict[str, str]], problem: str
) -> None:
    (found,) = problems({**GOOD, path: answer})
    assert problem in found


def test_deployment_checks_the_page_after_the_stage() -> None:
    unreachable = "127.0.0.1:1"
    with a_stage(GOOD_STAGE) as endpoint:
        outputs = {**OUTPUTS, "HttpUrl": endpoint.http_url, "SocketUrl": endpoint.socket_url}
        no_changes = "The submitted information didn't contain changes."
        stack = FakeCloudFormation(
            "UPDATE_COMPLETE", no_change_set=no_changes, outputs={**outputs, "WebDomainTarget": unreachable}
        )
        aws = Aws(stack, s3=FakeS3({}))
        stage = replace(TRIAL, environment={}, infra=InfraSettings(web=WEB))
        version = endpoint.version
        with pytest.raises(InfraError, match="smoke check failed: the web page is this build"):
            aws.deployment(stage=stage, smoke_timeout=0).run(replace(build(version), page=FILES))
    assert "  ok  GET /health is 200 and returns this version" in aws.output
