/** What the user has chosen on this device. Where there is no storage, it lasts as long as the page. */

const PREFIX = "serverless-chat/";

export function preference(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function setPreference(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // The choice ends with the page.
  }
}
