/**
 * The data of the emoji picker as modules of the build: the emoji in their groups, and their names in each language.
 *
 * They come from emojibase-data, whose files are forty times as large as what the picker needs. Flags of countries
 * have no names here: browsers know them.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const NAME = "virtual:emoji/";

interface Emoji {
  label: string;
  unicode: string;
  group?: number;
  order?: number;
}

/** The groups of Unicode in the order of the picker; 2 holds parts of emoji, such as skin tones. */
const GROUPS = [0, 1, 3, 4, 5, 6, 7, 8, 9];
const COUNTRY = /^\p{RI}{2}$/u;

/** Return the emoji of each group in a language. */
function groupsOf(language: string): Emoji[][] {
  const file = fileURLToPath(import.meta.resolve(`emojibase-data/${language}/compact.json`));
  const emoji = JSON.parse(readFileSync(file, "utf8")) as Emoji[];
  const sorted = emoji.sort((one, other) => (one.order ?? 0) - (other.order ?? 0));
  return GROUPS.map((group) => sorted.filter((one) => one.group === group));
}

/** Return the characters, or the names in a language: a line for each group, separated by tabs. */
function dataOf(name: string): string {
  const fieldOf = ({ label, unicode }: Emoji) => (name === "characters" ? unicode : COUNTRY.test(unicode) ? "" : label);
  const groups = groupsOf(name === "characters" ? "en" : name);
  return groups.map((group) => group.map(fieldOf).join("\t").trimEnd()).join("\n");
}

/** Provide `virtual:emoji/characters`, `virtual:emoji/en` and `virtual:emoji/de`. */
export function emojiData(): Plugin {
  return {
    name: "emoji-data",
    resolveId: (id) => (id.startsWith(NAME) ? "\0" + id : null),
    load: (id) => (id.startsWith("\0" + NAME) ? `export default ${JSON.stringify(dataOf(id.slice(NAME.length + 1)))};` : null),
  };
}
