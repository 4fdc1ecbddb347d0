/** The state of the conversation that is shown: its room, and what the user does in it. */

import { batch, effect, type Signal, signal } from "@preact/signals";
import type { ChatError, Message, Participant, Room } from "serverless-chat";
import { Entries, type Entry } from "./entries.ts";
import { coalesced } from "./coalesced.ts";

/** How many pages are fetched at most in search of one message. */
const MAX_SEARCH_PAGES = 60;
/** With more pages of new messages, the reader begins at the newest one. */
const MAX_NEW_PAGES = 10;

export class OpenConversation {
  readonly entries = signal<readonly Entry[]>([]);
  readonly participants = signal<readonly Participant[]>([]);
  /** The members whose name or picture may differ from those in messages; another map only if one of them changes. */
  readonly profiles = signal<ReadonlyMap<string, Participant>>(new Map());
  readonly typists = signal<readonly { participantId: string; name: string }[]>([]);
  readonly unreadCount = signal(0);
  readonly isLoaded = signal(false);
  readonly hasOlder = signal(false);
  readonly isLoadingOlder = signal(false);
  readonly error = signal<ChatError | null>(null);
  /** Whether a message was refused: later ones wait for its retry or discard (rule 25 of docs/client.md). */
  readonly hasFailed = signal(false);
  /** The message that the next one replies to. */
  readonly replyingTo = signal<Message | null>(null);
  readonly editing = signal<Message | null>(null);
  /** Whether the user began to write a reply or an edit, and the field has not got the focus yet. */
  readonly isFieldWanted = signal(false);
  /** The sequence id after which messages were new when the conversation was opened. */
  readonly newAfter = signal<number | null>(null);
  /** The message to scroll to and to highlight. */
  readonly target = signal<{ sequenceId: number } | null>(null);
  private readonly maker = new Entries();
  private isLoadingNew = false;
  /** Whether the first new message is among those that are loaded. */
  private isComplete = false;
  private readonly end: () => void;

  constructor(
    readonly room: Room,
    private readonly me: () => string,
    /** Whether it is known which texts must be hidden: none is shown before. */
    areBlocksKnown: Signal<boolean>,
  ) {
    const update = coalesced(() => areBlocksKnown.peek() && this.update());
    const stop = room.on("change", update);
    const ready = effect(() => {
      if (areBlocksKnown.value) this.update();
    });
    this.end = () => {
      stop();
      ready();
    };
  }

  get id(): string {
    return this.room.id;
  }

  /** Return a message of the view by its sequence id. */
  find(sequenceId: number): Message | undefined {
    const entries = this.entries.peek();
    let low = 0;
    let high = entries.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const entry = entries[middle]!;
      const place = entry.kind === "message" && entry.message.status !== "sent" ? Infinity : entry.sequenceId!;
      if (place === sequenceId) return entry.kind === "message" ? entry.message : undefined;
      if (place < sequenceId) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  /** Return the name of a message for updates, also if it was acknowledged after it was shown as pending. */
  idOf({ sequenceId, clientMessageId }: Message): number | string {
    if (sequenceId !== null) return sequenceId;
    const isSame = (entry: Entry) => entry.kind === "message" && entry.message.clientMessageId === clientMessageId;
    return this.entries.peek().findLast(isSame)?.sequenceId ?? clientMessageId!;
  }

  /** Return the member with an id, if the participant is a member now. */
  member(participantId: string): Participant | undefined {
    return this.participants.value.find((participant) => participant.participantId === participantId);
  }

  /** Load earlier messages, once at a time. */
  async loadOlder(): Promise<void> {
    if (this.isLoadingOlder.peek() || !this.room.hasOlder) return;
    this.isLoadingOlder.value = true;
    await this.room.older();
    this.isLoadingOlder.value = false;
  }

  /** Scroll to a message, and load earlier ones until it is there. Resolves with whether it was found. */
  async show(sequenceId: number): Promise<boolean> {
    for (let page = 0; page < MAX_SEARCH_PAGES && !this.find(sequenceId) && this.room.hasOlder; page++) {
      await this.room.older();
      this.update();
    }
    const isFound = !!this.find(sequenceId);
    if (isFound) this.target.value = { sequenceId };
    return isFound;
  }

  /** Mark as read up to a message that the user sees. */
  read(sequenceId: number): void {
    const entries = this.entries.peek();
    const isNewest = (entries.findLast(({ sequenceId: place }) => place !== null)?.sequenceId ?? 0) <= sequenceId;
    if (isNewest && this.room.unreadCount) this.room.read();
    else if (sequenceId > this.room.readUpTo && this.room.unreadCount) this.room.read(sequenceId);
  }

  close(): void {
    this.end();
    this.room.close();
  }

  /** Load the messages back to the first new one, so that the reader can begin there. */
  private async loadNew(): Promise<void> {
    const { room } = this;
    for (let page = 0; page < MAX_NEW_PAGES && room.hasOlder && room.unreadCount; page++) {
      if ((room.events[0]?.sequence_id ?? 0) <= room.readUpTo + 1) break;
      if (!(await room.older())) break;
    }
    this.isComplete = true;
    this.update();
  }

  private update(): void {
    const { room } = this;
    if (room.isLoaded && !this.isComplete) {
      if (!this.isLoadingNew) void this.loadNew();
      this.isLoadingNew = true;
      return;
    }
    batch(() => {
      this.entries.value = this.maker.make(room.messages, room.events, this.me());
      const unsent = room.messages.slice(room.messages.findLastIndex(({ status }) => status === "sent") + 1);
      this.hasFailed.value = unsent.some(({ status }) => status === "failed");
      this.participants.value = room.participants;
      if (!sameProfiles(this.profiles.peek(), room.participants)) {
        this.profiles.value = new Map(room.participants.map((participant) => [participant.participantId, participant]));
      }
      this.typists.value = sameTypists(this.typists.peek(), room.typists) ? this.typists.peek() : room.typists;
      this.unreadCount.value = room.unreadCount;
      this.hasOlder.value = room.hasOlder;
      this.error.value = room.error;
      if (room.isLoaded && !this.isLoaded.peek()) {
        this.newAfter.value = room.unreadCount ? room.readUpTo : null;
        this.isLoaded.value = true;
      }
    });
  }
}

const sameProfiles = (known: ReadonlyMap<string, Participant>, present: readonly Participant[]): boolean =>
  known.size === present.length &&
  present.every(({ participantId, name, avatarUrl }) => {
    const profile = known.get(participantId);
    return profile?.name === name && profile.avatarUrl === avatarUrl;
  });

const sameTypists = (one: readonly { participantId: string }[], other: readonly { participantId: string }[]): boolean =>
  one.length === other.length && one.every(({ participantId }, index) => participantId === other[index]!.participantId);
