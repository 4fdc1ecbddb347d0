import { hash } from "./hash.ts";

/** The initials of a participant on a colour of their own. The name is always beside it, so it is not announced. */
export function Avatar({ id, name, size = "medium", online }: AvatarProps) {
  return (
    <span class={`avatar ${size}`} style={{ "--hue": String(hash(id) % 360) }} aria-hidden="true">
      {initials(name || id)}
      {online && <span class="presence" />}
    </span>
  );
}

interface AvatarProps {
  id: string;
  name: string | undefined;
  size?: "tiny" | "small" | "medium" | "large";
  online?: boolean | undefined;
}

/** Return the first letters of the first and the last word. */
function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const chosen = words.length > 1 ? [words[0]!, words.at(-1)!] : [words[0]!];
  return chosen.map((word) => String.fromCodePoint(word.codePointAt(0) ?? 63)).join("").toLocaleUpperCase();
}
