"""The bill of materials of a bundle, and the licences of its packages."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.bundle import Bundle
from infra.errors import InfraError
from infra.sbom import bill_of_materials, libraries
from scripts.lock import LOCKS
from tests.infra.checkouts import ROOT, Builds

Json = dict[str, Any]


@pytest.fixture(scope="session")
def document(builds: Builds) -> Json:
    found: Json = json.loads((builds.here.out / "sbom.json").read_text())
    return found


def test_document_lists_exactly_the_packages_of_the_bundle(document: Json) -> None:
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / LOCKS["bundle"]).read_text(), re.MULTILINE))
    found = {component["name"]: component["version"] for component in document["components"]}
    assert found.pop("chalice")
    assert found == locked


def test_every_component_has_a_package_url_and_a_licence(document: Json) -> None:
    for component in document["components"]:
        assert component["purl"] == component["bom-ref"] == f"pkg:pypi/{component['name']}@{component['version']}"
        (licence,) = component["licenses"]
        assert licence["expression"]
    (root,) = document["dependencies"]
    assert root["dependsOn"] == [component["bom-ref"] for component in document["components"]]


def test_document_identifies_the_bundle(document: Json, builds: Builds) -> None:
    digest = hashlib.sha256(builds.here.bundle.read_bytes()).hexdigest()
    component = document["metadata"]["component"]
    assert component["hashes"] == [{"alg": "SHA-256", "content": digest}]
    assert component["version"].endswith(f"+{digest[:12]}")
    assert uuid.UUID(document["serialNumber"].removeprefix("urn:uuid:")).version == 5
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)


def test_same_bundle_has_the_same_document(builds: Builds) -> None:
    assert (builds.here.out / "sbom.json").read_bytes() == (builds.elsewhere.out / "sbom.json").read_bytes()


def test_licences_are_listed_in_the_document_of_the_package(builds: Builds) -> None:
    text = (ROOT / "docs" / "packaging.md").read_text().partition("\n## Supply chain\n")[2].partition("\n## ")[0]
    listed = dict(re.findall(r"^\| `([a-z-]+)` \| ([^|]+?) \|", text, re.MULTILINE))
    assert listed == {library.name: library.licence for library in libraries(builds.here.bundle)}


def test_package_without_a_licence_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy-1.dist-info/METADATA", "Metadata-Version: 2.4\nName: toy\nVersion: 1\n")
    with pytest.raises(InfraError, match="toy names no licence"):
        bill_of_materials("chat", "1", Bundle(path, {}))
