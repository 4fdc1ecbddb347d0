/** The requests of the HTTP API that the client library has no methods for. */

import type { Chat } from "serverless-chat";

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
