/**
 * Short names of private and internal members for builds.
 *
 * Two members get the same name if no source file mentions both: a class mentions all of its members in its own file.
 * `observable.ts` has the only base class, so its members share no name with others.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const BASE = "observable.ts";
const DIGITS = "abcdefghijklmopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"; // without n, which is a field of frames

/** Return a pattern of the members that begin with an underscore, or are among some names. */
export const members = (internal) => `(?:_[A-Za-z]\\w*|${internal.trim().split(/\s+/).join("|")})`;

/**
 * Return the short name of each member, the shortest ones for those that are used most.
 *
 * @param folder - The sources of the client.
 * @param internal - The names of members without an underscore, separated by white space.
 */
export function shortNames(folder, internal) {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const uses = new Map();
  const places = new Map();
  for (const file of files) {
    for (const [name] of readFileSync(join(folder, file), "utf8").matchAll(new RegExp(`(?<![\\w$])${members(internal)}(?!\\w)`, "g"))) {
      uses.set(name, (uses.get(name) ?? 0) + 1);
      places.set(name, (places.get(name) ?? new Set()).add(file));
    }
  }
  const taken = [];
  const names = new Map();
  for (const [name] of [...uses].sort((one, other) => other[1] - one[1])) {
    const mentioned = places.get(name).has(BASE) ? files : [...places.get(name)];
    let number = 0;
    while (mentioned.some((file) => taken[number]?.has(file))) number++;
    taken[number] = new Set([...(taken[number] ?? []), ...mentioned]);
    names.set(name, (DIGITS[Math.floor(number / DIGITS.length) - 1] ?? "") + DIGITS[number % DIGITS.length]);
  }
  return names;
}
