/** How the entries of a message list relate to each other: groups of one author, days, the first new message. */

import type { Participant } from "serverless-chat";
import type { Entry } from "../state/entries.ts";
import { dayOf } from "../text/dates.ts";

/** Consecutive messages of one author within this time have one heading. */
const GROUP_TIME = 5 * 60_000;

/** The headings before an entry in the list. */
export interface Context {
  isNewDay: boolean;
  isFirstNew: boolean;
  isGrouped: boolean;
}

/** Return how an entry follows the one before it. */
export function contextOf(entry: Entry, previous: Entry | undefined, isFirstNew: boolean): Context {
  const isNewDay = !previous || dayOf(previous.createdAt) !== dayOf(entry.createdAt);
  const isGrouped =
    !isNewDay &&
    !isFirstNew &&
    entry.kind === "message" &&
    previous!.kind === "message" &&
    entry.message.replyTo === null &&
    entry.message.sender?.participantId === previous!.message.sender?.participantId &&
    time(entry) - time(previous!) < GROUP_TIME;
  return { isNewDay, isFirstNew, isGrouped };
}

const time = ({ createdAt }: Entry): number => (createdAt ? Date.parse(createdAt) : Date.now());

/** Return the index of the first message of others after the read mark at which the conversation was opened. */
export function firstNewIndex(entries: readonly Entry[], newAfter: number | null, me: string): number {
  if (newAfter === null) return -1;
  const first = indexAfter(entries, newAfter);
  for (let index = first; index < entries.length; index++) {
    const entry = entries[index]!;
    if (entry.kind === "message" && entry.message.sender?.participantId !== me) return index;
  }
  return -1;
}

/** Return the index of the first entry after a sequence id. Entries without one are at the end. */
export function indexAfter(entries: readonly Entry[], sequenceId: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((placeOf(entries[middle]!) ?? Infinity) <= sequenceId) low = middle + 1;
    else high = middle;
  }
  return low;
}

const placeOf = (entry: Entry): number | null =>
  entry.kind === "message" && entry.message.status !== "sent" ? null : entry.sequenceId;

/** Return the ids of the readers, joined, by the key of the last message that each of them has read. */
export function readersByKey(entries: readonly Entry[], participants: readonly Participant[], me: string): Map<string, string> {
  const readers = new Map<string, string>();
  for (const { participantId, readUpTo } of participants) {
    if (participantId === me || !readUpTo) continue;
    let index = indexAfter(entries, readUpTo) - 1;
    while (index >= 0 && entries[index]!.kind !== "message") index--;
    const entry = entries[index];
    if (!entry || (entry.kind === "message" && entry.message.sender?.participantId === participantId)) continue;
    const others = readers.get(entry.key);
    readers.set(entry.key, others ? `${others} ${participantId}` : participantId);
  }
  return readers;
}

/** Return about how high a message is, before it is measured. */
export function estimatedHeight(entry: Entry, width: number): number {
  if (entry.kind === "notice") return 28;
  const { content, replyTo, reactions } = entry.message;
  const perLine = Math.max(20, (width - 90) / 7);
  let lines = 0;
  for (const line of (content ?? "").split("\n", 200)) lines += Math.max(1, Math.ceil(line.length / perLine));
  return 6 + lines * 21 + (replyTo === null ? 0 : 24) + (reactions.length ? 30 : 0);
}
