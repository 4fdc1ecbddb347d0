import type { Participant } from "serverless-chat";
import { texts } from "../text/texts.ts";
import { Avatar } from "./Avatar.tsx";

interface MentionMenuProps {
  people: readonly Participant[];
  chosen: number;
  onChoose: (index: number) => void;
}

/** The members that the word after an `@` can mean. The keys are handled by the field, which keeps the focus. */
export function MentionMenu({ people, chosen, onChoose }: MentionMenuProps) {
  return (
    <div class="mention-menu" id="mentions" role="listbox" aria-label={texts.value.mentionSuggestions}>
      {people.map(({ participantId, name, online }, index) => (
        <div
          key={participantId}
          id={`mention-${index}`}
          role="option"
          aria-selected={index === chosen}
          class="mention-option"
          onPointerDown={(event) => (event.preventDefault(), onChoose(index))}
        >
          <Avatar id={participantId} name={name} size="small" online={online} />
          <span dir="auto">{name || participantId}</span>
          <span class="faint">{participantId}</span>
        </div>
      ))}
    </div>
  );
}
