/** The requests of the HTTP API that the client library has no methods for. */

import { asMessage, type Chat, type Message } from "serverless-chat";

/** A membership that waits for the acceptance of a participant. */
export interface Pending {
  conversation_id: string;
  participant_id?: string;
  name?: string;
  title: string;
  role: string;
  added_by: { participant_id: string; name?: string };
  added_at: string;
  expires_at: string;
}

/** A conversation as `GET /conversations/{id}` returns it, as far as the interface needs it. */
export interface Details {
  conversation_id: string;
  title: string;
  direct?: boolean;
  participants?: { participant_id: string; name?: string }[];
  join_policy?: string;
  pending?: { participant_id: string; name?: string }[];
}

type Fields = Record<string, string | number | undefined>;

export const query = (fields: Fields): string => {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return "?" + given.map(([name, value]) => `${name}=${encodeURIComponent(value!)}`).join("&");
};

/** Return the entries of all pages of a list: one can be short, even empty, although there are more. */
export async function all(chat: Chat, path: string, name: string, fields: Fields = {}): Promise<any[]> {
  const entries = [];
  let cursor;
  do {
    const page = await chat.request("GET", path + query({ ...fields, limit: 100, cursor }));
    entries.push(...page[name]);
    cursor = page.next_cursor;
  } while (cursor);
  return entries;
}

/** Each method throws ChatError; those of lists make a request for each page, the others one. */
export class Server {
  constructor(private readonly chat: Chat) {}

  details(id: string): Promise<Details> {
    return this.chat.request("GET", `/conversations/${id}`);
  }

  /** Return a page of messages, and where the one before it ends, if there is one. */
  async messages(id: string, limit: number, before?: number): Promise<{ messages: Message[]; before?: number }> {
    const page = await this.chat.request("GET", `/conversations/${id}/messages${query({ limit, before })}`);
    return { messages: page.messages.map(asMessage), before: page.next_before };
  }

  invitations(): Promise<Pending[]> {
    return all(this.chat, "/conversations", "pending", { membership: "pending" });
  }

  async blocks(): Promise<string[]> {
    return (await all(this.chat, "/me/blocks", "blocks")).map((block) => block.participant_id);
  }

  block(participantId: string): Promise<void> {
    return this.chat.request("PUT", `/me/blocks${query({ participant_id: participantId })}`);
  }

  unblock(participantId: string): Promise<void> {
    return this.chat.request("DELETE", `/me/blocks${query({ participant_id: participantId })}`);
  }
}
