import { useEffect, useState } from "preact/hooks";
import { texts } from "../text/texts.ts";
import { useApp } from "./app.ts";

/** A short interruption is not shown. */
const PATIENCE = 1_500;

/** Shows that there is no connection, and since when it is worth knowing. */
export function ConnectionBanner() {
  const app = useApp();
  const { session } = app;
  const t = texts.value;
  const status = session.status.value;
  const isDown = status !== "open";
  const [isShown, show] = useState(false);
  useEffect(() => {
    if (!isDown) return show(false);
    const timer = setTimeout(() => show(true), PATIENCE);
    return () => clearTimeout(timer);
  }, [isDown]);
  const text =
    status === "stopped" ? t.stopped : !session.wasOpen.value ? t.connecting : navigator.onLine ? t.reconnecting : t.offlineBanner;
  return (
    <div class="banner-place" role="status">
      {isShown && isDown && (
        <div class="banner">
          {status !== "stopped" && <span class="spinner" aria-hidden="true" />}
          {text}
          {status === "stopped" && (
            <button type="button" class="link-button" onClick={() => app.restart()}>
              {t.reconnect}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
