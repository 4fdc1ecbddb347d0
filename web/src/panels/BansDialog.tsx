import type { OpenConversation } from "../state/conversation.ts";
import { momentText } from "../text/dates.ts";
import { allTexts } from "../text/texts.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { useKeptFocus } from "../ui/useKeptFocus.ts";
import { useRequests } from "./requests.ts";
import { usePanelStyles } from "./styles.ts";
import { useAction } from "./useAction.ts";
import { useLoaded } from "./useLoaded.ts";

/** The banned participants of a conversation. */
export function BansDialog({ conversation }: { conversation: OpenConversation }) {
  usePanelStyles();
  const act = useAction();
  const list = useKeptFocus();
  const server = useRequests();
  const t = allTexts.value;
  const { items, load } = useLoaded(() => server.bans(conversation.id));
  const lift = async (participantId: string) => {
    await act(() => server.liftBan(conversation.id, participantId), participantId);
    await load();
  };
  return (
    <Dialog title={t.bans}>
      <ul ref={list} class="rows">
        {items?.map(({ participant_id: id, name, banned_at }) => (
          <li key={id} class="row">
            <span>
              <bdi>{name || id}</bdi> <span class="faint">{t.sinceDate(momentText(banned_at))}</span>
            </span>
            <button type="button" class="button small" onClick={() => void lift(id)}>
              {t.liftBan}
            </button>
          </li>
        ))}
      </ul>
      {items && !items.length && <p class="faint">{t.noBans}</p>}
    </Dialog>
  );
}
