import type { RefObject } from "preact";
import { texts } from "../text/texts.ts";
import { lazy } from "./lazy.ts";
import { Popover } from "./Popover.tsx";

const EmojiPicker = lazy(async () => (await import("../emoji/EmojiPicker.tsx")).EmojiPicker);

interface EmojiPopoverProps {
  anchor: RefObject<HTMLElement | null>;
  onChoose: (emoji: string) => void;
  onClose: () => void;
}

/** The emoji picker beside a button. */
export function EmojiPopover({ anchor, onChoose, onClose }: EmojiPopoverProps) {
  const choose = (emoji: string) => {
    onClose();
    onChoose(emoji);
  };
  return (
    <Popover anchor={anchor} label={texts.value.emojiPicker} onClose={onClose}>
      <div class="emoji-picker-space">
        <EmojiPicker onChoose={choose} />
      </div>
    </Popover>
  );
}
