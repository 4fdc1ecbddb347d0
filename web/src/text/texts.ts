/**
 * The texts in the language of the component. Those of the first view are loaded before it, and those of panels, dialogs
 * and the emoji picker with the first of these.
 */

import { batch, computed, signal } from "@preact/signals";
import type { Texts } from "./en.ts";
import type { PanelTexts } from "./en_panels.ts";
import { failureTexts } from "./failure.ts";

interface Language {
  texts: () => Promise<Texts>;
  panelTexts: () => Promise<PanelTexts>;
}

type AllTexts = Texts & PanelTexts;

const ENGLISH: Language = {
  texts: async () => (await import("./en.ts")).en,
  panelTexts: async () => (await import("./en_panels.ts")).enPanels,
};
const LANGUAGES: Record<string, Language> = {
  de: { texts: async () => (await import("./de.ts")).de, panelTexts: async () => (await import("./de_panels.ts")).dePanels },
};

/** Add a language, or replace one. Texts that are missing are those in English. */
export function addLanguage(language: string, name: string, dictionary: Partial<AllTexts>): void {
  LANGUAGES[language] = {
    texts: async () => ({ ...(await ENGLISH.texts()), ...dictionary, language }),
    panelTexts: async () => ({ ...(await ENGLISH.panelTexts()), ...dictionary }),
  };
  LANGUAGE_NAMES[language] = name;
}

/** The languages that can be chosen, by their own names. */
export const LANGUAGE_NAMES: Record<string, string> = { en: "English", de: "Deutsch" };

/**
 * The texts in use. Components read the signal and are rendered again when the language changes. Before a language is
 * loaded, only a failure is shown.
 */
export const texts = signal<Texts>(failureTexts as Texts);
const panelTexts = signal<PanelTexts | null>(null);
/** All texts in use, for the parts that `lazy` loads, and with them the texts. */
export const allTexts = computed<AllTexts>(() => ({ ...texts.value, ...panelTexts.value! }));

let used = ENGLISH;
let arePanelsUsed = false;

/** Use a language, or English where there is no dictionary for it. `language` is a BCP 47 tag. */
export function loadLanguage(language: string): Promise<void> {
  used = LANGUAGES[language.toLowerCase().split("-")[0]!] ?? ENGLISH;
  return load();
}

/** Load the texts that the first view does not need. */
export async function loadPanelTexts(): Promise<void> {
  arePanelsUsed = true;
  if (!panelTexts.peek()) await load();
}

async function load(): Promise<void> {
  const language = used;
  const [first, panels] = await Promise.all([language.texts(), arePanelsUsed ? language.panelTexts() : null]);
  // Another language may have been chosen meanwhile: a panel is shown when its texts are there.
  if (language !== used) return load();
  batch(() => {
    texts.value = first;
    if (panels) panelTexts.value = panels;
  });
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
