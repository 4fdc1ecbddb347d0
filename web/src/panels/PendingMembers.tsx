import type { OpenConversation } from "../state/conversation.ts";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import { useKeptFocus } from "../ui/useKeptFocus.ts";
import { useRequests } from "./requests.ts";
import { useAction } from "./useAction.ts";
import { useLoaded } from "./useLoaded.ts";

/** The people who were added and have not accepted yet. */
export function PendingMembers({ conversation }: { conversation: OpenConversation }) {
  const { dialog } = useApp();
  const act = useAction();
  const list = useKeptFocus();
  const t = allTexts.value;
  const server = useRequests();
  const changes = [conversation.participants.value.length, dialog.value];
  const { items, load } = useLoaded(() => server.pendingMembers(conversation.id), changes);
  const withdraw = async (participantId: string) => {
    await act(() => server.withdraw(conversation.id, participantId), participantId);
    await load();
  };
  if (!items?.length) return null;
  return (
    <section>
      <div class="section-header">
        <h3>{t.pendingMembers}</h3>
      </div>
      <ul ref={list} class="members">
        {items.map(({ participant_id: id, name }) => (
          <li key={id} class="member">
            <span class="member-name" dir="auto">
              {name || id}
            </span>
            <button type="button" class="button small" onClick={() => void withdraw(id!)}>
              {t.withdraw}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
