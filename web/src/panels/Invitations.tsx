import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { ChatError } from "serverless-chat";
import type { Pending } from "../state/server.ts";
import { allTexts, isolated } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useAction } from "./useAction.ts";

/** The conversations to which others have added the participant, who must accept. */
export function Invitations() {
  usePanelStyles();
  const { session } = useApp();
  const invitations = session.invitations.value;
  useEffect(() => {
    const again = () => void session.loadInvitations(); // a withdrawal is not pushed
    addEventListener("focus", again);
    document.addEventListener("visibilitychange", again);
    return () => {
      removeEventListener("focus", again);
      document.removeEventListener("visibilitychange", again);
    };
  }, []);
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
  const act = useAction();
  const box = useRef<HTMLDivElement>(null);
  const id = invitation.conversation_id;
  const answer = (request: () => Promise<unknown>) =>
    void act(async () => {
      try {
        await request();
      } catch (error) {
        if ((error as ChatError).code !== "NOT_FOUND") throw error;
        app.session.toast(t.invitationGone);
      } finally {
        await app.session.loadInvitations();
      }
    });
  const accept = async () => {
    await server.join(id);
    app.select(id);
  };
  useLayoutEffect(
    () => () => {
      if (box.current!.contains(app.root.activeElement)) app.root.querySelector<HTMLElement>(".list-header button")?.focus();
    },
    [],
  );
  return (
    <div ref={box} class="invitation">
      <div class="invitation-title" dir="auto">
        {invitation.title || t.directConversation}
      </div>
      <div class="faint">{t.invitedBy(isolated(invitation.added_by.name || invitation.added_by.participant_id))}</div>
      <div class="buttons">
        <button type="button" class="button primary small" onClick={() => answer(accept)}>
          {t.accept}
        </button>
        <button type="button" class="button small" onClick={() => answer(() => server.leave(id))}>
          {t.decline}
        </button>
      </div>
    </div>
  );
}
