import { allTexts } from "../text/texts.ts";
import { Dialog } from "../ui/Dialog.tsx";
import { usePanelStyles } from "./styles.ts";

const MODIFIER = /^(?:Mac|iP)/.test(navigator.platform) ? "⌘" : "Ctrl";

/** The keys of each part of the interface, by the names of their texts. */
const KEYS = {
  everywhere: { help: "?", search: `/ · ${MODIFIER} K`, compose: "I", create: "N", members: "M", escape: "Esc" },
  list: { nextConversation: "Alt ↓", previousConversation: "Alt ↑", nextUnread: "Alt Shift ↓" },
  messages: { move: "↑ ↓", newest: "End", reply: "R", react: "+", edit: "E", copy: "C", delete: "Del" },
  composer: { send: "Enter", newLine: "Shift Enter", editLast: "↑", mention: "@" },
} as const;

/** The keyboard shortcuts. */
export function ShortcutsDialog() {
  usePanelStyles();
  const t = allTexts.value;
  return (
    <Dialog title={t.shortcuts} wide>
      <div class="shortcuts">
        {Object.entries(KEYS).map(([group, keys]) => (
          <section key={group}>
            <h3>{t.shortcutGroups[group as keyof typeof KEYS]}</h3>
            <dl>
              {Object.entries(keys).map(([name, key]) => (
                <div key={name}>
                  <dt>{t.shortcutTexts[name as keyof typeof t.shortcutTexts]}</dt>
                  <dd>
                    <kbd>{key}</kbd>
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
