/** Shortens the names of private and internal members of the client, as its own build does: private ones begin with an underscore. */

import { readdirSync, readFileSync } from "node:fs";
import { join, normalize } from "node:path";
import type { Plugin } from "vite";

/** Members of the core and its driver that are no part of the API, of stored values, or of frames. */
const INTERNAL = `
  planRenewal disconnectedByServer socketOpened socketClosed tokenReceived tokenFailed tokenExpired batchPosted storageChanged
  readAnswered readPushed requestOlder takeNewEvents historyChanged updatesOf nextTimer sendAsIs addMessage addUpdate
  acknowledged notBefore flightId frameBytes isDrainer repeatDue retryAt renewed sendable
`;
const PRIVATE = new RegExp(`(?<![\\w$])(?:_[A-Za-z]\\w*|(?:${INTERNAL.trim().split(/\s+/).join("|")})(?!\\w))`, "g");

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
