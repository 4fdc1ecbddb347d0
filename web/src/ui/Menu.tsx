import type { RefObject } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "./Icon.tsx";
import { Popover } from "./Popover.tsx";

export interface MenuItem {
  text: string;
  icon?: IconName;
  isDangerous?: boolean;
  /** Whether a line separates it from the item before. */
  isFirstOfGroup?: boolean;
  /** Of a group of choices: whether this one is in force. */
  isChecked?: boolean;
  run: () => void;
}

interface MenuProps {
  anchor: RefObject<HTMLElement | null>;
  label: string;
  items: readonly (MenuItem | false | null | undefined)[];
  onClose: () => void;
}

/** A menu: arrow keys move, Enter chooses, letters jump. */
export function Menu({ anchor, label, items, onClose }: MenuProps) {
  const list = useRef<HTMLDivElement>(null);
  const focus = (index: number) => {
    const buttons = [...list.current!.querySelectorAll<HTMLElement>("button")];
    buttons.at(index % buttons.length)?.focus();
  };
  useLayoutEffect(() => focus(0), []);
  const onKeyDown = (event: KeyboardEvent) => {
    const buttons = [...list.current!.querySelectorAll<HTMLElement>("button")];
    const index = buttons.indexOf(event.target as HTMLElement);
    if (event.key === "ArrowDown") focus(index + 1);
    else if (event.key === "ArrowUp") focus(index - 1);
    else if (event.key === "Home") focus(0);
    else if (event.key === "End") focus(-1);
    else if (event.key.length === 1 && event.key !== " ") {
      const letter = event.key.toLowerCase();
      buttons.find((button) => button.textContent?.trim().toLowerCase().startsWith(letter))?.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const close = () => {
    anchor.current?.focus(); // a dialog that the item opens gives the focus back to it
    onClose();
  };
  return (
    <Popover anchor={anchor} label={label} role="menu" onClose={onClose}>
      <div ref={list} role="presentation" onKeyDown={onKeyDown}>
        {items.map((item) => item && <MenuButton item={item} onClose={close} />)}
      </div>
    </Popover>
  );
}

function MenuButton({ item, onClose }: { item: MenuItem; onClose: () => void }) {
  const isChoice = item.isChecked !== undefined;
  const run = () => {
    onClose();
    item.run();
  };
  return (
    <button
      type="button"
      role={isChoice ? "menuitemradio" : "menuitem"}
      {...(isChoice ? { "aria-checked": item.isChecked! } : {})}
      tabIndex={-1}
      class={["menu-item", item.isDangerous && "dangerous", item.isFirstOfGroup && "first"].filter(Boolean).join(" ")}
      onClick={run}
    >
      {item.icon ? <Icon name={item.icon} /> : isChoice && item.isChecked ? <Icon name="check" /> : <span class="icon" />}
      {item.text}
    </button>
  );
}

interface MenuButtonProps {
  label: string;
  icon: IconName;
  items: MenuProps["items"];
  class?: string;
}

/** A button that opens a menu. */
export function MenuOpener({ label, icon, items, class: names = "icon-button" }: MenuButtonProps) {
  const [isOpen, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  return (
    <>
      <button
        ref={button}
        type="button"
        class={names}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name={icon} />
      </button>
      {isOpen && <Menu anchor={button} label={label} items={items} onClose={() => setOpen(false)} />}
    </>
  );
}
