/** Dates and times in the language of the interface and the time zone of the reader. */

import { signal } from "@preact/signals";
import { texts } from "./texts.ts";

const formats = new Map<string, Intl.DateTimeFormat>();

/** Return a formatter; creating one takes longer than using it a hundred times. */
function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = texts.value.language + name;
  let known = formats.get(key);
  if (!known) formats.set(key, (known = new Intl.DateTimeFormat(regional(texts.value.language), options)));
  return known;
}

/** Prefer the reader's own variant of the language, such as en-GB. */
const regional = (language: string): string =>
  navigator.languages.find((tag) => tag.toLowerCase().startsWith(language) && isValid(tag)) ?? language;

/** Return whether `Intl` accepts a tag: under a POSIX locale, some builds of Chromium report "en-US@posix". */
function isValid(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

/** Return a number that is the same for all moments of one local day, and one higher for the next day. */
export function dayOf(iso: string | null): number {
  const date = iso ? new Date(iso) : new Date();
  return Math.floor((date.getTime() - date.getTimezoneOffset() * 60_000) / 86_400_000);
}

/** The day of the texts that are shown: they are read again on the next one. */
const today = signal(dayOf(null));

/** Note the day. To be called every now and then: no event marks midnight, or the end of a sleep. */
export const noteDay = (): void => void (today.value = dayOf(null));

/** Return how many days ago a moment was. */
const ageOf = (iso: string | null): number => {
  today.value; // the caller is rendered again at midnight
  return dayOf(null) - dayOf(iso);
};

/** Return a time of day: "14:05". */
export const timeText = (iso: string | null): string =>
  format("time", { hour: "numeric", minute: "2-digit" }).format(iso ? new Date(iso) : new Date());

/** Return a date and time in full, for tooltips. */
export const fullText = (iso: string | null): string =>
  format("full", { dateStyle: "full", timeStyle: "short" }).format(iso ? new Date(iso) : new Date());

/** Return the name of a day: "Today", "Monday, 3 March". */
export function dayText(iso: string | null): string {
  const age = ageOf(iso);
  if (age === 0) return texts.value.today;
  if (age === 1) return texts.value.yesterday;
  const date = iso ? new Date(iso) : new Date();
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  const options = { weekday: "long", day: "numeric", month: "long" } as const;
  return isThisYear ? format("day", options).format(date) : format("year", { ...options, year: "numeric" }).format(date);
}

/** Return a short form for lists: the time today, the weekday within a week, else the date. */
export function shortText(iso: string | null): string {
  const age = ageOf(iso);
  const date = iso ? new Date(iso) : new Date();
  if (age === 0) return timeText(iso);
  if (age === 1) return texts.value.yesterday;
  if (age > 1 && age < 7) return format("weekday", { weekday: "short" }).format(date);
  return format("short", { day: "numeric", month: "short" }).format(date);
}

/** Return a date with a time, for moments that can be in the future. */
export const momentText = (iso: string): string =>
  format("moment", { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
