/** Shortens the names of private and internal members of the client, as its own build does: private ones begin with an underscore. */

import { normalize } from "node:path";
import type { Plugin } from "vite";
import { members, shortNames as shared } from "../clients/js/names.mjs";

/** Members of the core and its driver that are no part of the API, of stored values, or of frames. */
const INTERNAL = `
  planRenewal disconnectedByServer socketOpened socketClosed tokenReceived tokenFailed tokenExpired batchPosted storageChanged
  readPushed requestOlder takeNewEvents historyChanged updatesOf nextTimer addMessage addUpdate
  acknowledged notBefore flightId frameBytes isDrainer repeatDue retryAt renewed sendable typingExpires isGreeted sendNow
`;
const PRIVATE = new RegExp(`(?<![\\w$])${members(INTERNAL)}(?!\\w)`, "g");

/** @param folder - The sources of the client. */
export function shortNames(folder: string): Plugin {
  const names = shared(folder, INTERNAL);
  return {
    name: "short-names",
    enforce: "pre",
    apply: "build",
    // With an underscore, they are no names of variables.
    transform: (code, id) => (normalize(id).startsWith(folder) ? code.replace(PRIVATE, (name) => "_" + names.get(name)!) : null),
  };
}
