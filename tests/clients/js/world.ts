/** Tabs of one client on one storage, a server, and a network between them whose faults are chosen by the test. */

import assert from "node:assert/strict";

import { Core } from "../../../clients/js/src/core/client.ts";
import type { Json, Output, Sent } from "../../../clients/js/src/core/outputs.ts";
import { Judge, Sends } from "./judge.ts";
import { newSession, SimulatedServer, type Addressed } from "./simulated_server.ts";

export const CONVERSATIONS = ["conv_a", "conv_b"];
const SETTLING_TIME = 10_000;
const MAX_ROUNDS = 5_000;

/** A generator of seeded pseudo-random numbers from 0 to below 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** A hint to a tab that another one has changed a value. */
interface Change {
  tab: number;
  key: string;
  isSaved: boolean;
  sent: Sent | null;
}

/** One tab of a browser, or one process. */
class Tab {
  client!: Core;
  socket: string | null = null;
  readonly judge: Judge;

  constructor(
    readonly number: number,
    readonly world: World,
  ) {
    this.judge = new Judge(world.server, world.sends, number);
  }

  get isDrainer(): boolean {
    return this.world.drainer === this.number;
  }

  start(): void {
    const { world } = this;
    this.socket = null;
    this.judge.restarted();
    world.changes = world.changes.filter((change) => change.tab !== this.number);
    this.client = new Core(world.load(), world.random, `/${this.number}`, world.window);
    if (!this.isDrainer) this.client.drain(null, world.now);
    for (const conversationId of CONVERSATIONS) this.client.open(conversationId, world.now, world.isResuming);
    this.client.start(world.now);
    this.drain();
  }

  /** Carry out all outputs, and judge the state after them. */
  drain(): void {
    for (const output of this.client.outputs()) this.carryOut(output);
    this.judge.check(this.client, CONVERSATIONS);
  }

  carryOut(output: Output): void {
    const { world } = this;
    switch (output.kind) {
      case "save":
        world.store(this.number, output.key, structuredClone(output.value), null);
        break;
      case "forget":
        world.store(this.number, output.key, null, output.sent ?? null);
        break;
      case "token":
        if (world.failingTokens && world.failingTokens--) this.client.tokenFailed(world.now);
        else this.client.tokenReceived("token", world.now);
        break;
      case "connect":
        this._open(output.socket);
        break;
      case "disconnect":
        if (this.socket !== null) world.server.sessions.delete(this.socket);
        this.socket = null;
        break;
      case "send":
        if (this.socket !== null) world.toServer.push([this.socket, structuredClone(output.frame)]);
        break;
      case "post":
        throw new Error("no message here is that long");
      default:
        this.judge.notify(output);
    }
  }

  close(): void {
    const { socket } = this;
    if (socket === null) return;
    this.socket = null;
    this.world.server.sessions.delete(socket);
    this.client.socketClosed(number(socket), this.world.now);
    this.drain();
  }

  private _open(opened: number): void {
    const { world } = this;
    if (world.failingHandshakes && world.failingHandshakes--) {
      this.client.socketClosed(opened, world.now);
      return;
    }
    this.socket = `${this.number}/${world.incarnation++}/${opened}`;
    world.server.sessions.set(this.socket, newSession());
    this.client.socketOpened(opened, world.now);
  }
}

const number = (socket: string): number => Number(socket.split("/")[2]);

/** Everything that happens is one method call; none of them waits. */
export class World {
  now = 1_800_000_000_000;
  incarnation = 0;
  readonly server = new SimulatedServer(CONVERSATIONS);
  readonly sends = new Sends();
  readonly tabs: Tab[];
  drainer = 0;
  toServer: Addressed[] = [];
  toClients: Addressed[] = [];
  /** Messages between the tabs on their way. */
  changes: Change[] = [];
  failingTokens = 0;
  failingHandshakes = 0;
  readonly random: () => number;
  private readonly _storage = new Map<string, Json>();
  private _former: Json[] = [];
  private _count = 0;

  constructor(
    seed = 0,
    tabs = 1,
    readonly isResuming = false,
    readonly window = Infinity,
  ) {
    this.random = seeded(seed);
    this.tabs = Array.from({ length: tabs }, (_, index) => new Tab(index, this));
    for (const tab of this.tabs) tab.start();
  }

  tab(index: number): Tab {
    return this.tabs[index % this.tabs.length]!;
  }

  load(): Record<string, Json> {
    return structuredClone(Object.fromEntries(this._storage));
  }

  store(from: number, key: string, value: Json | null, sent: Sent | null): void {
    if (value) this._storage.set(key, value);
    else this._storage.delete(key);
    for (const { number: tab } of this.tabs) if (tab !== from) this.changes.push({ tab, key, isSaved: value !== null, sent });
  }

  // The user

  send(conversationId: string, index = 0): string {
    const tab = this.tab(index);
    const key = this._newKey();
    this.sends.of(conversationId, tab.number).push(key);
    tab.client.send(conversationId, key, { content: `text of ${key}` }, this.now);
    tab.drain();
    return key;
  }

  update(conversationId: string, command: string, index: number): void {
    const tab = this.tab(index);
    const messages = tab.client.messages(conversationId);
    const message = messages[index % messages.length];
    if (!message) return;
    const target = message.status === "sent" ? message.sequenceId! : message.clientMessageId!;
    const fields: Json = { edit: { content: `edited ${index}` }, react: { emoji: "🎉" } };
    if (command === "delete" && message.status !== "sent") this.sends.discarded.add(message.clientMessageId!);
    tab.client.update(conversationId, command, target, fields[command] ?? {}, this.now);
    tab.drain();
  }

  retryOrDiscard(conversationId: string, index: number, isRetry: boolean): void {
    const tab = this.tab(index);
    for (const { status, clientMessageId } of tab.client.messages(conversationId)) {
      if (status !== "failed") continue;
      if (!isRetry) this.sends.discarded.add(clientMessageId!);
      if (isRetry) tab.client.retry(conversationId, clientMessageId!, this.now);
      else tab.client.discard(conversationId, clientMessageId!, this.now);
    }
    tab.drain();
  }

  older(conversationId: string, index: number): void {
    this.tab(index).client.older(conversationId, this.now);
    this.tab(index).drain();
  }

  read(conversationId: string, index: number): void {
    this.tab(index).client.read(conversationId, this.now);
    this.tab(index).drain();
  }

  reopen(conversationId: string, index: number): void {
    const tab = this.tab(index);
    tab.client.close(conversationId, this.now);
    tab.judge.shown.delete(conversationId);
    tab.client.open(conversationId, this.now);
    tab.drain();
  }

  otherSends(conversationId: string, count = 1): void {
    for (let index = 0; index < count; index++) {
      const event = { type: "message", sender: { participant_id: "bob" }, content: String(index) };
      this.toClients.push(...this.server.append(conversationId, event));
    }
  }

  // The network

  /** Let the server execute any of the frames on their way; without an answer, its replies are lost. */
  execute(index: number, isAnswered = true): void {
    const [addressed] = this.toServer.splice(index % (this.toServer.length || 1), 1);
    if (!addressed) return;
    const answers = this.server.execute(...addressed);
    if (isAnswered) this.toClients.push(...structuredClone(answers));
  }

  /** Deliver any of the frames on their way to a client; a kept one is delivered again later. */
  deliver(index: number, isKept = false): void {
    index %= this.toClients.length || 1;
    const addressed = this.toClients[index];
    if (!addressed) return;
    if (!isKept) this.toClients.splice(index, 1);
    const tab = this.tabs.find(({ socket }) => socket === addressed[0]);
    tab?.client.receive(number(addressed[0]), structuredClone(addressed[1]), this.now);
    tab?.drain();
  }

  /** Deliver the first message between the tabs. */
  share(): void {
    const change = this.changes.shift();
    if (!change) return;
    const tab = this.tab(change.tab);
    const value = structuredClone(this._storage.get(change.key) ?? null);
    if (!value && change.isSaved) return; // the news of its deletion follow
    tab.client.storageChanged(change.key, value, change.sent, this.now);
    tab.drain();
  }

  /** The server loses a connection, and its client does not notice. */
  halfOpen(index: number): void {
    const { socket } = this.tab(index);
    if (socket !== null) this.server.sessions.delete(socket);
  }

  advance(milliseconds: number): void {
    this.now += milliseconds;
    for (const tab of this.tabs) {
      tab.client.advance(this.now);
      tab.drain();
    }
  }

  /** Restore the server from a backup, which takes longer than hints between tabs; its sockets and frames end. */
  restore(kept: number): void {
    while (this.changes.length) this.share();
    this._former = this.toClients.map(([, frame]) => frame);
    this.server.restore(kept);
    this.toServer = [];
    for (const tab of this.tabs) tab.close();
  }

  /** Deliver a frame of the former history: functions with the old configuration answer for a while. */
  echo(index: number): void {
    const tab = this.tab(index);
    const frame = this._former[index % (this._former.length || 1)];
    if (!frame || tab.socket === null) return;
    tab.client.receive(number(tab.socket), structuredClone(frame), this.now);
    tab.drain();
  }

  // The processes of the client

  /** End the process of a tab, and start it again from the storage; another tab becomes the drainer. */
  crash(index: number): void {
    const tab = this.tab(index);
    if (tab.socket !== null) this.server.sessions.delete(tab.socket);
    if (tab.isDrainer && this.tabs.length > 1) {
      this.drainer = (tab.number + 1) % this.tabs.length;
      this._takeOver();
    }
    tab.start();
  }

  /** Carry out a part of the outputs of the next timer, and end the process there. */
  crashAfter(index: number, outputs: number): void {
    const tab = this.tab(index);
    this.now += 1_000;
    tab.client.advance(this.now);
    this._carryOutSome(tab, outputs);
    this.crash(index);
  }

  /** End the process between the outputs of a send; an unsaved message was never shown to the user. */
  crashWhileSending(conversationId: string, index: number, outputs: number): void {
    const tab = this.tab(index);
    const key = this._newKey();
    tab.client.send(conversationId, key, { content: key }, this.now);
    this._carryOutSome(tab, outputs);
    const isStored = [...this._storage.values()].some((value) => value.clientMessageId === key);
    if (isStored) this.sends.of(conversationId, tab.number).push(key);
    this.crash(index);
  }

  private _carryOutSome(tab: Tab, count: number): void {
    for (const output of tab.client.outputs()) {
      if (count-- <= 0) break;
      tab.carryOut(output);
    }
  }

  /** The next drainer gets the lock, and reads the storage. */
  private _takeOver(): void {
    const tab = this.tab(this.drainer);
    tab.client.drain(this.load(), this.now);
    tab.drain();
  }

  private _newKey(): string {
    return `m${String(++this._count).padStart(4, "0")}`;
  }

  /** Let everything happen in order for some time. */
  live(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (this.changes.length) this.share();
      else if (this.toServer.length) this.execute(0);
      else if (this.toClients.length) this.deliver(0);
      else {
        const delay = Math.min(...this.tabs.flatMap(({ client }) => client.nextTimer(this.now) ?? []));
        if (this.now + delay > end) break;
        this.advance(delay);
      }
    }
    if (this.now < end) this.advance(end - this.now);
  }

  // The end

  /** End all faults; the client has ten seconds from here. */
  settle(): void {
    this.server.busy = this.failingTokens = this.failingHandshakes = 0;
    this.server.isRefusing = false;
    for (const tab of this.tabs) {
      tab.client.online(this.now);
      tab.drain();
    }
    while (this.changes.length) this.share();
    for (const conversationId of CONVERSATIONS) this.retryOrDiscard(conversationId, this.drainer, true);
    this.live(SETTLING_TIME);
    for (const tab of this.tabs) this._judgeTheEnd(tab);
  }

  private _judgeTheEnd({ client, judge }: Tab): void {
    for (const conversationId of CONVERSATIONS) {
      const shown = judge.shown.get(conversationId) ?? [];
      const head = this.server.log(conversationId).length;
      const resumed = this._storage.get(`position/${conversationId}`)?.sequenceId;
      const last = shown.at(-1)?.sequence_id ?? (this.isResuming ? resumed : undefined);
      assert.equal(last, head, `${conversationId} is not up to date`);
      for (const message of client.messages(conversationId)) assert.equal(message.status, "sent");
    }
  }
}
