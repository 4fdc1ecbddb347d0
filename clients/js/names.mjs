/**
 * Short names of private and internal members for builds.
 *
 * Two members get the same name if no source file mentions both: a class mentions all of its members in its own file,
 * besides those that it inherits, so a file counts as mentioning all that the files of its base classes mention.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** An order that compresses well, as found by trying: letters that minified code has often. No n, which is a field of frames. */
export const DIGITS = "thHiecasldkXxgmuoCEwVrjpYqASDvFGyIJKLMNOPQRfTUBWbzZ";

/** Return a pattern of the members that begin with an underscore, or are among some names. */
export const members = (internal) => `(?:_[A-Za-z]\\w*|${internal.trim().split(/\s+/).join("|")})`;

/** Return a source and those of all classes that inherit from its classes. */
function heirsOf(source, sources) {
  const found = new Set([source]);
  for (const base of found) {
    for (const [, name] of base.matchAll(/class (\w+)/g)) {
      for (const heir of sources.filter((text) => new RegExp(`extends ${name}\\b`).test(text))) found.add(heir);
    }
  }
  return found;
}

/**
 * Return the short name of each member, the shortest ones for those that are used most.
 *
 * @param folder - The sources of the client.
 * @param internal - The names of members without an underscore, separated by white space.
 */
export function shortNames(folder, internal) {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const comments = /\/\*[^]*?\*\/|(?<=\s)\/\/.*/g;
  const sources = files.map((file) => readFileSync(join(folder, file), "utf8").replace(comments, ""));
  const pattern = new RegExp(`(?<![\\w$])${members(internal)}(?!\\w)`, "g");
  const uses = new Map();
  const places = new Map();
  for (const source of sources) {
    const heirs = heirsOf(source, sources);
    for (const [name] of source.matchAll(pattern)) {
      uses.set(name, (uses.get(name) ?? 0) + 1);
      const known = places.get(name) ?? new Set();
      for (const heir of heirs) known.add(heir);
      places.set(name, known);
    }
  }
  const taken = [];
  const names = new Map();
  for (const [name] of [...uses].sort((one, other) => other[1] - one[1])) {
    const mentioned = [...places.get(name)];
    let number = 0;
    while (mentioned.some((source) => taken[number]?.has(source))) number++;
    taken[number] = new Set([...(taken[number] ?? []), ...mentioned]);
    names.set(name, (DIGITS[Math.floor(number / DIGITS.length) - 1] ?? "") + DIGITS[number % DIGITS.length]);
  }
  return names;
}
