/** The mentions in a text: names after an `@`. */

const LETTER = /[\p{L}\p{N}_]/u;

/** Yield each mention: where it is, and those who have the longest of the names that follow the `@` as whole words. */
export function* mentionsIn<Named extends { name: string }>(text: string, named: readonly Named[]) {
  for (let at = 0, end = 0; (at = text.indexOf("@", end)) >= 0; ) {
    const start = (end = at + 1);
    if (/\w/.test(text[at - 1] ?? "")) continue; // in an e-mail address
    const isWhole = ({ name }: Named) => name && text.startsWith(name, start) && !LETTER.test(text[start + name.length] ?? "");
    const found = named.filter(isWhole);
    const longest = Math.max(0, ...found.map(({ name }) => name.length));
    end += longest;
    if (longest) yield { at, end, found: found.filter(({ name }) => name.length === longest) };
  }
}
