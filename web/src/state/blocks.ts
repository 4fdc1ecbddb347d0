/** The participants whom this one has blocked, and which of their messages are shown all the same. */

import { signal } from "@preact/signals";
import type { Message } from "serverless-chat";

/** The part of the HTTP API that `Blocks` needs. */
interface BlockServer {
  blocks(): Promise<string[]>;
  block(participantId: string): Promise<void>;
  unblock(participantId: string): Promise<void>;
}

export class Blocks {
  readonly ids = signal<ReadonlySet<string>>(new Set());
  /** Whether the server was asked: texts of others are not shown before. */
  readonly isKnown = signal(false);
  private readonly revealed = signal<ReadonlySet<string>>(new Set());
  /** Distinguishes a list that was read before a change from a later one. */
  private changes = 0;

  constructor(private readonly server: BlockServer) {}

  /** Load the list. If that fails, the former one stays. */
  async load(): Promise<void> {
    const { changes } = this;
    try {
      const ids = await this.server.blocks();
      if (changes === this.changes) this.ids.value = new Set(ids);
    } catch {
      // It is loaded again with the next connection.
    }
    this.isKnown.value = true;
  }

  /** Block a participant, or lift the block. The list changes when the server has it. Throws ChatError. */
  async set(participantId: string, isBlocked: boolean): Promise<void> {
    await (isBlocked ? this.server.block(participantId) : this.server.unblock(participantId));
    this.changes++;
    const ids = new Set(this.ids.value);
    if (isBlocked) ids.add(participantId);
    else ids.delete(participantId);
    this.ids.value = ids;
  }

  /** Return whether the text of a message must not be shown. */
  hides(conversationId: string, { sender, sequenceId }: Message): boolean {
    return this.ids.value.has(sender?.participantId ?? "") && !this.revealed.value.has(`${conversationId}/${sequenceId}`);
  }

  /** Show one message. */
  reveal(conversationId: string, { sequenceId }: Message): void {
    this.revealed.value = new Set(this.revealed.value).add(`${conversationId}/${sequenceId}`);
  }
}
