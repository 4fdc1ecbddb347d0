import type { Message } from "serverless-chat";
import type { OpenConversation } from "../state/conversation.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { messageActions } from "./message_actions.ts";

/** The reactions to a message; a click adds or removes the participant's own. */
export function Reactions({ message, conversation }: { message: Message; conversation: OpenConversation }) {
  const app = useApp();
  const t = texts.value;
  if (!message.reactions.length) return null;
  const { react } = messageActions(app, conversation, message);
  const me = app.session.participantId;
  const nameOf = (id: string) => (id === me ? t.you : conversation.member(id)?.name || id);
  return (
    <div class="reactions">
      {message.reactions.map(({ emoji, participants }) => {
        const label = t.reactionBy(emoji, participants.map(nameOf));
        return (
          <button
            key={emoji}
            type="button"
            class="reaction"
            aria-pressed={participants.includes(me)}
            aria-label={label}
            title={label}
            disabled={!react}
            onClick={() => react?.(emoji)}
          >
            <span class="emoji">{emoji}</span>
            {participants.length}
          </button>
        );
      })}
    </div>
  );
}
