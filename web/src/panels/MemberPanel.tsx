import { useLayoutEffect, useRef } from "preact/hooks";
import type { Participant } from "serverless-chat";
import type { OpenConversation } from "../state/conversation.ts";
import { momentText } from "../text/dates.ts";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Avatar } from "../ui/Avatar.tsx";
import { Icon } from "../ui/Icon.tsx";
import { MenuOpener } from "../ui/Menu.tsx";
import { isNowMuted } from "../ui/message_actions.ts";
import { useKeptFocus } from "../ui/useKeptFocus.ts";
import { ConversationSettings } from "./ConversationSettings.tsx";
import { memberItems, sortedMembers } from "./members.ts";
import { PendingMembers } from "./PendingMembers.tsx";
import { usePanelStyles } from "./styles.ts";

/** The members of the open conversation, and its settings for those who may change them. */
export function MemberPanel({ conversation }: { conversation: OpenConversation }) {
  usePanelStyles();
  const app = useApp();
  const t = allTexts.value;
  const members = sortedMembers(conversation.participants.value);
  const role = conversation.member(app.session.participantId)?.role ?? "member";
  const isModerator = role !== "member";
  const panel = useRef<HTMLElement>(null);
  const closeButton = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    if (app.isPanelFocusWanted) closeButton.current!.focus();
    app.isPanelFocusWanted = false;
    return () => {
      if (panel.current!.contains(app.root.activeElement)) app.root.querySelector<HTMLElement>(".members-button")?.focus();
    };
  }, []);
  return (
    <aside ref={panel} class="panel" part="panel" aria-label={t.members}>
      <header class="panel-header">
        <h2>{t.details}</h2>
        <button ref={closeButton} type="button" class="icon-button" aria-label={t.closePanel} onClick={() => (app.isPanelOpen.value = false)}>
          <Icon name="close" />
        </button>
      </header>
      <div class="panel-scroll">
        <ConversationSettings conversation={conversation} role={role} />
        <section>
          <div class="section-header">
            <h3>
              {t.members} <span class="faint">{members.length}</span>
            </h3>
            {isModerator && (
              <button type="button" class="button small" onClick={() => (app.dialog.value = { kind: "add", conversation })}>
                <Icon name="add" /> {t.addMember}
              </button>
            )}
          </div>
          <ul ref={useKeptFocus()} class="members">
            {members.map((member) => (
              <Member key={member.participantId} member={member} conversation={conversation} />
            ))}
          </ul>
        </section>
        {isModerator && <PendingMembers conversation={conversation} />}
      </div>
    </aside>
  );
}

function Member({ member, conversation }: { member: Participant; conversation: OpenConversation }) {
  const app = useApp();
  const t = allTexts.value;
  const { participantId: id, name, role, online } = member;
  const items = memberItems(app, conversation, member);
  const isBlocked = app.session.blocks.ids.value.has(id);
  return (
    <li class="member">
      <Avatar id={id} name={name} url={member.avatarUrl} size="small" online={online} />
      <span class="member-name" dir="auto">
        {name || id}
        {online && <span class="visually-hidden"> {t.online}</span>}
      </span>
      {id === app.session.participantId && <span class="tag">{t.you}</span>}
      {member.type === "agent" && <span class="tag">{t.agent}</span>}
      {isNowMuted(conversation, id) && (
        <span class="tag warning" title={t.mutedUntilShort(momentText(member.mutedUntil!))}>
          {t.muted}
        </span>
      )}
      {isBlocked && <Icon name="block" />}
      {role !== "member" && <span class="tag">{t.roles[role] ?? role}</span>}
      {items.length > 0 && <MenuOpener label={t.memberActions(name || id)} icon="more" items={items} class="icon-button small" />}
    </li>
  );
}
