"""The terminal interface: the list of conversations, the open one, and a field to write."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from textual.app import App, ComposeResult, ScreenStackError
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.widget import MountError
from textual.widgets import Footer, Label, ListView, TextArea

from ...chat import Chat
from ...core.message import Message
from ...core.row import Row
from ...errors import ChatError
from ...room import Room
from ..pieces import pieces
from .composer import Composer
from .messages import MessageList
from .rows import RowItem
from .style import EMOJI, STYLE
from .text import line, quote, title_of, typing_text


class ChatApp(App[None]):
    """`chat tui`. All keys work over ssh; the window may have any size."""

    CSS = STYLE
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-wide")]  # noqa: RUF012 -- as textual declares it
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", priority=True),
        Binding("ctrl+l", "list", "List"),
        Binding("r", "reply", "Reply"),
        Binding("e", "edit", "Edit"),
        Binding("d", "delete", "Delete"),
        Binding("t", "retry", "Retry", show=False),
        *(Binding(str(number), f"react({number})", emoji) for number, emoji in enumerate(EMOJI, 1)),
    ]

    def __init__(self, chat: Chat, conversation_id: str | None = None) -> None:
        super().__init__()
        self._chat, self._first = chat, conversation_id
        self._room: Room | None = None
        self._target: Message | None = None
        self._is_editing = False
        self._drafts: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """Return the widgets."""
        with Horizontal():
            yield ListView(id="list", initial_index=None)
            with Vertical(id="room"):
                yield MessageList()
                yield Label("", id="state", markup=False)
                yield Composer()
        yield Footer(compact=True)

    def on_mount(self) -> None:
        """Follow the chat until the end."""
        self.screen.add_class("-listing")
        self.query_one("#list").focus()
        self._chat.on_error(lambda error: self.call_later(self._warn, str(error)))
        self._chat.changes.on(lambda _: self.call_later(self._show_state))
        self.run_worker(self._until_closed(self._follow_list()), group="list")
        if self._first is not None:
            self._open(self._first)
        self._show_state()

    async def _until_closed(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a worker. Once the interface ends, its widgets no longer exist, and none can be added."""
        try:
            await work
        except (MountError, NoMatches, ScreenStackError):
            if self.is_running and self.return_code is None:
                raise

    # ---- the list ----

    async def _follow_list(self) -> None:
        async for rows in self._chat.conversations:
            await self._show_rows(rows)

    async def _show_rows(self, rows: list[Row]) -> None:
        """Show the rows; the selected conversation stays selected wherever it moves."""
        listed = self.query_one("#list", ListView)
        chosen = listed.highlighted_child
        selected = chosen.row.conversation_id if isinstance(chosen, RowItem) else None
        names = [row.conversation_id for row in rows]
        await listed.clear()
        await listed.extend(RowItem(row) for row in rows)
        listed.index = names.index(selected) if selected in names else (0 if rows else None)
        self._show_state()

    async def on_list_view_selected(self, event: ListView.Selected) -> None:
        """Open a conversation."""
        if isinstance(event.item, RowItem):
            self._open(event.item.row.conversation_id)

    def action_list(self) -> None:
        """Go to the list, which a narrow window shows in place of the messages."""
        self.screen.add_class("-listing")
        self.query_one("#list").focus()

    # ---- the room ----

    def _open(self, conversation_id: str) -> None:
        self.run_worker(self._until_closed(self._follow(conversation_id)), group="room", exclusive=True)

    async def _follow(self, conversation_id: str) -> None:
        composer = self.query_one(Composer)
        if self._room is not None:
            self._drafts[self._room.id] = composer.text
            self._room.close()
            self._room = None
        await self.query_one(MessageList).show([])
        self._end_target(self._drafts.pop(conversation_id, ""))
        try:
            self._room = room = await self._chat.open(conversation_id)
        except ChatError as error:
            self._warn(str(error))
            return
        self.screen.remove_class("-listing")
        composer.focus()
        async for messages in room.changes:
            await self._show_messages(room, messages)

    async def _show_messages(self, room: Room, messages: list[Message]) -> None:
        shown = self.query_one(MessageList)
        await shown.show(messages)
        if shown.is_at_end and self.app_focus and room.ended is None:
            room.read()
        self._show_state()

    async def on_message_list_reached_top(self) -> None:
        """Fetch earlier messages."""
        if self._room is not None and self._room.ended is None:
            self.run_worker(self._room.older(), group="older", exclusive=True)

    def _show_state(self) -> None:
        """Show the connection, who types, and what the field is for."""
        parts = [] if self._chat.status == "open" else [f"{self._chat.status}: {self._chat.error or '…'}"]
        if self._room is not None:
            parts.append(f"ended: {self._room.ended}" if self._room.ended else typing_text(self._room.typists))
        if self._target is not None:
            verb = "edit" if self._is_editing else "reply to"
            parts.append(f"{verb} {quote(self._target, self._target.sequence_id or 0)} (Esc ends it)")
        self.query_one("#state", Label).update(line(" · ".join(part for part in parts if part)))
        title = next((title_of(row) for row in self._chat.conversations.rows if self._is_open(row)), "chat")
        unread = self._chat.conversations.total_unread
        self.title = f"{title} ({unread})" if unread else title

    def _is_open(self, row: Row) -> bool:
        return self._room is not None and row.conversation_id == self._room.id

    # ---- writing ----

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        """Show others that the user types."""
        if self._room is None or self._room.ended is not None or self._is_editing:
            return
        if event.text_area.text:
            self._room.typing()
        else:
            self._room.stop_typing()

    def on_composer_submitted(self, event: Composer.Submitted) -> None:
        """Send the text, or change the message that is edited."""
        room, target = self._room, self._target
        if room is None:
            return
        texts = list(pieces(event.text))
        if self._is_editing and target is not None:
            self._change(lambda: room.edit(target, "\n".join(texts)))
        else:
            for number, text in enumerate(texts):
                room.queue(text, reply_to=target.sequence_id if target is not None and number == 0 else None)
        self._end_target("")
        self.query_one(MessageList).scroll_end(animate=False)

    def on_composer_cancelled(self) -> None:
        """End an edit or an answer."""
        self._end_target("" if self._is_editing else self.query_one(Composer).text)

    def _end_target(self, text: str) -> None:
        self._target, self._is_editing = None, False
        self.query_one(Composer).text = text
        self._show_state()

    # ---- the selected message ----

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether a key has a meaning now: those about a message need one that is selected."""
        if action not in {"reply", "edit", "delete", "retry", "react"}:
            return True
        shown = self.query_one(MessageList)
        return shown.has_focus and shown.selected is not None and self._room is not None

    def _aim(self, is_editing: bool, text: str) -> None:
        self._target, self._is_editing = self.query_one(MessageList).selected, is_editing
        composer = self.query_one(Composer)
        composer.text = text
        composer.move_cursor(composer.document.end)
        composer.focus()
        self._show_state()

    def action_reply(self) -> None:
        """Answer the selected message."""
        message = self.query_one(MessageList).selected
        if message is not None and message.status == "sent":
            self._aim(False, self.query_one(Composer).text)

    def action_edit(self) -> None:
        """Edit the selected message."""
        message = self.query_one(MessageList).selected
        if message is not None and message.content is not None:
            self._aim(True, message.content)

    def action_delete(self) -> None:
        """Delete the selected message."""
        message = self.query_one(MessageList).selected
        if (room := self._room) is not None and message is not None:
            self._change(lambda: room.delete(message))

    def action_retry(self) -> None:
        """Send a failed message again."""
        message = self.query_one(MessageList).selected
        if self._room is not None and message is not None and message.status == "failed":
            self._room.retry(message.client_message_id or "")

    def action_react(self, number: int) -> None:
        """Add a reaction to the selected message, or remove the own one."""
        message, emoji = self.query_one(MessageList).selected, EMOJI[number - 1]
        if self._room is None or message is None:
            return
        me = (self._chat.participant or {}).get("participant_id")
        chosen = {reaction.emoji: reaction.participants for reaction in message.reactions}
        change = self._room.unreact if me in chosen.get(emoji, ()) else self._room.react
        self._change(lambda: change(message, emoji))

    def _change(self, change: Callable[[], object]) -> None:
        """Change a message, unless it was removed: another screen or the end of the conversation can be first."""
        try:
            change()
        except KeyError:
            self._warn("The message is not there any more.")

    def _warn(self, text: str) -> None:
        self.notify(line(text), severity="warning", markup=False)
