/** The blocks of Markdown, as chats use it: paragraphs, code, quotes, lists, headings, rules and tables. */

import { type Inline, parseInlines } from "./inlines.ts";

export interface ListItem {
  /** Of a task: whether it is done. */
  checked: boolean | null;
  blocks: Block[];
}

export type Block =
  | { type: "paragraph"; children: Inline[] }
  | { type: "heading"; level: number; children: Inline[] }
  | { type: "code"; text: string; language: string }
  | { type: "quote"; blocks: Block[] }
  | { type: "list"; isOrdered: boolean; start: number; items: ListItem[] }
  | { type: "table"; header: Inline[][]; rows: Inline[][][] }
  | { type: "rule" };

/** Deeper nesting stays as it was written. */
const MAX_DEPTH = 6;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const RULE = /^ {0,3}(?:(?:\*\s*){3,}|(?:-\s*){3,}|(?:_\s*){3,})$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])( +)(?=\S)/;
const DELIMITERS = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;
const TASK = /^\[([ xX])\]\s+/;

/** Return the blocks of a text. */
export function parseBlocks(text: string): Block[] {
  return blocksOf(text.replace(/\r\n?/g, "\n").replace(/\t/g, "    ").split("\n"), 0);
}

function blocksOf(lines: readonly string[], depth: number): Block[] {
  if (depth > MAX_DEPTH) return [{ type: "paragraph", children: [lines.join("\n")] }];
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; ) {
    if (!lines[at]!.trim()) at++;
    else at = takeBlock(lines, at, depth, blocks);
  }
  return blocks;
}

/** Add the block that begins at a line, and return the line after it. */
function takeBlock(lines: readonly string[], at: number, depth: number, blocks: Block[]): number {
  const line = lines[at]!;
  const fence = FENCE.exec(line);
  if (fence) return takeCode(lines, at, fence, blocks);
  const heading = HEADING.exec(line);
  if (heading) blocks.push({ type: "heading", level: heading[1]!.length, children: parseInlines(heading[2]!) });
  else if (RULE.test(line)) blocks.push({ type: "rule" });
  else if (QUOTE.test(line)) return takeQuote(lines, at, depth, blocks);
  else if (ITEM.test(line)) return takeList(lines, at, depth, blocks);
  else if (line.includes("|") && lines[at + 1]?.includes("-") && DELIMITERS.test(lines[at + 1]!)) return takeTable(lines, at, blocks);
  else return takeParagraph(lines, at, blocks);
  return at + 1;
}

function takeCode(lines: readonly string[], at: number, fence: RegExpExecArray, blocks: Block[]): number {
  const [, mark, language] = fence;
  let end = at + 1;
  while (end < lines.length && !isClosing(lines[end]!, mark!)) end++;
  blocks.push({ type: "code", text: lines.slice(at + 1, end).join("\n"), language: language!.trim().split(/\s/)[0]! });
  return end + 1;
}

const isClosing = (line: string, mark: string): boolean => {
  const text = line.trim();
  return text.length >= mark.length && text === mark[0]!.repeat(text.length);
};

function takeQuote(lines: readonly string[], at: number, depth: number, blocks: Block[]): number {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end]!)) end++;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  blocks.push({ type: "quote", blocks: blocksOf(inner, depth + 1) });
  return end;
}

function takeList(lines: readonly string[], at: number, depth: number, blocks: Block[]): number {
  const first = ITEM.exec(lines[at]!)![2]!;
  const items: ListItem[] = [];
  let end = at;
  for (let item; (item = ITEM.exec(lines[end] ?? "")) && kindOf(item[2]!) === kindOf(first); ) {
    const indent = item[0].length;
    const inner = [lines[end]!.slice(indent)];
    for (end++; end < lines.length && isInside(lines, end, indent); end++) inner.push(lines[end]!.slice(indent));
    const task = TASK.exec(inner[0]!);
    if (task) inner[0] = inner[0]!.slice(task[0].length);
    items.push({ checked: task ? task[1] !== " " : null, blocks: blocksOf(inner, depth + 1) });
    while (end < lines.length && !lines[end]!.trim() && ITEM.test(lines[end + 1] ?? "")) end++;
  }
  blocks.push({ type: "list", isOrdered: /\d/.test(first), start: parseInt(first) || 1, items });
  return end;
}

const kindOf = (mark: string): string => mark.at(-1)!;

/** Return whether a line belongs to an item: it is indented, or an empty line before one that is. */
function isInside(lines: readonly string[], at: number, indent: number): boolean {
  const line = lines[at]!;
  if (line.trim()) return line.length - line.trimStart().length >= Math.min(indent, 2) && /^ {2}/.test(line);
  return /^ {2}\s*\S/.test(lines[at + 1] ?? "");
}

function takeTable(lines: readonly string[], at: number, blocks: Block[]): number {
  const header = cellsOf(lines[at]!);
  let end = at + 2;
  while (end < lines.length && lines[end]!.trim() && lines[end]!.includes("|")) end++;
  const rows = lines.slice(at + 2, end).map((line) => {
    const cells = cellsOf(line);
    return header.map((_, column) => parseInlines(cells[column] ?? ""));
  });
  blocks.push({ type: "table", header: header.map((cell) => parseInlines(cell)), rows });
  return end;
}

const cellsOf = (line: string): string[] =>
  line
    .trim()
    .replace(/^\||(?<!\\)\|$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replace(/\\\|/g, "|"));

function takeParagraph(lines: readonly string[], at: number, blocks: Block[]): number {
  let end = at + 1;
  while (end < lines.length && lines[end]!.trim() && !interrupts(lines[end]!)) end++;
  const text = lines.slice(at, end).map((line) => line.trim()).join("\n");
  blocks.push({ type: "paragraph", children: parseInlines(text) });
  return end;
}

/** Return whether a line ends a paragraph. A number does so only if it is 1, so that years stay in the text. */
function interrupts(line: string): boolean {
  const mark = ITEM.exec(line)?.[2];
  const isItem = mark !== undefined && (!/\d/.test(mark) || parseInt(mark) === 1);
  return isItem || FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line);
}
