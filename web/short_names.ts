/** Shortens the names of the private members of the client, which all begin with an underscore, as its own build does. */

import { readdirSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import type { Plugin } from "vite";

const PRIVATE = /(?<![\w$])_[A-Za-z]\w*/g;

/** @param folder - The sources of the client. */
export function shortNames(folder: string): Plugin {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const known = new Set(files.flatMap((file) => readFileSync(join(folder, file), "utf8").match(PRIVATE) ?? []));
  const names = new Map([...known].sort().map((name, index) => [name, "_" + index.toString(36)]));
  return {
    name: "short-names",
    enforce: "pre",
    apply: "build",
    transform: (code, id) => (normalize(id).startsWith(folder) ? code.replace(PRIVATE, (name) => names.get(name)!) : null),
  };
}
