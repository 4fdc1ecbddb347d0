import type { OpenConversation } from "../state/conversation.ts";
import { texts } from "../text/texts.ts";
import { Avatar } from "./Avatar.tsx";

const MAX_SHOWN = 4;

/** The participants whose last read message this is. */
export function Readers({ ids, conversation }: { ids: string; conversation: OpenConversation }) {
  if (!ids) return null;
  const members = ids.split(" ").map((id) => ({ id, name: conversation.member(id)?.name || id }));
  const label = texts.value.seenBy(members.map(({ name }) => name));
  return (
    <div class="readers" title={label} role="img" aria-label={label}>
      {members.slice(0, MAX_SHOWN).map(({ id, name }) => (
        <Avatar key={id} id={id} name={name} size="tiny" />
      ))}
      {members.length > MAX_SHOWN && <span class="more-readers">+{members.length - MAX_SHOWN}</span>}
    </div>
  );
}
