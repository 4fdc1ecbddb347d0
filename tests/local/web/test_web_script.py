"""`python -m scripts.web`: the page is built when a source has changed, and replaced as a whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from scripts import node, web
from scripts.uv import SetupError, Uv

FAKE_NODE = """#!/bin/sh
[ -f fails ] && { echo 'Error: the build failed'; exit 1; }
mkdir -p "$4" && cat src/main.ts > "$4/index.html"
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose Node copies the source of the page instead of building it."""
    programs, root = tmp_path / "bin", tmp_path / "checkout"
    for folder in (programs, root / "web" / "src", root / "web" / "node_modules", root / "requirements"):
        folder.mkdir(parents=True)
    (root / "clients" / "js" / "src").mkdir(parents=True)
    (root / ".setup").mkdir()
    for path in (*(root / "web" / name for name in web._FILES), root / "clients" / "js" / "names.mjs"):
        path.write_text("{}", encoding="utf-8")
    (root / node.LOCK).write_text("node", encoding="utf-8")
    (root / "web" / "src" / "main.ts").write_text("one", encoding="utf-8")
    for name, text in (("node", FAKE_NODE), ("npm", "#!/bin/sh\nmkdir -p node_modules\n")):
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(stat.S_IRWXU)
    version = '[ "$1" = --version ] && { echo v20.0.0; exit; }\n'
    (programs / "node").write_text(FAKE_NODE.replace("\n", f"\n{version}", 1), encoding="utf-8")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return root


def test_page_is_built_once_and_again_after_a_change(checkout: Path) -> None:
    assert not web.is_built(checkout)
    web.build(Uv(checkout))
    assert web.is_built(checkout)
    assert (checkout / "web" / "dist" / "index.html").read_text(encoding="utf-8") == "one"
    (checkout / "web" / "src" / "main.ts").write_text("two", encoding="utf-8")
    assert not web.is_built(checkout)
    web.build(Uv(checkout))
    assert (checkout / "web" / "dist" / "index.html").read_text(encoding="utf-8") == "two"
    assert sorted(path.name for path in (checkout / "web").glob("dist*")) == ["dist"]


def test_change_of_the_client_makes_the_page_stale(checkout: Path) -> None:
    web.build(Uv(checkout))
    (checkout / "clients" / "js" / "src" / "chat.ts").write_text("export {};", encoding="utf-8")
    assert not web.is_built(checkout)


def test_failed_build_leaves_the_last_page_and_shows_its_error(checkout: Path) -> None:
    web.build(Uv(checkout))
    (checkout / "web" / "fails").touch()
    (checkout / "web" / "src" / "main.ts").write_text("two", encoding="utf-8")
    with pytest.raises(SetupError, match="Error: the build failed"):
        web.build(Uv(checkout))
    assert (checkout / "web" / "dist" / "index.html").read_text(encoding="utf-8") == "one"
    assert not web.is_built(checkout)


def test_checkout_without_the_page_has_nothing_to_build(tmp_path: Path) -> None:
    assert web.is_built(tmp_path)
