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
  const isSignedOut = !!session.signInError.value && navigator.onLine; // without a network there is no token, either
  const isStopped = status === "stopped" || isSignedOut;
  const text = isSignedOut
    ? t.signInFailed
    : status === "stopped" ? t.stopped : !session.wasOpen.value ? t.connecting : navigator.onLine ? t.reconnecting : t.offlineBanner;
  const isVisible = (isShown && isDown) || isSignedOut;
  useEffect(() => {
    if (isVisible && app.dialog.peek()) app.announce(text); // outside of the dialog, everything is inert
  }, [isVisible, text]);
  return (
    <div class="banner-place" role="status">
      {isVisible && (
        <div class="banner">
          {!isStopped && <span class="spinner" aria-hidden="true" />}
          {text}
          {isStopped && (
            <button type="button" class="link-button" onClick={() => app.restart()}>
              {isSignedOut ? t.retry : t.reconnect}
            </button>
          )}
        </div>
      )}
    </div>
  );
}
