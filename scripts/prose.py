"""Check the prose of the repository: docstrings, comments, also of TypeScript, Markdown and the names of tests.

    .venv/bin/python -m scripts.prose                   exit status 1 and a list if a limit is exceeded
    .venv/bin/python -m scripts.prose --table           measured rates and limits of every tree
    .venv/bin/python -m scripts.prose --show say docs   every occurrence of a pattern in a tree

Each pattern is a habit that makes technical English hard to read. A rate is the number of occurrences per 1,000
words of a tree. The limits hold for every tree, and are about the rates of well-written projects. Where a limit is
0, a single occurrence exceeds it, however many words a tree has:

                    words  "who" "what" "body"  "say" "gone" "stand" "ours"
    h11             6,006    0.0    0.2    0.0    1.7    0.2    0.0    0.0
    httpcore        6,312    0.0    0.0    0.0    0.0    0.0    0.0    0.0
    websockets     40,220    0.0    0.0    0.0    0.3    0.3    0.0    0.0
    Bolt           17,783    0.0    0.0    0.0    1.6    0.1    0.0    0.0
    Starlette       2,792    0.0    0.0    0.0    0.4    0.4    0.0    0.0

Code, quotations and the addresses of links do not count.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMITS = (0.0, 0.0, 0.0, 2.6, 0.3, 0.3, 0.0)
"""Rates in the order of `PATTERNS`: "who", "what", "body", "say", "gone", "stand", "ours"."""

_PYTHON = re.compile(
    r"""
      \#[^\n]*
    | \"{3}(?:\\.|[^\\])*?\"{3}
    | '{3}(?:\\.|[^\\])*?'{3}
    | "(?:\\.|[^"\\\n])*"
    | '(?:\\.|[^'\\\n])*'
    """,
    re.DOTALL | re.VERBOSE,
)
_TYPESCRIPT = re.compile(r"^[ \t]*/\*.*?\*/|(?:^[ \t]*|(?<=[;{}(),\]][ ]))//[ ][^\n]*", re.DOTALL | re.MULTILINE)
"""Comments that begin a line, or follow a statement or an opening bracket: others can be parts of literals."""
_MARKUP = re.compile(r"^[ \t]*/?\*+/?(?: @\w+(?: \w+ -)?)?|@\w+|\*/$|^[ \t]*// ", re.MULTILINE)
_DIRECTIVE = re.compile(r"#\s*(?:noqa|type:|fmt:|ruff:|mypy:|pragma|!)[^—]*")
_NOT_PROSE = re.compile(
    r"(`+)[^`].*?\1"  # code
    r"|<!--.*?-->"
    r"|\]\([^)]*\)|https?://\S+"
    r"|\"[^\"\n]{0,80}\"|“[^”]{0,80}”",  # quotations
    re.DOTALL,
)
_FENCE = re.compile(r"^( *)(`{3,}|~{3,})[^\n]*\n.*?^\1\2", re.DOTALL | re.MULTILINE)
_WORD = re.compile(r"[A-Za-z][A-Za-z’'-]*")
_QUESTION_TEST = re.compile(r"^\s*(?:async )?def (test_(?:who|what)_\w*)", re.MULTILINE)

# A clause begins at the start of a text, after a stop, at the border of a cell, and after a word that
# cannot be what "who" or "what" refers to ("a member who left" is plain English, "of who left" is not).
_START = r"(?:(?:^|\n\s*\n|[.:;?!(|—–])[\s*_>#-]*)"
_LINK = (
    r"(?:\b(?:about|after|and|are|as|asks?|at|because|but|by|for|from|if|in|is|knows?|like|nor|not|of|on|only|or|"
    r"says?|sees?|shows?|tells?|than|that|then|to|told|was|were|when|where|whether|while|with|without)\s+)"
)
_QUESTION = r"(?:\b(?:decides?|finds?|keeps?|lists?|marks?|names?|returns?|stores?)\s+)"
"""Verbs after which "who" begins a question: "who was offline" is not a name for people."""
_VERB = (
    r"(?:is|are|was|were|has|have|had|do|does|did|can|cannot|could|may|might|must|shall|should|will|would|"
    r"came|comes?|went|goes|stands?|lies|says|tells|follows|remains|becomes?|became|makes|needs|reads|runs|looks)\b"
)


PATTERNS = {
    name: re.compile(expression, re.IGNORECASE)
    for name, expression in {
        "who": (
            rf"\bwhoever\b|\bwhomever\b|\bwhom to\b|(?:{_START}|{_LINK}|{_QUESTION})who\b"
            rf"|(?:{_START}|{_QUESTION})whom\b(?! to\b)"
        ),
        "what": rf"\bwhat(?:ever)?\s+{_VERB}(?![^.;:|]*\?)|{_START}what\b(?![’']s|[- ]if\b)(?![^.;:|]*\?)",
        "body": r"\b(?:some|no|any|every)body\b",
        "say": r"\b(?:says?|said|saying|tells?|told|telling)\b(?<!\(say)(?<!, say)",
        "gone": r"(?<!410 )(?<!410 \()\b(?:gone|goes|went)\b",
        "stand": r"\b(?:stands?|stood|lies)\b(?!-)",
        "ours": r"\bof\s+(?:ours|theirs|yours|mine|(?:its|one[’']s|our|their|your|his|her)\s+own(?!\s+[a-z]))\b",
    }.items()
}
"""The habits by their names in tables, and the expressions that find them."""


@dataclass(frozen=True, slots=True)
class Text:
    """A stretch of prose with its position, without code, quotations and markup."""

    path: str
    line: int
    words: str


def python_texts(path: str, source: str) -> list[Text]:
    """Return the docstrings and comments of a module; comments on consecutive lines are one text."""
    found: list[tuple[int, str]] = []
    comment_end = -1
    for match in _PYTHON.finditer(source):
        start, piece = match.start(), match[0]
        if piece.startswith("#"):
            line = _DIRECTIVE.sub("", piece).lstrip("#—: ")
            between = source[comment_end:start] if comment_end >= 0 else "not a comment"
            if between.count("\n") == 1 and not between.strip():
                found[-1] = (found[-1][0], f"{found[-1][1]}\n{line}")
            else:
                found.append((start, line))
            comment_end = match.end()
        elif piece.startswith('"""') and _is_docstring(source, start):
            found.append((start, piece[3:-3]))
    return [Text(path, source.count("\n", 0, start) + 1, _without_code(text)) for start, text in found]


def typescript_texts(path: str, source: str) -> list[Text]:
    """Return the comments of a module."""
    return [
        Text(path, source.count("\n", 0, match.start()) + 1, _without_code(_MARKUP.sub("", match[0])))
        for match in _TYPESCRIPT.finditer(source)
    ]


def _is_docstring(source: str, start: int) -> bool:
    """Return whether the string at `start` is a statement: first on its line, and not an argument."""
    line_start = source.rfind("\n", 0, start) + 1
    before = source[:line_start].rstrip()
    return source[line_start:start].strip() in ("", "r") and not before.endswith(tuple("([{,=+\\"))


def markdown_texts(path: str, source: str) -> list[Text]:
    """Return the paragraphs and the rows of tables of a Markdown document, without its code blocks."""
    prose = _FENCE.sub(lambda block: "\n" * block[0].count("\n"), source)
    texts, line = [], 1
    for paragraph in re.split(r"(\n\s*\n)", prose):
        if paragraph.strip():
            texts.append(Text(path, line, _without_code(paragraph)))
        line += paragraph.count("\n")
    return texts


def _without_code(prose: str) -> str:
    return _NOT_PROSE.sub(lambda match: " X" + "\n" * match[0].count("\n"), prose)


def occurrences(pattern: re.Pattern[str], texts: Sequence[Text]) -> Iterator[str]:
    """Yield the occurrences of a pattern: file, line and excerpt."""
    for text in texts:
        for match in pattern.finditer(text.words):
            line = text.line + text.words.count("\n", 0, match.end())
            excerpt = text.words[max(match.start() - 20, 0) : match.end() + 40]
            yield f"{text.path}:{line}: {' '.join(excerpt.split())}"


def word_count(texts: Sequence[Text]) -> int:
    """Return how many words there are."""
    return sum(len(_WORD.findall(text.words)) for text in texts)


def rates(texts: Sequence[Text]) -> tuple[float, ...]:
    """Return the occurrences of each pattern per 1,000 words, to one decimal."""
    words = word_count(texts)
    return tuple(_rate(len([*occurrences(each, texts)]), words) for each in PATTERNS.values())


def _rate(count: int, words: int) -> float:
    return round(1000 * count / max(words, 1), 1)


def trees(root: Path = ROOT) -> dict[str, list[Text]]:
    """Return the texts of every tree: `docs` for Markdown, `product` for deployed code, else the folder's name."""
    found: dict[str, list[Text]] = {}
    for path in _files(root, "*.py"):
        name = path.relative_to(root).parts[0]
        tree = "product" if name in ("app.py", "chalicelib") else name
        found.setdefault(tree, []).extend(python_texts(str(path.relative_to(root)), path.read_text("utf-8")))
    for path in (path.relative_to(root) for path in [*_files(root, "*.ts"), *_files(root, "*.tsx")]):
        found.setdefault(path.parts[0], []).extend(typescript_texts(str(path), (root / path).read_text("utf-8")))
    for path in _files(root, "*.md"):
        found.setdefault("docs", []).extend(markdown_texts(str(path.relative_to(root)), path.read_text("utf-8")))
    return dict(sorted(found.items()))


def _files(root: Path, glob: str) -> list[Path]:
    folders = [
        folder for folder in root.iterdir() if folder.is_dir() and folder.name[0] != "." and folder.name != "build"
    ]
    found = [*root.glob(glob), *(path for folder in folders for path in folder.rglob(glob))]
    return sorted(path for path in found if "node_modules" not in path.parts)


def question_tests(root: Path = ROOT) -> list[str]:
    """Return the tests that are named by a question instead of by a subject and its behaviour."""
    return [
        f"{path.relative_to(root)}: {name}"
        for path in _files(root, "test_*.py")
        for name in _QUESTION_TEST.findall(path.read_text("utf-8"))
    ]


def violations(root: Path = ROOT) -> list[str]:
    """Return every limit that is exceeded, each with some of its occurrences."""
    found = []
    for tree, texts in trees(root).items():
        words = word_count(texts)
        for (name, pattern), limit in zip(PATTERNS.items(), LIMITS, strict=True):
            places = [f"  {each}" for each in occurrences(pattern, texts)]
            rate = _rate(len(places), words)
            if rate > limit or (places and not limit):
                found.append("\n".join([f"{tree}: “{name}” {rate} per 1,000 words, limit {limit}", *places[:10]]))
    return [*found, *(f"named by a question: {test}" for test in question_tests(root))]


def table(root: Path = ROOT) -> str:
    """Return measured rates and limits, a line for each tree."""
    lines = [f"{'tree':12}{'words':>8}" + "".join(f"{name:>14}" for name in PATTERNS)]
    for tree, texts in trees(root).items():
        cells = (f"{rate} / {limit}" for rate, limit in zip(rates(texts), LIMITS, strict=True))
        lines.append(f"{tree:12}{word_count(texts):8}" + "".join(f"{cell:>14}" for cell in cells))
    lines.append(f"tests named by a question: {len(question_tests(root))}")
    return "\n".join(lines)


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    """Run the check. Returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.prose", description="Check the prose of the repository."
    )
    parser.add_argument("--table", action="store_true", help="print measured rates and limits")
    parser.add_argument("--show", nargs=2, metavar=("PATTERN", "TREE"), help="print every occurrence")
    options = parser.parse_args(arguments)
    if options.table:
        sys.stdout.write(table(root) + "\n")
        return 0
    if options.show:
        name, tree = options.show
        sys.stdout.writelines(f"{each}\n" for each in occurrences(PATTERNS[name], trees(root)[tree]))
        return 0
    found = violations(root)
    sys.stderr.writelines(f"{each}\n" for each in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
