"""The same checkout builds the same bytes, independent of its directory and history."""

from __future__ import annotations

import re
import zipfile

from tests.infra.checkouts import Builds


def test_two_checkouts_build_identical_bundles(builds: Builds) -> None:
    assert builds.here.bundle.read_bytes() == builds.elsewhere.bundle.read_bytes()


def test_two_checkouts_build_identical_templates(builds: Builds) -> None:
    assert builds.here.template.read_bytes() == builds.elsewhere.template.read_bytes()


def test_build_writes_only_bundle_template_and_bill_of_materials(builds: Builds) -> None:
    assert {path.name for path in builds.here.out.iterdir()} == {
        "deployment.zip",
        "template.json",
        "sbom.json",
    }


def test_zip_is_sorted_without_times(builds: Builds) -> None:
    with zipfile.ZipFile(builds.here.bundle) as archive:
        entries = archive.infolist()
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {oct(entry.external_attr >> 16) for entry in entries} == {"0o100644", "0o100755"}


def test_version_depends_on_the_content(builds: Builds) -> None:
    found = re.search(r"chat-dev (\S+) for python", builds.here.output)
    assert found
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{12}", found[1])
    assert f'"CHAT_VERSION": "{found[1]}"' in builds.here.template.read_text()


def test_summary_lists_sizes(builds: Builds) -> None:
    size = builds.here.bundle.stat().st_size / 1e6
    assert f"{size:.2f} MB" in builds.here.output
    for name in ("chalicelib", "pydantic", "cryptography"):
        assert re.search(rf"^ +{name} +\d+\.\d\d MB$", builds.here.output, re.MULTILINE)
