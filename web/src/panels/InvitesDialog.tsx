import { useState } from "preact/hooks";
import type { OpenConversation } from "../state/conversation.ts";
import { momentText } from "../text/dates.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { Icon } from "../ui/Icon.tsx";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useLoaded } from "./useLoaded.ts";

/** The invite links of a conversation: create, copy, revoke. */
export function InvitesDialog({ conversation }: { conversation: OpenConversation }) {
  usePanelStyles();
  const { session } = useApp();
  const t = texts.value;
  const server = useRequests();
  const { items, load } = useLoaded(() => server.invites(conversation.id), [conversation.participants.value.length]);
  const revoke = async (inviteId: string) => {
    await session.attempt(() => server.revokeInvite(conversation.id, inviteId));
    await load();
  };
  return (
    <Dialog title={t.invites}>
      <InviteForm conversation={conversation} onCreated={load} />
      <ul class="rows">
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

function InviteForm({ conversation, onCreated }: { conversation: OpenConversation; onCreated: () => Promise<void> }) {
  const app = useApp();
  const server = useRequests();
  const t = texts.value;
  const [expiresIn, setExpiresIn] = useState(604_800);
  const [maxUses, setMaxUses] = useState("");
  const [link, setLink] = useState("");
  const create = async (event: Event) => {
    event.preventDefault();
    await app.session.attempt(async () => {
      const { invite } = await server.createInvite(conversation.id, expiresIn, Number(maxUses) || null);
      setLink(app.inviteLink(conversation.id, invite));
      await onCreated();
    });
  };
  const copy = async () => {
    await navigator.clipboard.writeText(link);
    app.session.toast(t.copied);
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
      {link && (
        <div class="invite-link">
          <input readOnly dir="ltr" value={link} aria-label={t.inviteCreated} onFocus={(event) => event.currentTarget.select()} />
          <button type="button" class="button" onClick={copy}>
            <Icon name="copy" /> {t.copyInvite}
          </button>
          <small class="faint">{t.inviteCreated}</small>
        </div>
      )}
    </form>
  );
}
