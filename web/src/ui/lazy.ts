import { type ComponentType, type FunctionComponent, h } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Return a component whose code is loaded when it is first shown. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): FunctionComponent<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [, show] = useState(0);
    useEffect(() => {
      if (!loaded) void load().then((component) => ((loaded = component), show(1)));
    }, []);
    return loaded ? h(loaded as ComponentType<object>, props) : null;
  };
}
