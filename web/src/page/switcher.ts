/** The switcher between the participants of the local cloud, above the component. */

import { texts } from "../text/texts.ts";
import type { DevelopmentIdentity } from "./config.ts";

/** Show the participants; a click opens the page as that one. */
export function showSwitcher(place: HTMLElement, identity: DevelopmentIdentity, current: string): void {
  const bar = document.createElement("nav");
  bar.className = "switcher";
  bar.setAttribute("aria-label", texts.value.participant);
  const label = document.createElement("span");
  label.textContent = texts.value.signedInAs;
  const known = identity.participants.some(({ participant_id }) => participant_id === current);
  const participants = known ? identity.participants : [{ participant_id: current, name: current }, ...identity.participants];
  bar.append(label, ...participants.map((participant) => link(participant, current)));
  place.prepend(bar);
}

function link({ participant_id, name }: DevelopmentIdentity["participants"][number], current: string): HTMLElement {
  const element = document.createElement("a");
  element.href = `#as=${encodeURIComponent(participant_id)}`;
  element.textContent = name;
  if (participant_id === current) element.setAttribute("aria-current", "true");
  return element;
}
