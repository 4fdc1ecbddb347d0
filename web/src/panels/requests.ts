/** The requests of the HTTP API that only panels and dialogs make: they are loaded with the first of them. */

import type { Chat, Json } from "serverless-chat";
import { all, type Details, type Pending, query } from "../state/server.ts";
import { useApp } from "../ui/app.ts";

/** An invite, without its secret. */
export interface Invite {
  invite_id: string;
  expires_at: string;
  max_uses: number | null;
  uses: number;
  created_by: string;
  created_at: string;
}

export interface Ban {
  participant_id: string;
  name?: string;
  banned_by: string;
  banned_at: string;
}

/** A report of a message, for owners and moderators. */
export interface Report {
  report_id: string;
  sequence_id: number;
  author_id: string;
  reported_by: string;
  reason: string;
  created_at: string;
}

export interface AuditEntry {
  sequence_id: number;
  created_at: string;
  action: string;
  actor_id: string;
  participant_id?: string;
  target?: number;
  role?: string;
  muted_until?: string;
}

export interface Page<Item> {
  items: Item[];
  cursor: string | undefined;
}

/** The profile that a participant has set. */
export interface Profile {
  name: string;
  avatar_url?: string;
  metadata: Json;
}

/** The participant of the token, whose name is another one than that of the profile. */
export interface Me {
  name?: string;
  profile?: Profile;
}

/** Each method is one request; all throw ChatError. */
export class Requests {
  constructor(private readonly chat: Chat) {}

  me(): Promise<Me> {
    return this.chat.request("GET", "/me");
  }

  setProfile(profile: Profile): Promise<void> {
    return this.chat.request("PUT", "/me/profile", profile);
  }

  create(title: string, participants: { participant_id: string; name: string }[]): Promise<Details> {
    return this.chat.request("POST", "/conversations", { title, participants });
  }

  /** Open the direct conversation with a participant, which is created if there is none. */
  direct(participantId: string, name?: string): Promise<Details> {
    return this.chat.request("PUT", `/direct${query({ participant_id: participantId })}`, name ? { name } : {});
  }

  change(id: string, fields: { title?: string; join_policy?: string }): Promise<Details> {
    return this.chat.request("PATCH", `/conversations/${id}`, fields);
  }

  deleteConversation(id: string): Promise<void> {
    return this.chat.request("DELETE", `/conversations/${id}`);
  }

  /** Join by an invite, or accept a pending membership. */
  join(id: string, invite?: string): Promise<Details> {
    return this.chat.request("POST", `/conversations/${id}/join`, invite ? { invite } : {});
  }

  /** Leave, or decline a pending membership. */
  leave(id: string): Promise<void> {
    return this.chat.request("POST", `/conversations/${id}/leave`);
  }

  addMember(id: string, participantId: string, name: string, role: string): Promise<{ membership: string }> {
    return this.chat.request("POST", `/conversations/${id}/participants`, { participant_id: participantId, name, role });
  }

  changeMember(id: string, participantId: string, fields: { role?: string; muted_for?: number }): Promise<void> {
    return this.chat.request("PATCH", `/conversations/${id}/participants${query({ participant_id: participantId })}`, fields);
  }

  removeMember(id: string, participantId: string, ban = false): Promise<void> {
    const fields = { participant_id: participantId, ban: ban ? "true" : undefined };
    return this.chat.request("DELETE", `/conversations/${id}/participants${query(fields)}`);
  }

  pendingMembers(id: string): Promise<Pending[]> {
    return all(this.chat, `/conversations/${id}/pending`, "pending");
  }

  withdraw(id: string, participantId: string): Promise<void> {
    return this.chat.request("DELETE", `/conversations/${id}/pending${query({ participant_id: participantId })}`);
  }

  bans(id: string): Promise<Ban[]> {
    return all(this.chat, `/conversations/${id}/bans`, "bans");
  }

  liftBan(id: string, participantId: string): Promise<void> {
    return this.chat.request("DELETE", `/conversations/${id}/bans${query({ participant_id: participantId })}`);
  }

  invites(id: string): Promise<Invite[]> {
    return all(this.chat, `/conversations/${id}/invites`, "invites");
  }

  createInvite(id: string, expiresIn: number, maxUses: number | null): Promise<{ invite: string; invite_id: string }> {
    return this.chat.request("POST", `/conversations/${id}/invites`, { expires_in: expiresIn, max_uses: maxUses });
  }

  revokeInvite(id: string, inviteId: string): Promise<void> {
    return this.chat.request("DELETE", `/conversations/${id}/invites/${encodeURIComponent(inviteId)}`);
  }

  async audit(id: string, cursor?: string): Promise<Page<AuditEntry>> {
    const page = await this.chat.request("GET", `/conversations/${id}/audit${query({ limit: 50, cursor })}`);
    return { items: page.entries, cursor: page.next_cursor };
  }

  /** Report a message to the owners and moderators of its conversation. */
  report(id: string, sequenceId: number, reason: string): Promise<void> {
    return this.chat.request("POST", `/conversations/${id}/messages/${sequenceId}/report`, { reason });
  }

  reports(id: string): Promise<Report[]> {
    return all(this.chat, `/conversations/${id}/reports`, "reports");
  }

  closeReport(id: string, reportId: string, status: "resolved" | "dismissed"): Promise<void> {
    return this.chat.request("PATCH", `/conversations/${id}/reports/${encodeURIComponent(reportId)}`, { status });
  }
}

export const useRequests = (): Requests => new Requests(useApp().session.chat);
