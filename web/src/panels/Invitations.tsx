import { useState } from "preact/hooks";
import type { Pending } from "../state/server.ts";
import { allTexts, isolated } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";

/** The conversations to which others have added the participant, who must accept. */
export function Invitations() {
  usePanelStyles();
  const { session } = useApp();
  const invitations = session.invitations.value;
  if (!invitations.length) return null;
  return (
    <section class="invitations" aria-label={allTexts.value.invitations}>
      <h2>{allTexts.value.invitations}</h2>
      {invitations.map((invitation) => (
        <Invitation key={invitation.conversation_id + invitation.added_by.participant_id} invitation={invitation} />
      ))}
    </section>
  );
}

function Invitation({ invitation }: { invitation: Pending }) {
  const app = useApp();
  const t = allTexts.value;
  const server = useRequests();
  const [isBusy, setBusy] = useState(false);
  const id = invitation.conversation_id;
  const answer = async (request: () => Promise<unknown>) => {
    setBusy(true);
    const isDone = await app.session.attempt(request);
    setBusy(false);
    await app.session.loadInvitations();
    return isDone;
  };
  const accept = async () => {
    if (await answer(() => server.join(id))) app.select(id);
  };
  return (
    <div class="invitation">
      <div class="invitation-title" dir="auto">
        {invitation.title || t.directConversation}
      </div>
      <div class="faint">{t.invitedBy(isolated(invitation.added_by.name || invitation.added_by.participant_id))}</div>
      <div class="buttons">
        <button type="button" class="button primary small" disabled={isBusy} onClick={accept}>
          {t.accept}
        </button>
        <button type="button" class="button small" disabled={isBusy} onClick={() => void answer(() => server.leave(id))}>
          {t.decline}
        </button>
      </div>
    </div>
  );
}
