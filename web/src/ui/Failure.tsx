import { texts } from "../text/texts.ts";

/** Shown in place of the chat if there is no token. */
export function Failure({ onRetry }: { onRetry: () => void }) {
  const t = texts.value;
  return (
    <div class="failure" role="alert">
      <div>
        <h1>{t.pageFailed}</h1>
        <p class="faint">{t.pageFailedHint}</p>
      </div>
      <button type="button" class="button" onClick={onRetry}>
        {t.retry}
      </button>
    </div>
  );
}
