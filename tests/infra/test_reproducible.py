"""The same checkout makes the same bytes, wherever it lies and whatever was done in it before."""

from __future__ import annotations

import re
import zipfile

from tests.infra.checkouts import Builds


def test_two_checkouts_make_the_same_bundle(builds: Builds) -> None:
    assert builds.here.bundle.read_bytes() == builds.elsewhere.bundle.read_bytes()


def test_two_checkouts_make_the_same_template(builds: Builds) -> None:
    assert builds.here.template.read_bytes() == builds.elsewhere.template.read_bytes()


def test_nothing_else_is_made(builds: Builds) -> None:
    assert {path.name for path in builds.here.out.iterdir()} == {"deployment.zip", "template.json"}


def test_the_zip_has_neither_times_nor_an_order_of_its_own(builds: Builds) -> None:
    with zipfile.ZipFile(builds.here.bundle) as archive:
        entries = archive.infolist()
    assert [each.filename for each in entries] == sorted(each.filename for each in entries)
    assert {each.date_time for each in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {oct(each.external_attr >> 16) for each in entries} == {"0o100644", "0o100755"}


def test_the_version_is_told_by_the_content(builds: Builds) -> None:
    found = re.search(r"chat-dev (\S+) for python", builds.here.said)
    assert found
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{12}", found[1])
    assert f'"CHAT_VERSION": "{found[1]}"' in builds.here.template.read_text()


def test_what_is_made_is_told_with_its_size(builds: Builds) -> None:
    size = builds.here.bundle.stat().st_size / 1e6
    assert f"{size:.2f} MB" in builds.here.said
    for name in ("chalicelib", "pydantic", "cryptography"):
        assert re.search(rf"^ +{name} +\d+\.\d\d MB$", builds.here.said, re.MULTILINE)
