"""The prose check counts the habits that it names, and no legitimate use of the same words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scripts import prose


def found(text: str) -> list[str]:
    """The patterns that a text contains, one for each occurrence."""
    texts = prose.markdown_texts("text.md", text)
    return [name for name, pattern in prose.PATTERNS.items() for _ in prose.occurrences(pattern, texts)]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("who", "Who is banned receives nothing."),
        ("who", "A key for who sent it."),
        ("who", "It returns quickly; who asks again waits."),
        ("who", "A link for whoever has it."),
        ("who", "| Who is online | set |"),
        ("who", "Store who was offline."),
        ("who", "Return whom the hook mentions."),
        ("who", "Whom the product notifies is decided once."),
        ("who", "The lists of whom to notify."),
        ("what", "What is stored is returned."),
        ("what", "It deletes what was queued."),
        ("what", "What the client sends is checked."),
        ("what", "Close whatever is idle."),
        ("body", "Somebody asks."),
        ("body", "It tolerates everybody."),
        ("say", "The event says so."),
        ("say", "The caller is told."),
        ("gone", "The connection is gone."),
        ("gone", "It goes with the head."),
        ("stand", "The commit stands."),
        ("stand", "The item lies elsewhere."),
        ("ours", "a client of our own"),
        ("ours", "an id of the client's, and a queue of its\nown"),
    ],
)
def test_pattern_is_counted_once(pattern: str, text: str) -> None:
    assert found(text) == [pattern]


@pytest.mark.parametrize(
    "text",
    [
        "A member who left receives nothing.",
        "Alice, who owns the conversation, deletes it.",
        "Members who are muted can read.",
        "The participant for whom a service acts, of whom nothing is known.",
        "This gives the status code, what-if analyses, and what if it fails.",
        "Check what status code applies.",
        "What happens when a function crashes?",
        "What is a tombstone? A marker.",
        "API Gateway answers 410 Gone, or 410 (Gone).",
        "It raises GoneException.",
        "A standard, standalone stand-in; you understand it.",
        "It returns `what is stored`, and ``who sent it``.",
        'The frame "the connection is gone" is sent.',
        "The response is “told to somebody”.",
        "A credential (say, a cookie), or, say, a header.",
        "[a link](docs/what-is-gone.md) and https://example.org/who/says",
        "The request body is empty.",
        "Its own queue, and their own keys, or one of its own names.",
        "```text\nnobody says what is gone\n```",
        "1. A list\n\n   ```sh\n   echo nobody says\n   ```",
    ],
)
def test_legitimate_use_is_not_counted(text: str) -> None:
    assert found(text) == []


def test_comments_and_docstrings_are_texts_and_other_strings_are_not() -> None:
    source = '''"""Module."""
# First line
# and second.
name = "not # a comment"
"""Attribute."""
text = f(
    """Argument."""
)


def function() -> None:
    r"""Raw."""
    call()  # noqa: S101 — because
'''
    texts = [(each.line, each.words.strip()) for each in prose.python_texts("module.py", source)]
    assert texts == [
        (1, "Module."),
        (2, "First line\nand second."),
        (5, "Attribute."),
        (12, "Raw."),
        (13, "because"),
    ]


def test_comments_of_typescript_are_texts() -> None:
    source = """/** The module. */

const url = "https://x.example/ // no comment"; // Why.
/**
 * Return a name.
 *
 * @param id - The id.
 */
const pattern = /a\\/\\/b/;
"""
    texts = [(each.line, each.words.split()) for each in prose.typescript_texts("module.ts", source)]
    assert texts == [
        (1, ["The", "module."]),
        (3, ["Why."]),
        (4, ["Return", "a", "name.", "The", "id."]),
    ]


def test_finding_names_file_and_line() -> None:
    texts = prose.markdown_texts(
        "a.md", "# Title\n\n```\ncode\n```\n\nOne line,\nthen `code` that somebody wrote.\n"
    )
    assert list(prose.occurrences(prose.PATTERNS["body"], texts)) == ["a.md:8: line, then X that somebody wrote."]


def test_rates_are_per_thousand_words() -> None:
    texts = prose.markdown_texts("a.md", "word " * 249 + "somebody")
    assert dict(zip(prose.PATTERNS, prose.rates(texts), strict=True))["body"] == 4.0


def test_docstrings_are_those_of_the_syntax_tree() -> None:
    paths = sorted((prose.ROOT / "chalicelib" / "core").rglob("*.py"))
    assert len(paths) > 40
    for path in paths:
        source = path.read_text("utf-8")
        lines = source.splitlines()
        texts = {each.line for each in prose.python_texts(path.name, source)}
        assert _docstring_lines(source) == {
            line for line in texts if lines[line - 1].lstrip().startswith(('"""', 'r"""'))
        }, path


def _docstring_lines(source: str) -> set[int]:
    return {
        statement.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        for statement in node.body
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    }


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with a good and a bad file."""
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "chalicelib" / "good.py").write_text('"""Return the members of a conversation."""\n')
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "bad.py").write_text('"""Nobody knows what is stored."""\n')
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "foreign.py").write_text('"""Nobody."""\n')
    (tmp_path / "README.md").write_text("# Title\n")
    return tmp_path


def test_every_tree_is_held_to_the_limits(tree: Path) -> None:
    reports = prose.violations(tree)
    assert [each.splitlines()[0].partition(" ")[0] for each in reports] == ["tools:", "tools:"]
    assert "tools/bad.py:1" in reports[0]


def test_single_occurrence_exceeds_a_limit_of_zero(tree: Path) -> None:
    (tree / "tools" / "bad.py").write_text('"""Nobody."""\n' + f'"""{"word " * 99_999}"""\n')
    assert [each.partition("\n")[0] for each in prose.violations(tree)] == [
        "tools: “body” 0.0 per 1,000 words, limit 0.0"
    ]


def test_test_named_by_a_question_is_reported(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        "def test_who_is_in() -> None: ...\ndef test_whole() -> None: ...\n"
    )
    assert prose.question_tests(tmp_path) == ["tests/test_a.py: test_who_is_in"]


def test_command_reports_violations_by_its_exit_status(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prose.main([], tree) == 1
    assert "tools/bad.py:1" in capsys.readouterr().err
    assert prose.main(["--table"], tree) == 0
    assert "product" in capsys.readouterr().out
    assert prose.main(["--show", "body", "tools"], tree) == 0
    assert capsys.readouterr().out.startswith("tools/bad.py:1: Nobody knows")
    (tree / "tools" / "bad.py").unlink()
    assert prose.main([], tree) == 0
