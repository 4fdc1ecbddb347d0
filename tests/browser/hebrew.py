"""A part of a dictionary in Hebrew, which a page adds: the interface runs from right to left."""

from __future__ import annotations

from playwright.sync_api import Page

_ADD = """() => {
  customElements.get("serverless-chat").addLanguage("he", "עברית", {
    direction: "rtl",
    today: "היום",
    yesterday: "אתמול",
    conversations: "שיחות",
    searchConversations: "חיפוש שיחות",
    newConversation: "שיחה חדשה",
    you: "את",
    back: "חזרה לרשימה",
    settings: "הגדרות",
    profile: "פרופיל",
    blockedParticipants: "משתתפים חסומים",
    shortcuts: "קיצורי מקלדת",
    enableNotifications: "הפעלת התראות",
    themes: { system: "לפי המערכת", light: "בהיר", dark: "כהה" },
    membersCount: (number) => `${number} משתתפים`,
    onlineCount: (number) => `${number} מחוברים`,
    typing: (names) => `${names.join(", ")} מקליד…`,
    edited: "נערכה",
    jumpToNewest: "להודעה האחרונה",
    reply: "תשובה",
    moreActions: "פעולות נוספות",
    edit: "עריכה",
    copy: "העתקת הטקסט",
    delete: "מחיקה",
    emoji: "אמוג׳י",
    searchEmoji: "חיפוש אמוג׳י",
    frequentEmoji: "בשימוש תכוף",
    emojiGroups: ["סמיילים", "אנשים", "טבע", "אוכל", "נסיעות", "פעילויות", "חפצים", "סמלים", "דגלים"],
    messageTo: (title) => `הודעה אל ${title}`,
    send: "שליחה",
    replyingTo: (name) => `תשובה אל ${name}`,
    cancel: "ביטול",
    members: "משתתפים",
    details: "פרטים",
    closePanel: "סגירה",
    addMember: "הוספה",
    roles: { owner: "בעלים", moderator: "מנחה", member: "חבר" },
    title: "כותרת",
    joinPolicy: "מי יכול להצטרף",
    joinPolicies: { invite: "אנשים עם הזמנה", open: "כל מי שמכיר את הכתובת" },
    leave: "עזיבה",
    deleteConversation: "מחיקת השיחה",
    invites: "קישורי הזמנה",
    bans: "מורחקים",
    reports: "דיווחים",
    audit: "יומן פעולות",
    groupTitle: "כותרת",
    groupTitlePlaceholder: "על מה השיחה?",
    people: "אנשים",
    peopleHint: "מזהה אחד בכל שורה, או מופרדים בפסיקים",
    directHint: "עם אדם אחד וללא כותרת, זו השיחה הישירה של שניכם.",
    create: "יצירה",
    noticeCreated: (name) => `${name} פתח את השיחה`,
    noticeAdded: (name, by) => `${by} צירף את ${name}`,
    noticeTitle: (name, title) => `${name} שינה את הכותרת ל־${title}`,
  });
  document.querySelector("serverless-chat").lang = "he";
  document.documentElement.lang = "he";
  document.documentElement.dir = "rtl";
}"""


def speak_hebrew(page: Page) -> None:
    """Change the language of an open page."""
    page.locator("serverless-chat").wait_for(state="attached")
    page.evaluate(_ADD)
    page.locator(".frame[dir=rtl]").wait_for()
