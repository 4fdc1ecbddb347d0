import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { allTexts } from "../text/texts.ts";
import { useApp } from "../ui/app.ts";
import css from "../styles/emoji.css?inline";
import { type Emoji, loadEmoji } from "./emoji.ts";
import { frequentEmoji, noteEmoji } from "./frequent.ts";

const COLUMNS = 8;
const MAX_FOUND = 64;
const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

/** All emoji, with a search by name. Arrow keys move in the grid. */
export function EmojiPicker({ onChoose }: { onChoose: (emoji: string) => void }) {
  const { root, session } = useApp();
  const t = allTexts.value;
  const [groups, setGroups] = useState<Emoji[][]>([]);
  const [query, setQuery] = useState("");
  /** Whether Enter was pressed before the emoji were loaded: then it chooses the first one that is found. */
  const [isEntered, enter] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const frequent = useMemo(frequentEmoji, []);
  const found = useMemo(() => search(groups, query), [groups, query]);
  useLayoutEffect(() => {
    if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
    field.current?.focus();
    void session.attempt(async () => setGroups(await loadEmoji(t.language)));
  }, []);
  const choose = (emoji: string) => {
    noteEmoji(emoji);
    onChoose(emoji);
  };
  useLayoutEffect(() => {
    if (isEntered && found?.[0]) choose(found[0].character);
  }, [groups]);
  const onKeyDown = (event: KeyboardEvent) => {
    const buttons = [...grid.current!.querySelectorAll<HTMLElement>("button")];
    const index = buttons.indexOf(root.activeElement as HTMLElement);
    const ahead = grid.current!.matches(":dir(rtl)") ? -1 : 1;
    const step = { ArrowRight: ahead, ArrowLeft: -ahead, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    if (event.key === "Enter" && index < 0 && found?.[0]) choose(found[0].character);
    else if (event.key === "Enter" && index < 0) enter(!groups.length);
    else if (step && (index >= 0 || event.key === "ArrowDown")) {
      const next = index < 0 ? 0 : index + step;
      if (next < 0) field.current!.focus();
      else buttons[Math.min(next, buttons.length - 1)]?.focus();
    } else return;
    event.preventDefault();
  };
  const button = ({ character, name }: Emoji) => (
    <button key={character} type="button" class="emoji-choice emoji" aria-label={name} title={name} onClick={() => choose(character)}>
      {character}
    </button>
  );
  const names = useMemo(() => new Map(groups.flat().map(({ character, name }) => [character, name])), [groups]);
  return (
    <div class="emoji-picker" onKeyDown={onKeyDown}>
      <input
        ref={field}
        autofocus
        type="search"
        placeholder={t.searchEmoji}
        aria-label={t.searchEmoji}
        value={query}
        onInput={(event) => {
          setQuery(event.currentTarget.value);
          enter(false);
        }}
      />
      <div class="emoji-scroll" ref={grid}>
        {found ? (
          <div class="emoji-grid">{found.length ? found.map(button) : <p class="faint">{t.noEmoji}</p>}</div>
        ) : (
          <>
            <h2>{t.frequentEmoji}</h2>
            <div class="emoji-grid">{frequent.map((character) => button({ character, name: names.get(character) ?? character }))}</div>
            {groups.map((group, index) => (
              <section key={index} class="emoji-group">
                <h2>{t.emojiGroups[index]}</h2>
                <div class="emoji-grid">{group.map(button)}</div>
              </section>
            ))}
          </>
        )}
      </div>
    </div>
  );
}

/** Return the emoji whose names contain all words of the query, or null without one. */
function search(groups: Emoji[][], query: string): Emoji[] | null {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const matches = ({ name }: Emoji) => words.every((word) => name.toLowerCase().includes(word));
  return groups.flat().filter(matches).slice(0, MAX_FOUND);
}
