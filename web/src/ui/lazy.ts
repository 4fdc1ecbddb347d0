import { type ComponentType, type FunctionComponent, h } from "preact";
import { useEffect, useState } from "preact/hooks";
import { loadPanelTexts } from "../text/texts.ts";
import { useApp } from "./app.ts";

/** Return a component whose code and texts are loaded when it is first shown. If that fails, it is closed, and can be opened again. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): FunctionComponent<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const { session, dialog, isPanelOpen } = useApp();
    const [, show] = useState(0);
    const begin = async () => {
      const isDone = await session.attempt(async () => {
        const [component] = await Promise.all([load(), loadPanelTexts()]);
        loaded = component;
      });
      if (isDone) show(1);
      else [dialog.value, isPanelOpen.value] = [null, false];
    };
    useEffect(() => {
      if (!loaded) void begin();
    }, []);
    return loaded ? h(loaded as ComponentType<object>, props) : null;
  };
}
