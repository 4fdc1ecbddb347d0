/** The state that the parts of the core share: outputs, history, random numbers, and the numbers of frames. */

import type { Json, Notification, Output, Sent } from "./outputs.ts";

/** Returns a number from 0 to below 1. */
export type Random = () => number;

/** Errors that are about the moment, never about the command. */
const TRANSIENT = /^(UNAUTHORIZED|TOKEN_EXPIRED|RATE_LIMITED|INTERNAL|UNAVAILABLE|CONVERSATION_BUSY|NOT_ATTEMPTED)$/;
const encoder = new TextEncoder();

/** Return the number of bytes of a frame. */
export const size = (frame: Json): number => encoder.encode(JSON.stringify(frame)).length;

/** Return whether an error is final for its command. */
export const isRefusal = (error: Json): boolean => error.retryable === false && !TRANSIENT.test(error.code);

/** Return the ordered part of a history id, `<number>.<name>`. */
export const historyNumber = (historyId: string | null): number => parseInt(historyId ?? "-1");

/** Numbers frames, and adds the history id to those about positions. */
export class Context {
  readonly outputs: Output[] = [];
  /** The values of the storage, as this client knows them. */
  readonly stored: Map<string, Json>;
  historyId: string | null = null;
  /** The participant of the token, once the server has named it. */
  participant: Json | null = null;
  /** The limit of a frame; `welcome` names the deployment's own. */
  frameBytes = 32_768;
  /** After how many milliseconds typing expires; `welcome` names the deployment's own. */
  typingExpires = 6_000;
  private _count = 0;

  /**
   * @param stored - The values of the storage.
   * @param random - Returns a number from 0 to below 1.
   * @param window - How many of the newest events each view keeps.
   */
  constructor(
    stored: Record<string, Json>,
    readonly random: Random,
    readonly window: number,
  ) {
    this.stored = new Map(Object.entries(stored));
  }

  /** The id of the participant. */
  get me(): string {
    return this.participant?.participant_id ?? "";
  }

  /** Return an id for a frame or request that this client has not used. */
  nextId(): string {
    return String(++this._count);
  }

  /** Send a frame, and return its id. */
  send(type: string, fields: Json): string {
    const id = this.nextId();
    const frame: Json = { type, id };
    if (/^(hello|(un)?subscribe|typing)$/.test(type)) frame.n = this._count;
    if (/^(hello|subscribe|sync|ping|read)$/.test(type) && this.historyId !== null) frame.history_id = this.historyId;
    this.outputs.push({ kind: "send", frame: { ...frame, ...fields } });
    return id;
  }

  save(key: string, value: Json): void {
    this.stored.set(key, value);
    this.outputs.push({ kind: "save", key, value });
  }

  /** @param sent - Where the item is in the log, if that is why it is deleted. */
  forget(key: string, sent: Sent | null = null): void {
    this.stored.delete(key);
    this.outputs.push({ kind: "forget", key, sent });
  }

  /** Notify of something in a conversation. */
  notify(kind: Notification["kind"], conversationId: string, fields?: object): void {
    this.outputs.push({ kind, conversationId, ...fields } as Notification);
  }
}
