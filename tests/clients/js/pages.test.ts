/** The page reads lists to their end: a page of them can be short, even empty, although there are more. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { all, Server } from "../../../web/src/state/server.ts";

/** A chat whose lists have three pages, the first of which is empty. */
class Chat {
  readonly requests: string[] = [];

  constructor(private readonly name: string) {}

  async request(method: string, path: string): Promise<unknown> {
    this.requests.push(`${method} ${path}`);
    const place = Number(new URL(path, "http://chat").searchParams.get("cursor") ?? 0);
    const entries = [[], [{ participant_id: "bob" }], [{ participant_id: "carol" }]][place];
    return { [this.name]: entries, ...(place < 2 && { next_cursor: `${place + 1}` }) };
  }
}

const pagesOf = (path: string): string[] =>
  [path, `${path}&cursor=1`, `${path}&cursor=2`].map((each) => `GET ${each}`);

test("invitations and blocks are read to the end", async () => {
  const pending = new Chat("pending");
  assert.equal((await new Server(pending as never).invitations()).length, 2);
  assert.deepEqual(pending.requests, pagesOf("/conversations?membership=pending&limit=100"));

  const blocks = new Chat("blocks");
  assert.deepEqual(await new Server(blocks as never).blocks(), ["bob", "carol"]);
  assert.deepEqual(blocks.requests, pagesOf("/me/blocks?limit=100"));
});

test("lists of a conversation are read to the end", async () => {
  const chat = new Chat("bans");
  const bans = await all(chat as never, "/conversations/conv_1/bans", "bans");
  assert.deepEqual(bans, [{ participant_id: "bob" }, { participant_id: "carol" }]);
  assert.deepEqual(chat.requests, pagesOf("/conversations/conv_1/bans?limit=100"));
});
