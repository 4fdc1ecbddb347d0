/** The participants whom this one has blocked, and which of their messages are shown all the same. */

import { signal } from "@preact/signals";
import type { Message } from "serverless-chat";

/** The part of the HTTP API that `Blocks` needs. */
interface BlockServer {
  blocks(): Promise<string[]>;
  block(participantId: string): Promise<void>;
  unblock(participantId: string): Promise<void>;
}

/** After how many milliseconds the first list is requested again. */
const RETRY = 3_000;

export class Blocks {
  readonly ids = signal<ReadonlySet<string>>(new Set());
  /** Whether there is a list: texts of others are not shown before. */
  readonly isKnown = signal(false);
  private readonly revealed = signal<ReadonlySet<string>>(new Set());
  /** Distinguishes a list that was read before a change from a later one. */
  private changes = 0;
  private isEnded = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly server: BlockServer) {}

  /** Load the list. If that fails, the former one stays until the next connection; the first one is requested until it is there. */
  async load(): Promise<void> {
    const { changes } = this;
    try {
      const ids = await this.server.blocks();
      if (changes !== this.changes) return await this.load();
      this.ids.value = new Set(ids);
      this.isKnown.value = true;
    } catch {
      clearTimeout(this.timer); // of another load: each connection begins one
      if (!this.isKnown.peek() && !this.isEnded) this.timer = setTimeout(() => this.load(), RETRY);
    }
  }

  /** Request nothing more. */
  end(): void {
    this.isEnded = true;
    clearTimeout(this.timer);
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
