/** The texts of notices: events of the log that are not messages. */

import type { Json } from "serverless-chat";
import { isolated, texts } from "../text/texts.ts";

const nameOf = (participant: Json | undefined): string => isolated(participant?.name || participant?.participant_id || "");

/** Return one sentence about an event. */
export function noticeText(event: Json): string {
  const t = texts.value;
  const by = nameOf(event.sender);
  const name = nameOf(event.participant);
  switch (event.type) {
    case "conversation_created":
      return t.noticeCreated(by);
    case "conversation_updated":
      return t.noticeTitle(by, isolated(event.title));
    case "participant_joined":
      return event.reason === "added" ? t.noticeAdded(name, by) : t.noticeJoined(name);
    case "participant_updated":
      return t.noticeRole(name, t.roles[event.participant.role] ?? event.participant.role);
    default:
      if (event.reason === "removed") return t.noticeRemoved(name, by);
      return event.reason === "banned" ? t.noticeBanned(name, by) : t.noticeLeft(name);
  }
}
