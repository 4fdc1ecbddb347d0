/** The choices of the user on this device. Where there is no storage, they last as long as the page. */

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
