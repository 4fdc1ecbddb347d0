/** Texts of messages as plain text, and the present names of their senders. */

import type { Message, Sender } from "serverless-chat";
import { plain } from "../markdown/markdown.tsx";
import type { OpenConversation } from "../state/conversation.ts";
import type { Session } from "../state/session.ts";
import { texts } from "../text/texts.ts";

/** Return the text of a message for a quote, a label or an announcement; that of a blocked participant is hidden. */
export function shownText(session: Session, conversationId: string, message: Message, deleted = texts.value.deleted): string {
  const t = texts.value;
  if (message.isDeleted) return deleted;
  if (message.content === null) return t.expired;
  return session.blocks.hides(conversationId, message) ? t.hidden : plain(message.content);
}

/** Return the name of a sender: that of the profile if they are a member, else the one at that time. */
export function shownName(conversation: OpenConversation, sender: Sender | null): string {
  const id = sender?.participantId ?? "";
  return conversation.profiles.value.get(id)?.name || sender?.name || id;
}
