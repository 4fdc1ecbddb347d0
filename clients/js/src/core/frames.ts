/** Frames to the server: their ids, their size, and the fields that the state of the client adds. */

import type { Json, Outputs } from "./outputs.ts";

/** Errors that are about the moment, never about the command. */
const TRANSIENT = /^(UNAUTHORIZED|TOKEN_EXPIRED|RATE_LIMITED|INTERNAL|UNAVAILABLE|CONVERSATION_BUSY|NOT_ATTEMPTED)$/;
const encoder = new TextEncoder();

/** Return the number of bytes of a frame. */
export const size = (frame: Json): number => encoder.encode(JSON.stringify(frame)).length;

/** Return whether an error is final for its command. */
export const isRefusal = (error: Json): boolean => error.retryable === false && !TRANSIENT.test(error.code);

/** Return the ordered part of a history id, `<number>.<name>`. */
export const historyNumber = (historyId: string | null): number => (historyId === null ? -1 : parseInt(historyId));

/** Numbers frames, and adds the history id to those about positions. */
export class FrameSender {
  historyId: string | null = null;
  /** The limit of a frame; `welcome` names the deployment's own. */
  frameBytes = 32_768;
  private _count = 0;

  constructor(private readonly _outputs: Outputs) {}

  /** Return an id for a frame or request that this client has not used. */
  nextId(): string {
    return String(++this._count);
  }

  /** Send a frame, and return its id. */
  send(type: string, fields: Json): string {
    const id = this.nextId();
    const frame: Json = { type, id };
    if (/^(hello|subscribe|unsubscribe|typing)$/.test(type)) frame.n = this._count;
    if (/^(hello|subscribe|sync|ping|read)$/.test(type) && this.historyId !== null) frame.history_id = this.historyId;
    this.sendAsIs({ ...frame, ...fields });
    return id;
  }

  /** Send a frame that already has its id. */
  sendAsIs(frame: Json): void {
    this._outputs.push({ kind: "send", frame });
  }
}
