"""The reference of the JavaScript client is that of the comments in its sources, and complete."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.javascript_reference import ROOT, TARGET, Declarations, declarations, reference
from scripts.node import CLIENT
from tests.clients.js.node_tests import node

_MEMBER = re.compile(r"(?:^#### `\w+\.|^- `)(\w+)\??[(:]", re.MULTILINE)
ENTRY = """\
/** The entry point. */
import { type Hidden } from "./hidden.js";
/** A room. */
export declare class Room extends Base implements Store {
    private readonly _state;
    /** Open it. */
    constructor(_id: string);
    /**
     * Send a message. It is
     * repeated.
     *
     * @param text - The text.
     * @returns a promise
     *   of its place.
     */
    send(text: string, { replyTo, mentions }?: Fields): Promise<void>;
    get typists(): readonly {
        id: string;
        name: string;
    }[];
    load(): void;
}
/** A token. */
export type Token = string | {
    ticket: string;
};
export { type Fields } from "./hidden.js";
"""
HIDDEN = """\
/** Of no entry point. */
export interface Base {
    /** Its id. */
    readonly id: string;
}
export interface Store {
    /** Load. */
    load(): void;
}
export interface Fields {
    /** A sequence id. */
    replyTo?: number;
}
"""


@pytest.fixture(scope="module")
def found() -> Declarations:
    """Return the declarations that the compiler writes."""
    node()
    return declarations()


@pytest.fixture
def written(tmp_path: Path) -> Declarations:
    """Return some declarations with all that a comment and a member can have."""
    empty = ["conversations", "indexed_db"]
    for name, text in {"index": ENTRY, "hidden": HIDDEN, **dict.fromkeys(empty, "/** Nothing. */\n")}.items():
        (tmp_path / f"{name}.d.ts").write_text(text, "utf-8")
    return Declarations(tmp_path)


def test_reference_is_that_of_the_comments(found: Declarations) -> None:
    assert TARGET.read_text("utf-8") == reference(found), "run `python -m scripts.javascript_reference`"


def test_build_shortens_no_name_of_the_reference() -> None:
    build = (ROOT / CLIENT / "build.mjs").read_text("utf-8")
    internal = set(build.partition("INTERNAL = `")[2].partition("`")[0].split())
    members = set(_MEMBER.findall(TARGET.read_text("utf-8")))
    assert {"open", "resume", "sequenceId", "share"} <= members
    assert internal & members == set()


def test_each_exported_name_and_member_has_a_comment(found: Declarations) -> None:
    assert found.undocumented() == []


def test_names_and_members_without_a_comment_are_found(written: Declarations) -> None:
    assert written.undocumented() == ["Room.typists", "Fields"]


def test_reference_has_the_signatures_and_texts_of_the_declarations(written: Declarations) -> None:
    text = reference(written)
    expected = [
        "## `serverless-chat`\n\nThe entry point.\n",
        "### `class Room extends Base implements Store`\n\nA room.\n",
        "#### `Room.id: string`\n\nIts id.\n",
        "#### `new Room(id: string)`\n\nOpen it.\n",
        "#### `Room.send(text: string, options?: Fields): Promise<void>`\n\nSend a message. It is repeated.\n\n"
        "- `text`: The text.\n- Returns a promise of its place.\n",
        "### `type Token = string | { ticket: string; }`\n\nA token.\n",
        "### `interface Fields`\n\n\n\n- `replyTo?: number`: A sequence id.\n",
    ]
    assert [part for part in expected if part not in text] == []
    assert "_state" not in text
