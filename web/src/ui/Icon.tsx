/** Icons as paths in a square of 20 units, drawn as lines in the colour of the text. */

const PATHS = {
  add: "M10 4v12M4 10h12",
  back: "M12 4l-6 6 6 6",
  bell: "M5 13V9a5 5 0 0 1 10 0v4l1.5 2h-13zM8.5 17h3",
  block: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM5.2 5.2l9.6 9.6",
  check: "M4 10.5l4 4 8-9",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6v4.5l3 1.5",
  close: "M5 5l10 10M15 5L5 15",
  copy: "M7 7h9v9H7zM13 7V4H4v9h3",
  down: "M10 4v12M5 11l5 5 5-5",
  edit: "M4 16l.7-3.3L13.5 4l2.5 2.5-8.7 8.8z",
  error: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM10 6.5v4.5M10 13.4v.2",
  keyboard: "M3 6h14v9H3zM6 9h.1M9 9h.1M12 9h.1M14.5 9h.1M7 12h6",
  leave: "M8 4H4v12h4M8 10h8M13 7l3 3-3 3",
  link: "M8.5 11.5l3-3M9 6.5l1.5-1.5a3.2 3.2 0 0 1 4.5 4.5L13.5 11M11 13.5L9.5 15A3.2 3.2 0 0 1 5 10.5L6.5 9",
  members: "M7.5 9.5a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4zM2.5 16c0-3 2-4.5 5-4.5s5 1.5 5 4.5M13 4.4a2.5 2.5 0 0 1 0 4.9M14.8 11.9c1.7.6 2.7 2 2.7 4.1",
  more: "M4.5 9.5h1v1h-1zM9.5 9.5h1v1h-1zM14.5 9.5h1v1h-1z",
  mute: "M4 8v4h3l4 3V5L7 8zM14 8l3 4M17 8l-3 4",
  reply: "M8 5l-5 4.5L8 14M3.5 9.5H11c3.5 0 5.5 2 5.5 5.5",
  search: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM12.7 12.7L16.5 16.5",
  send: "M3.5 10L16.5 4l-4 12.5-3-5.5zM9.5 11l7-7",
  settings: "M3 6h8M15 6h2M13 4v4M3 14h2M9 14h8M7 12v4",
  shield: "M10 3l6 2v5c0 3.5-2.5 6-6 7-3.5-1-6-3.5-6-7V5z",
  smile: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM7 12c1.5 2 4.5 2 6 0M7.5 8h.1M12.5 8h.1",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.7 10.5h7.6L14.5 6",
  archive: "M3 4h14v3.5H3zM4.5 7.5V16h11V7.5M8 10.5h4",
  pin: "M7 3.5h6l-.6 5 2.6 3H5l2.6-3zM10 11.5V17",
  flag: "M5 17V4h9l-1.5 3L14 10H5",
} as const;

/** Those that point along the line: their other side is in front where lines begin at the right. */
const DIRECTED = /^(?:back|leave|reply|send)$/;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={DIRECTED.test(name) ? "icon directed" : "icon"} viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
