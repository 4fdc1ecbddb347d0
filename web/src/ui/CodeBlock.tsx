import { useState } from "preact/hooks";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { Icon } from "./Icon.tsx";

const SHOWN_TIME = 1_500;

/** A block of code with a button that copies it. */
export function CodeBlock({ text, language }: { text: string; language?: string | undefined }) {
  const [isCopied, setCopied] = useState(false);
  const app = useApp();
  const t = texts.value;
  const copy = async () => {
    if (!(await app.session.attempt(() => navigator.clipboard.writeText(text)))) return;
    setCopied(true);
    app.announce(t.copied);
    setTimeout(() => setCopied(false), SHOWN_TIME);
  };
  return (
    <div class="code-block">
      <pre dir="ltr" tabIndex={0} aria-label={language || "code"}>
        <code>{text}</code>
      </pre>
      <button type="button" class="icon-button small copy-code" aria-label={isCopied ? t.copied : t.copyCode} onClick={copy}>
        <Icon name={isCopied ? "check" : "copy"} />
      </button>
    </div>
  );
}
