import type { Message } from "serverless-chat";
import { useRef, useState } from "preact/hooks";
import type { OpenConversation } from "../state/conversation.ts";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { EmojiPopover } from "./EmojiPopover.tsx";
import { Icon } from "./Icon.tsx";
import { MenuOpener } from "./Menu.tsx";
import { type MessageActions, messageActions } from "./message_actions.ts";

const QUICK = ["👍", "❤️", "😂"];

/** The actions of a message, shown while the pointer or the focus is on it. */
export function MessageTools({ message, conversation }: { message: Message; conversation: OpenConversation }) {
  const actions = messageActions(useApp(), conversation, message);
  return actions.copy || actions.delete ? <Toolbar actions={actions} /> : null;
}

function Toolbar({ actions }: { actions: MessageActions }) {
  const t = texts.value;
  const { react, reply, edit, copy } = actions;
  return (
    <div class="tools" role="toolbar" aria-label={t.actions}>
      {react &&
        QUICK.map((emoji) => (
          <button type="button" class="icon-button emoji quick" aria-label={t.reactWith(emoji)} onClick={() => react(emoji)}>
            {emoji}
          </button>
        ))}
      {react && <ReactButton onChoose={react} />}
      {reply && (
        <button type="button" class="icon-button" aria-label={t.reply} title={t.reply} onClick={reply}>
          <Icon name="reply" />
        </button>
      )}
      <MenuOpener
        label={t.moreActions}
        icon="more"
        items={[
          edit && { text: t.edit, icon: "edit", run: edit },
          copy && { text: t.copy, icon: "copy", run: copy },
          actions.report && { text: t.report, icon: "flag", run: actions.report },
          actions.delete && { text: t.delete, icon: "trash", isDangerous: true, run: actions.delete },
        ]}
      />
    </div>
  );
}

function ReactButton({ onChoose }: { onChoose: (emoji: string) => void }) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const t = texts.value;
  return (
    <>
      <button
        ref={button}
        type="button"
        class="icon-button react-button"
        aria-label={t.react}
        title={t.react}
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="smile" />
      </button>
      {isOpen && <EmojiPopover anchor={button} onChoose={onChoose} onClose={() => setOpen(false)} />}
    </>
  );
}
