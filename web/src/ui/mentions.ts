/** Completion of `@` in the composer, and the participants that a text mentions. */

import type { Participant } from "serverless-chat";
import { mentionsIn } from "../markdown/mentions.ts";

const MAX_SUGGESTIONS = 6;
const MAX_MENTIONS = 20;

/** The word after an `@` that is being typed, and where it is. */
export interface MentionQuery {
  text: string;
  start: number;
  end: number;
}

/** Return the word after the `@` before the caret, or null. */
export function mentionQuery(text: string, caret: number): MentionQuery | null {
  const found = /(?:^|[\s(])@([^\s@]{0,40})$/u.exec(text.slice(0, caret));
  return found ? { text: found[1]!.toLowerCase(), start: caret - found[1]!.length - 1, end: caret } : null;
}

/** Return the members to offer: those with a word of their name, or an id, that begins with the query. */
export function suggestions(participants: readonly Participant[], me: string, query: MentionQuery | null): Participant[] {
  if (!query) return [];
  const matches = ({ participantId, name }: Participant) =>
    [...name.toLowerCase().split(/\s+/), name.toLowerCase(), participantId.toLowerCase()].some((word) => word.startsWith(query.text));
  return participants.filter((member) => member.participantId !== me && matches(member)).slice(0, MAX_SUGGESTIONS);
}

/** Return the text of a completed mention. */
export const completed = ({ name, participantId }: Participant): string => `@${name || participantId} `;

/** Return the ids of the members whose name follows an `@` in the text. */
export function mentionedIn(text: string, participants: readonly Participant[]): string[] {
  const names = participants.flatMap(({ name, participantId: id }) => [name, id].map((word) => ({ name: word, id })));
  const ids = [...mentionsIn(text, names)].flatMap(({ found }) => found.map(({ id }) => id));
  return [...new Set(ids)].slice(0, MAX_MENTIONS);
}
