"""Messages and rows as what a terminal shows; their texts cannot act on it."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.text import Text

from ...core.message import Message
from ...core.outputs import JsonObject
from ...core.row import Row
from ..printing import neutral

QUOTED = 60
"""How many characters of a message an answer to it shows."""
_MARKS = {"pending": " …", "failed": " ✗", "sent": ""}
# Not as HTML, which would hide parts of a text.
_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"])


def line(text: str) -> str:
    """Return a text as one line."""
    return " ".join(neutral(text).split())


def sender_name(sender: JsonObject | None) -> str:
    """Return how to show a sender."""
    return line((sender or {}).get("name") or (sender or {}).get("participant_id") or "?")


def shown_content(content: str | None, *, is_expired: bool = False) -> str:
    """Return the text of a message, or why there is none."""
    if content is None:
        return "(expired)" if is_expired else "(deleted)"
    return content


def title_of(row: Row) -> str:
    """Return the title of a conversation, or a word for one without."""
    return line(row.name) or ("(direct)" if row.direct else "(no title)")


def row_text(row: Row) -> Text:
    """Return a row of the list: its title, its unread messages, and the newest message."""
    style = "bold" if row.unread_count else ""
    text = Text(("📌 " if row.pinned else "") + title_of(row), style=style, no_wrap=True, overflow="ellipsis")
    if row.unread_count:
        text.append(f"  {row.unread_count}", style="bold reverse")
    if row.last_message:
        content = shown_content(row.last_message.get("content"))
        text.append(f"\n{sender_name(row.last_message.get('sender'))}: {line(content)}", style="dim not bold")
    return text


def message_view(message: Message, quoted: Message | None) -> RenderableType:
    """Return a message with its sender, what it answers, its Markdown and its reactions."""
    head = Text(sender_name(message.sender), style="bold")
    mark = _MARKS[message.status] + (" (edited)" if message.edited_at else "")
    head.append(f"  {(message.created_at or '')[11:16]}{mark}", style="dim not bold")
    parts: list[RenderableType] = [head]
    if message.reply_to is not None:
        parts.append(Text(f"↳ {quote(quoted, message.reply_to)}", style="dim", no_wrap=True, overflow="ellipsis"))
    if message.content is None:
        parts.append(Text(shown_content(None, is_expired=message.is_expired), style="dim italic"))
    else:
        parts.append(markdown(message.content))
    if message.error is not None:
        parts.append(
            Text(f"not sent: {line(str(message.error.get('code')))} — t sends again, d discards", style="red")
        )
    if message.reactions:
        parts.append(Text(reactions(message)))
    return Group(*parts)


def quote(quoted: Message | None, sequence_id: int) -> str:
    """Return the beginning of the message that another one answers."""
    if quoted is None:
        return f"#{sequence_id}"
    return f"{sender_name(quoted.sender)}: {line(shown_content(quoted.content))[:QUOTED]}"


def markdown(content: str) -> Markdown:
    """Return a text as Markdown, in its own lines, and without links that the terminal would open."""
    text = neutral(content)
    rendered = Markdown(text, hyperlinks=False)
    rendered.parsed = _PARSER.parse(text)
    for token in rendered.parsed:
        for child in token.children or ():
            child.content = neutral(child.content)  # `&#8238;` is a character only now
            if child.type == "softbreak":
                child.type = "hardbreak"
    return rendered


def reactions(message: Message) -> str:
    """Return the reactions with their numbers."""
    return "  ".join(f"{line(reaction.emoji)} {len(reaction.participants)}" for reaction in message.reactions)


def typing_text(typists: Sequence[JsonObject]) -> str:
    """Return the names of typing participants."""
    names = [sender_name(typist) for typist in typists]
    return f"{', '.join(names)} typing…" if names else ""
