/** The actions of the participant on another member, by both their roles. */

import type { Participant } from "serverless-chat";
import type { OpenConversation } from "../state/conversation.ts";
import { allTexts } from "../text/texts.ts";
import type { App } from "../ui/app.ts";
import type { MenuItem } from "../ui/Menu.tsx";
import { isNowMuted } from "../ui/message_actions.ts";
import { Requests } from "./requests.ts";

const ROLES = ["owner", "moderator", "member"] as const;

/** Return the items of a member's menu. */
export function memberItems(app: App, conversation: OpenConversation, member: Participant): MenuItem[] {
  const t = allTexts.value;
  const { session } = app;
  const server = new Requests(session.chat);
  const { participantId: id, name } = member;
  const myRole = conversation.member(session.participantId)?.role;
  const isOwner = myRole === "owner";
  const canModerate = isOwner || (myRole === "moderator" && member.role === "member");
  const run = (request: () => Promise<unknown>) => () => void session.attempt(request);
  const items: MenuItem[] = [];
  if (isOwner) {
    for (const role of ROLES) {
      const change = run(() => server.changeMember(conversation.id, id, { role }));
      items.push({ text: t.roles[role]!, isChecked: member.role === role, run: change });
    }
  }
  if (id === session.participantId) return items;
  const isDirect = !!session.row(conversation.id)?.direct;
  const message = async () => app.select((await server.direct(id, name)).conversation_id);
  if (!isDirect) items.push({ isFirstOfGroup: isOwner, text: t.sendDirect, icon: "send", run: run(message) });
  if (canModerate && member.role !== "owner") {
    const mute = (seconds: number) => run(() => server.changeMember(conversation.id, id, { muted_for: seconds }));
    if (isNowMuted(conversation, id)) items.push({ text: t.unmute, icon: "mute", run: mute(0) });
    else for (const [seconds, text] of Object.entries(t.muteFor)) items.push({ text, icon: "mute", run: mute(Number(seconds)) });
  }
  const isBlocked = session.blocks.ids.value.has(id);
  items.push({ isFirstOfGroup: true, text: isBlocked ? t.unblock : t.block, icon: "block", run: () => void session.setBlocked(id, !isBlocked) });
  if (canModerate) {
    const shown = name || id;
    const remove = run(() => server.removeMember(conversation.id, id));
    items.push({ text: t.remove, icon: "leave", isDangerous: true, run: () => app.confirm(t.removeQuestion(shown), t.remove, remove) });
    if (member.role !== "owner") {
      const ban = run(() => server.removeMember(conversation.id, id, true));
      items.push({ text: t.ban, icon: "shield", isDangerous: true, run: () => app.confirm(t.banQuestion(shown), t.ban, ban, t.banHint) });
    }
  }
  return items;
}

/** Return the members: those who are online first, then by name. */
export function sortedMembers(members: readonly Participant[]): Participant[] {
  const rank = ({ role }: Participant) => ROLES.indexOf(role as (typeof ROLES)[number]);
  return [...members].sort(
    (one, other) =>
      Number(other.online ?? false) - Number(one.online ?? false) ||
      rank(one) - rank(other) ||
      (one.name || one.participantId).localeCompare(other.name || other.participantId),
  );
}
