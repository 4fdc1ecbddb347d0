/** The emoji in their groups, with names in the language of the interface. */

export interface Emoji {
  character: string;
  name: string;
}

const NAMES: Record<string, () => Promise<{ default: string }>> = {
  en: () => import("virtual:emoji/en"),
  de: () => import("virtual:emoji/de"),
};
const FIRST_REGIONAL_INDICATOR = 0x1f1e6;

/** Return the groups in the order of the picker. */
export async function loadEmoji(language: string): Promise<Emoji[][]> {
  const parts = [import("virtual:emoji/characters"), (NAMES[language] ?? NAMES.en!)()] as const;
  const [{ default: characters }, { default: names }] = await Promise.all(parts);
  const countries = new Intl.DisplayNames(language, { type: "region" });
  const named = names.split("\n").map((line) => line.split("\t"));
  return characters.split("\n").map((line, group) =>
    line.split("\t").map((character, index) => ({
      character,
      name: named[group]?.[index] || countryOf(character, countries),
    })),
  );
}

/** Return the name of the country of a flag, which consists of the letters of its code. */
function countryOf(flag: string, countries: Intl.DisplayNames): string {
  const letters = [...flag].map((letter) => letter.codePointAt(0)! - FIRST_REGIONAL_INDICATOR + 65);
  try {
    return countries.of(String.fromCharCode(...letters)) ?? flag;
  } catch {
    return flag;
  }
}
