import type { OpenConversation } from "../state/conversation.ts";
import { isolated, texts } from "../text/texts.ts";

/** The participants who are typing. The line has its place always, so nothing moves. */
export function TypingLine({ conversation }: { conversation: OpenConversation }) {
  const typists = conversation.typists.value;
  const names = typists.map(({ participantId, name }) => isolated(name || participantId));
  return (
    <div class="typing">
      {names.length > 0 && (
        <>
          <span class="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {texts.value.typing(names)}
        </>
      )}
    </div>
  );
}
