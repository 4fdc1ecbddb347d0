/** The steps of random schedules: the actions of users, and the faults of the network, the server and the processes. */

import { CONVERSATIONS, type World } from "./world.ts";

export type Step = (world: World, index: number) => void;

const conversation = (index: number): string => CONVERSATIONS[(index >> 1) % CONVERSATIONS.length]!;
const flow: Step = (world, index) => {
  for (let count = 0; count < 2 * index; count++) {
    world.execute(0);
    world.deliver(0);
    world.share();
  }
};

const live: Step = (world, index) => world.live(300 * index);

/** All steps by name; the number selects a tab, a conversation, a frame, or an extent. */
export const STEPS: Record<string, Step> = {
  send: (world, index) => void world.send(conversation(index), index),
  "send again": (world, index) => void world.send(conversation(index), index),
  other: (world, index) => world.otherSends(conversation(index)),
  others: (world, index) => world.otherSends(conversation(index), 5 * index),
  edit: (world, index) => world.update(conversation(index), "edit", index),
  delete: (world, index) => world.update(conversation(index), "delete", index),
  react: (world, index) => world.update(conversation(index), "react", index),
  older: (world, index) => world.older(conversation(index), index),
  read: (world, index) => world.read(conversation(index), index),
  reopen: (world, index) => world.reopen(conversation(index), index),
  retry: (world, index) => world.retryOrDiscard(conversation(index), index, true),
  discard: (world, index) => world.retryOrDiscard(conversation(index), index, false),
  flow,
  "flow again": flow,
  "flow once more": flow,
  live,
  "live again": live,
  "live once more": live,
  "live longer": (world, index) => world.live(2_000 * index),
  execute: (world, index) => world.execute(index),
  "execute first": (world) => world.execute(0),
  deliver: (world, index) => world.deliver(index),
  "deliver first": (world) => world.deliver(0),
  "deliver twice": (world, index) => world.deliver(index, true),
  "lose an answer": (world, index) => world.execute(index, false),
  "lose a command": (world, index) => void world.toServer.splice(index, 1),
  "lose a frame": (world, index) => void world.toClients.splice(index, 1),
  share: (world) => world.share(),
  close: (world, index) => world.tab(index).close(),
  "half open": (world, index) => world.halfOpen(index),
  busy: (world, index) => {
    world.server.busy = index % 4;
    world.server.busyCode = ["UNAVAILABLE", "RATE_LIMITED", "TOKEN_EXPIRED"][index % 3]!;
  },
  "refuse handshakes": (world, index) => {
    world.failingHandshakes = index % 3;
    world.tab(index).close();
  },
  "refuse tokens": (world, index) => {
    world.failingTokens = index % 3;
    world.tab(index).close();
  },
  "refuse messages": (world) => void (world.server.isRefusing = !world.server.isRefusing),
  wait: (world, index) => world.advance(100 * index),
  sleep: (world, index) => world.advance(1_000_000 * index),
  "jump back": (world, index) => void (world.now -= 100_000 * index),
  crash: (world, index) => world.crash(index),
  "crash in a timer": (world, index) => world.crashAfter(index, index),
  "crash in a send": (world, index) => world.crashWhileSending(conversation(index), index, index >> 1),
  echo: (world, index) => world.echo(index),
  restore: (world, index) => world.restore(index),
};
