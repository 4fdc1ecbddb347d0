import { useApp } from "./app.ts";
import { hash } from "./hash.ts";

/**
 * The picture of a participant from an origin that the page permits, else the initials on their own colour. The
 * name is always beside it, so it is not announced.
 */
export function Avatar({ id, name, url, size = "medium", online }: AvatarProps) {
  const picture = permitted(url, useApp().imageOrigins.value);
  return (
    <span class={`avatar ${size}`} style={{ "--hue": String(hash(id) % 360) }} aria-hidden="true">
      {initials(name || id)}
      {picture && <img key={picture} src={picture} alt="" onError={(event) => (event.currentTarget.hidden = true)} />}
      {online && <span class="presence" />}
    </span>
  );
}

interface AvatarProps {
  id: string;
  name: string | undefined;
  url?: string | undefined;
  size?: "tiny" | "small" | "medium" | "large";
  online?: boolean | undefined;
}

/** Return the address of a picture if its origin is one of those that are permitted. */
function permitted(url: string | undefined, origins: readonly string[]): string | null {
  return url && URL.canParse(url) && origins.includes(new URL(url).origin) ? url : null;
}

/** Return the first letters of the first and the last word. */
function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const chosen = words.length > 1 ? [words[0]!, words.at(-1)!] : [words[0]!];
  return chosen.map((word) => String.fromCodePoint(word.codePointAt(0) ?? 63)).join("").toLocaleUpperCase();
}
