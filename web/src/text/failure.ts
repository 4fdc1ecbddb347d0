/** The texts of a page that cannot be opened, perhaps because it cannot load any other text. */
export const failureTexts = {
  language: "en",
  pageFailed: "The chat cannot be opened.",
  pageFailedHint: "The server or the sign-in does not answer. Your messages are safe.",
  retry: "Try again",
};
