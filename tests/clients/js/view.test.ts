/** Messages as a reader sees them now. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Json } from "../../../clients/js/src/core/outputs.ts";
import { View, type Message } from "../../../clients/js/src/core/view.ts";
import { event } from "./drive.ts";

function folded(...events: Json[]): readonly Message[] {
  const view = new View();
  view.add(events);
  return view.messages();
}

function* permutations<T>(items: readonly T[]): Generator<T[]> {
  if (items.length < 2) yield [...items];
  for (const [index, item] of items.entries()) {
    for (const rest of permutations(items.filter((_, other) => other !== index))) yield [item, ...rest];
  }
}

test("edit changes the content and keeps the fields that it does not name", () => {
  const sent = event(1, "message", { mentions: ["carol"], metadata: { a: 1 } });
  const [message] = folded(sent, event(2, "message_edited", { target: 1, content: "new", metadata: {} }));
  assert.deepEqual([message!.content, message!.editedAt], ["new", "at 2"]);
  assert.deepEqual([message!.mentions, message!.metadata], [["carol"], null]);
});

test("deleted message keeps its place without content and reactions", () => {
  const reacted = event(2, "reaction_added", { target: 1, emoji: "🎉" });
  const [message] = folded(event(1), reacted, event(3, "message_deleted", { target: 1 }));
  assert.ok(message!.isDeleted);
  assert.deepEqual([message!.sequenceId, message!.content, message!.reactions], [1, null, []]);
});

test("update within the window is kept for a message that older brings back", () => {
  const view = new View();
  const [sent, early] = [event(1), event(2, "message_edited", { target: 1, content: "new" })];
  view.add([sent, early, event(3), event(4, "reaction_added", { target: 1, emoji: "🎉" }), event(5)]);
  view.trim(3);
  assert.deepEqual(view.messages().map(({ sequenceId }) => sequenceId), [3, 5]);
  view.add([sent, early]);
  const [message] = view.messages();
  assert.deepEqual([message!.content, message!.reactions.map(({ emoji }) => emoji)], ["new", ["🎉"]]);
});

test("reactions are listed in the order of first use", () => {
  const carol = { participant_id: "carol" };
  const [message] = folded(
    event(1),
    event(2, "reaction_added", { target: 1, emoji: "🎉" }),
    event(3, "reaction_added", { target: 1, emoji: "👍" }),
    event(4, "reaction_added", { target: 1, emoji: "🎉", sender: carol }),
    event(5, "reaction_removed", { target: 1, emoji: "👍" }),
  );
  assert.deepEqual(message!.reactions, [{ emoji: "🎉", participants: ["bob", "carol"] }]);
});

test("reaction that a moderator removed is that of the named participant", () => {
  const added = event(2, "reaction_added", { target: 1, emoji: "🎉" });
  const carol = { participant_id: "carol" };
  const removed = event(3, "reaction_removed", { target: 1, emoji: "🎉", sender: carol, participant_id: "bob" });
  assert.deepEqual(folded(event(1), added, removed)[0]!.reactions, []);
});

test("erased sender gets the pseudonym and the earlier messages count as deleted", () => {
  const erased = event(2, "participant_erased", { participant_id: "erased_1" });
  const [before, after] = folded(event(1, "message", { client_message_id: "k" }), erased, event(3));
  assert.equal(before!.sender!.participantId, "erased_1");
  assert.deepEqual([before!.isDeleted, before!.content, before!.clientMessageId], [true, null, null]);
  assert.equal(after!.content, "text 3");
});

test("erased participant is renamed in reactions", () => {
  const sender = { participant_id: "carol", name: "Carol" };
  const erased = event(3, "participant_erased", { participant_id: "erased_1", sender });
  const [message] = folded(event(1), event(2, "reaction_added", { target: 1, emoji: "🎉", sender }), erased);
  assert.deepEqual(message!.reactions, [{ emoji: "🎉", participants: ["erased_1"] }]);
});

test("expired messages have no content", () => {
  const [first, second] = folded(event(1), event(2), event(3, "content_expired", { up_to: 1 }));
  assert.deepEqual([first!.isExpired, first!.content], [true, null]);
  assert.deepEqual([second!.isExpired, second!.content], [false, "text 2"]);
});

test("view is the same for every order in which pages come", () => {
  const events = [
    event(1),
    event(2, "message_edited", { target: 1, content: "a" }),
    event(3, "message_edited", { target: 1, content: "b" }),
    event(4, "reaction_added", { target: 1, emoji: "🎉" }),
    event(5, "message_deleted", { target: 1 }),
  ];
  for (let count = 1; count <= events.length; count++) {
    const expected = folded(...events.slice(0, count));
    for (const order of permutations(events.slice(0, count))) assert.deepEqual(folded(...order), expected);
  }
});

test("view folds only the messages that an event changes", () => {
  const view = new View();
  view.add([event(1), event(2)]);
  const [before, other] = view.messages();
  view.add([event(3, "reaction_added", { target: 2, emoji: "🎉" })]);
  const [after, changed] = view.messages();
  assert.equal(before, after);
  assert.notEqual(other, changed);
});

test("unknown event type is ignored", () => {
  assert.deepEqual(folded(event(1, "of_a_newer_protocol")), []);
});

test("messages are the same array until something changes", () => {
  const view = new View();
  view.add([event(1), event(2)]);
  const before = view.messages();
  assert.equal(view.messages(), before);
  assert.equal(view.last(), before[1]);
  view.add([event(3)]);
  assert.notEqual(view.messages(), before);
  assert.equal(view.messages()[0], before[0]);
  assert.equal(view.last(), view.messages()[2]);
});

test("sender shows that a service sent a message", () => {
  const sender = { participant_id: "bob", name: "Bob", type: "human", via: "service" };
  const [by, alone] = folded(event(1, "message", { sender }), event(2));
  assert.deepEqual(by!.sender, { participantId: "bob", name: "Bob", type: "human", via: "service" });
  assert.ok(!("via" in alone!.sender!));
});

test("reaction of a participant who has returned after an erasure is not that of the pseudonym", () => {
  const view = new View();
  const alice = { participant_id: "alice", name: "Alice" };
  view.add([
    event(1),
    event(2, "reaction_added", { target: 1, emoji: "🎉", sender: alice }),
    event(3, "participant_erased", { sender: alice, participant_id: "erased_1" }),
    event(4, "reaction_added", { target: 1, emoji: "🎉", sender: alice }),
  ]);
  assert.deepEqual(view.messages()[0]!.reactions, [{ emoji: "🎉", participants: ["erased_1", "alice"] }]);
});
