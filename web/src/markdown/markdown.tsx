/**
 * Messages as Markdown. The parsed blocks become elements directly: no HTML is ever parsed, so a text can make no other
 * elements, attributes or addresses than the ones below. Raw HTML is shown as the text that it is.
 */

import type { ComponentChild } from "preact";
import { texts } from "../text/texts.ts";
import { CodeBlock } from "../ui/CodeBlock.tsx";
import { type Block, type ListItem, parseBlocks } from "./blocks.ts";
import type { Inline } from "./inlines.ts";
import { mentionsIn } from "./mentions.ts";

const MAX_CACHED = 600;
const MAX_PREVIEW = 400;
const SAFE_ADDRESS = /^(?:https?:\/\/|mailto:)/i;
const parsed = new Map<string, Block[]>();

/** A name to highlight after an `@`. */
export interface Mentioned {
  name: string;
  isMe: boolean;
}

/** Return the elements of a text, and a mark at the end of its last line. */
export function markdown(text: string, mentioned: readonly Mentioned[], mark?: ComponentChild): ComponentChild {
  const blocks = blocksOf(text);
  const last = blocks.at(-1);
  if (!mark || last?.type !== "paragraph") return [...blocks.map((block) => element(block, mentioned)), mark];
  const end = <p dir="auto">{[...last.children.map((child) => span(child, mentioned)), mark]}</p>;
  return [...blocks.slice(0, -1).map((block) => element(block, mentioned)), end];
}

/** Return a text without its markup, in one line: for previews, quotes and announcements. */
export function plain(text: string): string {
  return blocksOf(text.slice(0, MAX_PREVIEW)).map(plainBlock).join(" ").replace(/\s+/g, " ").trim();
}

function blocksOf(text: string): Block[] {
  let blocks = parsed.get(text);
  if (blocks) return blocks;
  if (parsed.size >= MAX_CACHED) parsed.delete(parsed.keys().next().value!);
  parsed.set(text, (blocks = parseBlocks(text)));
  return blocks;
}

/** Return the element of a block. Only the outer one of nested blocks has a direction, that of its first letter. */
function element(block: Block, mentioned: readonly Mentioned[], isInside = false): ComponentChild {
  const dir = isInside ? undefined : "auto";
  const inline = (children: Inline[]) => children.map((child) => span(child, mentioned));
  switch (block.type) {
    case "paragraph":
      return <p dir={dir}>{inline(block.children)}</p>;
    case "heading":
      return (
        <p dir={dir} class={`heading heading-${Math.min(block.level, 3)}`}>
          {inline(block.children)}
        </p>
      );
    case "code":
      return <CodeBlock text={block.text} language={block.language} />;
    case "quote":
      return <blockquote dir={dir}>{block.blocks.map((inner) => element(inner, mentioned, true))}</blockquote>;
    case "list": {
      const items = block.items.map((item) => listItem(item, mentioned));
      return block.isOrdered ? <ol dir={dir} start={block.start}>{items}</ol> : <ul dir={dir}>{items}</ul>;
    }
    case "table":
      return (
        <div class="table" tabIndex={0}>
          <table dir={dir}>
            <thead>
              <tr>{block.header.map((cell) => <th>{inline(cell)}</th>)}</tr>
            </thead>
            <tbody>
              {block.rows.map((row) => (
                <tr>{row.map((cell) => <td>{inline(cell)}</td>)}</tr>
              ))}
            </tbody>
          </table>
        </div>
      );
    case "rule":
      return <hr />;
  }
}

function listItem({ checked, blocks }: ListItem, mentioned: readonly Mentioned[]): ComponentChild {
  const [first, ...others] = blocks;
  const isPlain = first?.type === "paragraph";
  return (
    <li class={checked === null ? undefined : "task"}>
      {checked !== null && <input type="checkbox" checked={checked} disabled aria-label={blocks.map(plainBlock).join(" ")} />}
      {isPlain ? first.children.map((child) => span(child, mentioned)) : first && element(first, mentioned, true)}
      {others.map((block) => element(block, mentioned, true))}
    </li>
  );
}

function span(part: Inline, mentioned: readonly Mentioned[]): ComponentChild {
  if (typeof part === "string") return withMentions(part, mentioned);
  switch (part.type) {
    case "code":
      return <code dir="ltr">{part.text}</code>;
    case "break":
      return <br />;
    case "image":
      return link(part.address, part.text ? texts.value.image(part.text) : texts.value.imageUnnamed);
    case "link":
      return link(part.address, part.children.map((child) => span(child, mentioned)));
    default: {
      const Element = part.type;
      return <Element>{part.children.map((child) => span(child, mentioned))}</Element>;
    }
  }
}

/** Return a link, or only its text if the address is not one of a safe scheme. */
function link(address: string, children: ComponentChild): ComponentChild {
  if (!SAFE_ADDRESS.test(address)) return children;
  return (
    <a href={address} target="_blank" rel="noopener noreferrer nofollow">
      {children}
    </a>
  );
}

/** Highlight the mentions in a text. */
function withMentions(text: string, mentioned: readonly Mentioned[]): ComponentChild {
  const parts: ComponentChild[] = [];
  let shown = 0;
  for (const { at, end, found } of mentionsIn(text, mentioned)) {
    const names = found.some(({ isMe }) => isMe) ? "mention me" : "mention";
    parts.push(text.slice(shown, at), <span class={names}>{text.slice(at, end)}</span>);
    shown = end;
  }
  return parts.length ? [...parts, text.slice(shown)] : text;
}

function plainBlock(block: Block): string {
  switch (block.type) {
    case "paragraph":
    case "heading":
      return block.children.map(plainSpan).join("");
    case "code":
      return block.text;
    case "quote":
      return block.blocks.map(plainBlock).join(" ");
    case "list":
      return block.items.map((item) => item.blocks.map(plainBlock).join(" ")).join(" ");
    case "table":
      return [block.header, ...block.rows].map((row) => row.map((cell) => cell.map(plainSpan).join("")).join(" ")).join(" ");
    case "rule":
      return "";
  }
}

function plainSpan(part: Inline): string {
  if (typeof part === "string") return part;
  if (part.type === "break") return " ";
  if (part.type === "image") return part.text ? texts.value.image(part.text) : texts.value.imageUnnamed;
  return part.type === "code" ? part.text : part.children.map(plainSpan).join("");
}
