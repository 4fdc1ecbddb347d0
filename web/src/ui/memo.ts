import { Component, type ComponentChild, type FunctionComponent, h } from "preact";

/** Return a component that is rendered again only if one of its props is another value. */
export function memo<Props extends object>(render: FunctionComponent<Props>): FunctionComponent<Props> {
  class Memo extends Component<Props> {
    override shouldComponentUpdate(next: Props): boolean {
      const names = Object.keys(next) as (keyof Props)[];
      return names.some((name) => next[name] !== this.props[name]);
    }

    override render(props: Props): ComponentChild {
      return h(render, props as never);
    }
  }
  return Memo as unknown as FunctionComponent<Props>;
}
