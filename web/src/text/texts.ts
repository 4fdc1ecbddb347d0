/** The texts in the language of the component. English is part of the first load, others are loaded when needed. */

import { signal } from "@preact/signals";
import { en, type Texts } from "./en.ts";

const LANGUAGES: Record<string, () => Promise<Texts>> = {
  de: async () => (await import("./de.ts")).de,
};

/** Add a language, or replace one. Texts that are missing are those in English. */
export function addLanguage(language: string, name: string, dictionary: Partial<Texts>): void {
  LANGUAGES[language] = async () => ({ ...en, ...dictionary, language });
  LANGUAGE_NAMES[language] = name;
}

/** The languages that can be chosen, by their own names. */
export const LANGUAGE_NAMES: Record<string, string> = { en: "English", de: "Deutsch" };

/** The texts in use. Components read the signal and are rendered again when the language changes. */
export const texts = signal<Texts>(en);

/** Use a language, or English where there is no dictionary for it. `language` is a BCP 47 tag. */
export async function loadLanguage(language: string): Promise<void> {
  const load = LANGUAGES[language.toLowerCase().split("-")[0]!];
  texts.value = load ? await load() : en;
}

const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufefc]/;

/** Keep a name in a sentence from changing the order of the words around it, where one of them is written from right to left. */
export const isolated = (name: string): string =>
  texts.value.direction === "rtl" || RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name;

/** Return the text for an error of the server or of the network. A hook of the product has reasons that only it knows. */
export function errorText(error: unknown): string {
  if ((error as { name?: string } | null)?.name === "QuotaExceededError") return texts.value.storageFull;
  const { code = "", message } = (error ?? {}) as { code?: string; message?: string };
  return texts.value.errors[code] ?? ((code === "REFUSED_BY_HOOK" && message) || texts.value.errorUnknown);
}
