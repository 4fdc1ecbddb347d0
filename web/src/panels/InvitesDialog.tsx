import { useEffect, useRef, useState } from "preact/hooks";
import type { OpenConversation } from "../state/conversation.ts";
import { momentText } from "../text/dates.ts";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { Icon } from "../ui/Icon.tsx";
import { copyText } from "../ui/message_actions.ts";
import { useKeptFocus } from "../ui/useKeptFocus.ts";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useAction } from "./useAction.ts";
import { useLoaded } from "./useLoaded.ts";

/** An invite that was created in this dialog: its link cannot be shown later. */
interface Created {
  inviteId: string;
  link: string;
}

/** The invite links of a conversation: create, copy, revoke. */
export function InvitesDialog({ conversation }: { conversation: OpenConversation }) {
  usePanelStyles();
  const act = useAction();
  const t = allTexts.value;
  const server = useRequests();
  const { items, load } = useLoaded(() => server.invites(conversation.id), [conversation.participants.value.length]);
  const [created, setCreated] = useState<Created | null>(null);
  const listedId = useRef<string | null>(null);
  const list = useKeptFocus();
  useEffect(() => {
    const isListed = items?.some((invite) => invite.invite_id === created?.inviteId);
    if (isListed) listedId.current = created!.inviteId;
    else if (created && listedId.current === created.inviteId) setCreated(null); // revoked, here or by another moderator, or used
  }, [items]);
  const revoke = async (inviteId: string) => {
    await act(() => server.revokeInvite(conversation.id, inviteId), inviteId);
    await load();
  };
  const show = async (invite: Created) => {
    setCreated(invite);
    await load();
  };
  return (
    <Dialog title={t.invites}>
      <InviteForm conversation={conversation} onCreated={show} />
      {created && <CreatedLink link={created.link} />}
      <ul ref={list} class="rows">
        {items?.map((invite) => (
          <li key={invite.invite_id} class="row">
            <span>
              {t.inviteUses(invite.uses, invite.max_uses)}
              <span class="faint"> · {t.expiresAt(momentText(invite.expires_at))}</span>
            </span>
            <button type="button" class="button small" onClick={() => void revoke(invite.invite_id)}>
              {t.revoke}
            </button>
          </li>
        ))}
      </ul>
      {items && !items.length && <p class="faint">{t.noInvites}</p>}
    </Dialog>
  );
}

interface InviteFormProps {
  conversation: OpenConversation;
  onCreated: (invite: Created) => Promise<void>;
}

function InviteForm({ conversation, onCreated }: InviteFormProps) {
  const app = useApp();
  const act = useAction();
  const server = useRequests();
  const t = allTexts.value;
  const [expiresIn, setExpiresIn] = useState(604_800);
  const [maxUses, setMaxUses] = useState("");
  const create = (event: Event) => {
    event.preventDefault();
    void act(async () => {
      const { invite, invite_id: inviteId } = await server.createInvite(conversation.id, expiresIn, Number(maxUses) || null);
      await onCreated({ inviteId, link: app.inviteLink(conversation.id, invite) });
    });
  };
  return (
    <form class="form" onSubmit={create}>
      <div class="fields">
        <label class="field">
          <span>{t.validFor}</span>
          <select value={expiresIn} onChange={(event) => setExpiresIn(Number(event.currentTarget.value))}>
            {Object.entries(t.validities).map(([seconds, text]) => (
              <option key={seconds} value={seconds}>
                {text}
              </option>
            ))}
          </select>
        </label>
        <label class="field">
          <span>{t.maxUses}</span>
          <input
            type="number"
            min={1}
            max={1000}
            placeholder={t.unlimited}
            value={maxUses}
            onInput={(event) => setMaxUses(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="button primary">
          {t.createInvite}
        </button>
      </div>
    </form>
  );
}

function CreatedLink({ link }: { link: string }) {
  const app = useApp();
  const t = allTexts.value;
  return (
    <div class="invite-link">
      <input readOnly dir="ltr" value={link} aria-label={t.inviteCreated} onFocus={(event) => event.currentTarget.select()} />
      <button type="button" class="button" onClick={() => void copyText(app, link)}>
        <Icon name="copy" /> {t.copyInvite}
      </button>
      <small class="faint">{t.inviteCreated}</small>
    </div>
  );
}
