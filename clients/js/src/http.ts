/** Requests to the HTTP API. */

import type { ChatOptions } from "./chat.ts";
import type { Json } from "./core/outputs.ts";

/** After how many milliseconds a request has no answer: a gateway ends it before. */
const TIMEOUT = 30_000;

/** The server refused a request or a message; `code` is one of those of the protocol. */
export class ChatError extends Error {
  /** @internal The client makes the errors. */
  constructor(
    /** The code of the protocol, or `CLOSED`, `DISCARDED`, `UNKNOWN_PROTOCOL`, or `UNAVAILABLE` without an answer. */
    readonly code: string,
    message: string,
    /** The status of the response, or 0 for the WebSocket, or if there was no response. */
    readonly status: number,
    /** How many seconds to wait before another attempt. */
    readonly retryAfter: number,
    /** The further fields of the error. */
    readonly details: Json,
  ) {
    super(message);
    this.name = "ChatError";
  }

  /** Whether another attempt can succeed without a change of the request. */
  get isRetryable(): boolean {
    return /^(0|401|429|5..)$/.test(String(this.status));
  }
}

/** Return the error of a frame, or of the body of a response. */
export const chatError = (error: Json, status = 0): ChatError =>
  new ChatError(error.code ?? "UNAVAILABLE", error.message ?? "no answer", status, error.retry_after ?? 0, error);

/** Return the error of all that is awaited of a closed client. */
export const closedError = (): ChatError => chatError({ code: "CLOSED", message: "closed" });

/** A token; or a ticket, which opens one connection and nothing else. */
export type Credential = string | { ticket: string };

/** Sends requests with a token; with tickets, as the option `fetch` sends them. */
export class Http {
  private _hasTickets = false;

  constructor(private readonly _options: ChatOptions) {}

  /** Return the body of a successful response with its `history_id`. Throws ChatError. */
  async request(method: string, path: string, body?: unknown, token?: string): Promise<any> {
    const { httpUrl, fetch = globalThis.fetch } = this._options;
    const credential = token ?? (this._hasTickets || (await this._options.token()));
    this._hasTickets = typeof credential !== "string";
    const headers: Record<string, string> = body ? { "content-type": "application/json" } : {};
    if (typeof credential === "string") headers.authorization = `Bearer ${credential}`;
    const signal = AbortSignal.timeout(TIMEOUT);
    let response: Response;
    let answer: any;
    try {
      response = await fetch(httpUrl.replace(/\/$/, "") + path, { method, headers, signal, body: body ? JSON.stringify(body) : null });
      answer = await response.json().catch((error) => {
        if (response.ok && response.status !== 204) throw error; // its end was lost
        return {};
      });
    } catch (error) {
      throw chatError({ message: String(error) });
    }
    if (!response.ok) throw chatError(answer.error ?? {}, response.status);
    const history_id = response.headers.get("chat-history-id");
    return history_id ? { history_id, ...answer } : answer;
  }
}
