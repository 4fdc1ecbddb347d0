/** The actions of the participant on a message, by their role and its state. */

import type { Message } from "serverless-chat";
import type { OpenConversation } from "../state/conversation.ts";
import { texts } from "../text/texts.ts";
import type { App } from "./app.ts";

type Action = (() => void) | undefined;

export interface MessageActions {
  react?: ((emoji: string) => void) | undefined;
  openPicker?: Action;
  reply?: Action;
  edit?: Action;
  copy?: Action;
  delete?: Action;
  report?: Action;
}

/** Return the actions that are possible; the others are undefined. */
export function messageActions(app: App, conversation: OpenConversation, message: Message): MessageActions {
  const { room } = conversation;
  const me = app.session.participantId;
  const isOwn = message.sender?.participantId === me;
  const { sequenceId, content } = message;
  if (message.status !== "sent" || sequenceId === null) return content === null ? {} : { copy: () => copyText(app, content) };
  if (message.isDeleted || message.isExpired) return {};
  const isMuted = isNowMuted(conversation, me);
  const role = conversation.member(me)?.role;
  const isModerator = role === "owner" || role === "moderator";
  const react = (emoji: string) => {
    const own = message.reactions.find((reaction) => sameEmoji(reaction.emoji, emoji))?.participants.includes(me);
    if (own) room.unreact(sequenceId, emoji);
    else room.react(sequenceId, emoji);
  };
  const remove = () => {
    const t = texts.peek();
    app.confirm(t.deleteMessageQuestion, t.delete, () => room.delete(sequenceId), t.deleteMessageHint);
  };
  const canWrite = !isMuted && !conversation.error.peek();
  return {
    react: canWrite ? react : undefined,
    openPicker: canWrite ? () => {} : undefined,
    reply: canWrite ? () => void startReply(conversation, message) : undefined,
    edit: canWrite && isOwn ? () => startEdit(conversation, message) : undefined,
    copy: content === null ? undefined : () => copyText(app, content),
    delete: isOwn || isModerator ? remove : undefined,
    report: isOwn ? undefined : () => void (app.dialog.value = { kind: "report", conversation, message }),
  };
}

/** Return whether a member is muted at this moment. */
export function isNowMuted(conversation: OpenConversation, participantId: string): boolean {
  const { mutedUntil } = conversation.member(participantId) ?? {};
  return !!mutedUntil && Date.parse(mutedUntil) > Date.now();
}

export function startReply(conversation: OpenConversation, message: Message): void {
  conversation.editing.value = null;
  conversation.replyingTo.value = message;
  conversation.isFieldWanted.value = true;
}

export function startEdit(conversation: OpenConversation, message: Message): void {
  conversation.replyingTo.value = null;
  conversation.editing.value = message;
  conversation.isFieldWanted.value = true;
}

/** Emoji that differ by variation selectors only are one reaction. */
export const sameEmoji = (one: string, other: string): boolean =>
  one.replace(/[\ufe0e\ufe0f]/g, "") === other.replace(/[\ufe0e\ufe0f]/g, "");

/** Copy a text, and show a toast: that it was copied, or that the browser does not permit it. */
export async function copyText(app: App, text: string): Promise<void> {
  if (!(await app.session.attempt(() => navigator.clipboard.writeText(text)))) return;
  app.session.toast(texts.peek().copied);
}
