import { useRef } from "preact/hooks";
import { useApp } from "../ui/app.ts";

/** Runs a request, and shows its error; resolves with whether it succeeded. */
type Action = (request: () => Promise<unknown>, name?: string) => Promise<boolean>;

/**
 * Return a function that runs a request, unless the one of the same name is running: a second click does nothing. The
 * button is not disabled meanwhile, which would take the focus from it.
 */
export function useAction(): Action {
  const { session } = useApp();
  const running = useRef(new Set<string>());
  return async (request, name = "") => {
    if (running.current.has(name)) return false;
    running.current.add(name);
    const isDone = await session.attempt(request);
    running.current.delete(name);
    return isDone;
  };
}
