/** The inline part of Markdown: emphasis, code, links. Its time is proportional to the length of the text. */

export type Inline =
  | string
  | { type: "strong" | "em" | "del"; children: Inline[] }
  | { type: "code"; text: string }
  | { type: "link"; address: string; children: Inline[] }
  | { type: "image"; address: string; text: string }
  | { type: "break" };

/** Deeper nesting stays as it was written. */
const MAX_DEPTH = 8;
/** A link with a longer text or address stays as it was written. */
const MAX_LINK = 2_000;
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const WORD = /[\p{L}\p{N}]/u;
const BARE = /(?:https?:\/\/|www\.)[^\s<]+/iy;
const BRACKETED = /<(https?:\/\/[^\s<>]+|mailto:[^\s<>]+)>/iy;
const EMPHASIS: Record<string, ("strong" | "em" | "del")[]> = {
  "***": ["em", "strong"],
  "___": ["em", "strong"],
  "**": ["strong"],
  __: ["strong"],
  "~~": ["del"],
  "*": ["em"],
  _: ["em"],
  "~": ["del"],
};

/** Return the parts of a text without blocks. A line end is a break. */
export function parseInlines(text: string, depth = 0): Inline[] {
  return depth > MAX_DEPTH ? [text] : new Scanner(text, depth).scan();
}

class Scanner {
  private readonly parts: Inline[] = [];
  private plain = "";
  private at = 0;
  /** Delimiters that have no further end in this text: looking for it again would make the time quadratic. */
  private readonly unclosed = new Set<string>();

  constructor(
    private readonly text: string,
    private readonly depth: number,
  ) {}

  scan(): Inline[] {
    const { text } = this;
    while (this.at < text.length) {
      const character = text[this.at]!;
      const isTaken =
        (character === "\\" && this.escape()) ||
        (character === "\n" && this.add({ type: "break" }, 1)) ||
        (character === "`" && this.code()) ||
        (character === "[" && this.link(false)) ||
        (character === "!" && text[this.at + 1] === "[" && this.link(true)) ||
        (character === "<" && this.bracketed()) ||
        (/[hw]/i.test(character) && this.bare()) ||
        (/[*_~]/.test(character) && this.emphasis(character));
      if (!isTaken) this.plain += text[this.at++];
    }
    this.flush();
    return this.parts;
  }

  private flush(): void {
    if (this.plain) this.parts.push(this.plain);
    this.plain = "";
  }

  private add(part: Inline, length: number): true {
    this.flush();
    this.parts.push(part);
    this.at += length;
    return true;
  }

  private escape(): boolean {
    const next = this.text[this.at + 1];
    if (next === undefined || !PUNCTUATION.test(next)) return false;
    this.plain += next;
    this.at += 2;
    return true;
  }

  private code(): boolean {
    const fence = runAt(this.text, this.at);
    const end = this.closingRun(fence, this.at + fence.length);
    if (end < 0) {
      this.plain += fence;
      this.at += fence.length;
      return true;
    }
    const inner = this.text.slice(this.at + fence.length, end).replace(/\n/g, " ");
    const isPadded = inner.length > 2 && inner.startsWith(" ") && inner.endsWith(" ") && inner.trim() !== "";
    return this.add({ type: "code", text: isPadded ? inner.slice(1, -1) : inner }, end + fence.length - this.at);
  }

  /** Return where a run of exactly these characters begins, or -1. */
  private closingRun(run: string, from: number): number {
    if (this.unclosed.has(run)) return -1;
    for (let at = this.text.indexOf(run, from); at >= 0; ) {
      const found = runAt(this.text, at);
      if (found.length === run.length) return at;
      at = this.text.indexOf(run, at + found.length);
    }
    this.unclosed.add(run);
    return -1;
  }

  private link(isImage: boolean): boolean {
    const { text } = this;
    const start = this.at + (isImage ? 2 : 1);
    const middle = this.unclosed.has("](") ? -1 : text.indexOf("](", start);
    if (middle < 0) this.unclosed.add("](");
    if (middle < 0 || middle - start > MAX_LINK || text.slice(start, middle).includes("[")) return false;
    const address = /\(\s*<?((?:[^\s()<>]|\([^\s()<>]*\))*)>?(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/y;
    address.lastIndex = middle + 1;
    const found = address.exec(text.slice(0, middle + MAX_LINK));
    if (!found) return false;
    const label = text.slice(start, middle);
    const length = address.lastIndex - this.at;
    if (isImage) return this.add({ type: "image", address: found[1]!, text: label }, length);
    return this.add({ type: "link", address: found[1]!, children: parseInlines(label, MAX_DEPTH) }, length);
  }

  private bracketed(): boolean {
    BRACKETED.lastIndex = this.at;
    const found = BRACKETED.exec(this.text);
    if (!found) return false;
    return this.add({ type: "link", address: found[1]!, children: [found[1]!.replace(/^mailto:/i, "")] }, found[0].length);
  }

  /** An address without any markup, at the beginning of a word. */
  private bare(): boolean {
    if (this.at > 0 && WORD.test(this.text[this.at - 1]!)) return false;
    BARE.lastIndex = this.at;
    const found = BARE.exec(this.text)?.[0];
    if (!found) return false;
    const shown = withoutEnd(found);
    if (!/^(?:https?:\/\/|www\.)[^\s/.]/i.test(shown)) return false;
    return this.add({ type: "link", address: /^www\./i.test(shown) ? "https://" + shown : shown, children: [shown] }, shown.length);
  }

  private emphasis(character: string): boolean {
    const { text } = this;
    const run = runAt(text, this.at);
    const kinds = EMPHASIS[run];
    const next = text[this.at + run.length];
    const isInWord = character === "_" && this.at > 0 && WORD.test(text[this.at - 1]!);
    const end = kinds && next !== undefined && /\S/.test(next) && !isInWord ? this.emphasisEnd(run) : -1;
    if (end < 0) {
      this.plain += run;
      this.at += run.length;
      return true;
    }
    let children = parseInlines(text.slice(this.at + run.length, end), this.depth + 1);
    for (const type of kinds!.slice(1)) children = [{ type, children }];
    return this.add({ type: kinds![0]!, children }, end + run.length - this.at);
  }

  /** Return where emphasis ends: at the same run, after a visible character and outside of code. */
  private emphasisEnd(run: string): number {
    const { text } = this;
    if (this.unclosed.has(run)) return -1;
    for (let at = this.at + run.length; at < text.length; ) {
      if (text[at] === "\\") at += 2;
      else if (text[at] === "`") {
        const fence = runAt(text, at);
        const end = this.closingRun(fence, at + fence.length);
        at = (end < 0 ? at : end) + fence.length;
      } else if (text[at] === run[0]) {
        const found = runAt(text, at);
        const isEnd = /\S/.test(text[at - 1]!) && (run[0] !== "_" || !WORD.test(text[at + found.length] ?? ""));
        if (found.length === run.length && isEnd) return at;
        at += found.length;
      } else at++;
    }
    this.unclosed.add(run);
    return -1;
  }
}

/** Return the repetitions of the character at a place. */
function runAt(text: string, at: number): string {
  let end = at + 1;
  while (text[end] === text[at]) end++;
  return text.slice(at, end);
}

/** Return an address without the punctuation of the sentence around it. */
function withoutEnd(address: string): string {
  let end = address.length;
  for (; end > 0; end--) {
    const last = address[end - 1]!;
    if (/[?!.,:;*_~'"]/.test(last)) continue;
    if (last !== ")") break;
    const opened = address.slice(0, end).split("(").length;
    if (address.slice(0, end).split(")").length <= opened) break;
  }
  return address.slice(0, end);
}
