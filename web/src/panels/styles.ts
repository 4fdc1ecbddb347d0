import { useLayoutEffect } from "preact/hooks";
import { useApp } from "../ui/app.ts";
import css from "../styles/panels.css?inline";

const sheet = new CSSStyleSheet();
sheet.replaceSync(css);

/** Add the styles of panels and dialogs to the component, which are loaded with the first of them. */
export function usePanelStyles(): void {
  const { root } = useApp();
  useLayoutEffect(() => {
    if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  }, []);
}
