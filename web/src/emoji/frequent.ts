/** The emoji that the user chose most recently, on this device. */

const KEY = "serverless-chat/emoji";
const MAX_KEPT = 16;
const DEFAULT = ["👍", "❤️", "😂", "🎉", "🙏", "👀", "🔥", "✅"];

export function frequentEmoji(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    const chosen = Array.isArray(stored) ? stored.filter((emoji) => typeof emoji === "string") : [];
    return [...new Set([...chosen, ...DEFAULT])].slice(0, MAX_KEPT);
  } catch {
    return DEFAULT;
  }
}

export function noteEmoji(emoji: string): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([emoji, ...frequentEmoji().filter((other) => other !== emoji)].slice(0, MAX_KEPT)));
  } catch {
    // The list stays as it is where there is no storage.
  }
}
