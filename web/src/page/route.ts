/**
 * The address of the page: `#/c/<conversation>` and `#/join/<conversation>/<invite>`. Fragments are not sent to any
 * server, so an invite appears in no log. In development `#as=alice` chooses the participant, also before a route:
 * `#as=alice&/c/<conversation>`.
 */

export interface Route {
  participant: string | null;
  conversationId: string | null;
  invite: string | null;
}

const ID = "[A-Za-z0-9_-]{1,100}";
const CONVERSATION = new RegExp(`^/c/(${ID})$`);
const JOIN = new RegExp(`^/join/(${ID})/(${ID})$`);

export function parseRoute(fragment: string): Route {
  const parts = fragment.replace(/^#/, "").split("&");
  const participant = parts.find((part) => part.startsWith("as="))?.slice(3) ?? null;
  const path = parts.find((part) => part.startsWith("/")) ?? "";
  const join = JOIN.exec(path);
  return {
    participant: participant && decoded(participant),
    conversationId: CONVERSATION.exec(path)?.[1] ?? join?.[1] ?? null,
    invite: join?.[2] ?? null,
  };
}

/** Return a part of an address as it was before the encoding, or null if the encoding is invalid. */
function decoded(part: string): string | null {
  try {
    return decodeURIComponent(part);
  } catch {
    return null;
  }
}

/** Return the fragment of a conversation, or of the list. */
export const fragmentOf = (conversationId: string | null): string => (conversationId ? `#/c/${conversationId}` : "#/");
