import { useEffect, useRef, useState } from "preact/hooks";
import { useApp } from "../ui/app.ts";

interface Loaded<Item> {
  /** Null until they are loaded. */
  items: readonly Item[] | null;
  load: () => Promise<void>;
}

/** Load items when the component is shown, when a dependency changes, and by `load`. Errors are shown as toasts. */
export function useLoaded<Item>(request: () => Promise<readonly Item[]>, dependencies: unknown[] = []): Loaded<Item> {
  const { session } = useApp();
  const [items, setItems] = useState<readonly Item[] | null>(null);
  const isShown = useRef(true);
  /** The number of the latest request: the answer to an earlier one would bring removed items back. */
  const latest = useRef(0);
  const load = async () => {
    const number = ++latest.current;
    await session.attempt(async () => {
      const loaded = await request();
      if (isShown.current && number === latest.current) setItems(loaded);
    });
  };
  useEffect(() => void load(), dependencies);
  useEffect(() => () => void (isShown.current = false), []);
  return { items, load };
}
