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

export const query = (fields: Record<string, string | number | undefined>): string => {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length ? "?" + given.map(([name, value]) => `${name}=${encodeURIComponent(value!)}`).join("&") : "";
};

/** Each method is one request; all throw ChatError. */
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

  async invitations(): Promise<Pending[]> {
    return (await this.chat.request("GET", "/conversations?membership=pending&limit=100")).pending;
  }

  async blocks(): Promise<string[]> {
    const blocked: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.chat.request("GET", `/me/blocks${query({ limit: 100, cursor })}`);
      blocked.push(...page.blocks.map((block: { participant_id: string }) => block.participant_id));
      cursor = page.next_cursor;
    } while (cursor);
    return blocked;
  }

  block(participantId: string): Promise<void> {
    return this.chat.request("PUT", `/me/blocks${query({ participant_id: participantId })}`);
  }

  unblock(participantId: string): Promise<void> {
    return this.chat.request("DELETE", `/me/blocks${query({ participant_id: participantId })}`);
  }
}
