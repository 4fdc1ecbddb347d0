/** The texts of the first view, in English; `en_panels.ts` has the others. Every other language has the same types. */

import { failureTexts } from "./failure.ts";

export const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`;

/** Join names as a sentence does: "Alice, Bob and Carol". */
export const listed = (names: readonly string[]): string =>
  names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

export const en = {
  ...failureTexts,
  /** Of the whole interface; without it, that of the page around it. */
  direction: undefined as "ltr" | "rtl" | undefined,

  // Dates
  today: "Today",
  yesterday: "Yesterday",

  // The list
  conversations: "Conversations",
  searchConversations: "Search conversations",
  noConversations: "No conversations yet",
  noConversationsHint: "Start one, or open an invite that you received.",
  noMatches: (query: string) => `No conversation matches “${query}”.`,
  loadMore: "Show more",
  newConversation: "New conversation",
  noMessagesYet: "No messages yet",
  untitled: "Untitled conversation",
  draft: "Draft",
  you: "You",
  mentioned: "You are mentioned",
  unread: (number: number) => count(number, "unread message", "unread messages"),
  deletedPreview: "Message deleted",

  // One conversation
  chooseConversation: "Choose a conversation",
  chooseConversationHint: "Or start a new one. Press ? for the keyboard shortcuts.",
  back: "Back to the list",
  membersCount: (number: number) => count(number, "member", "members"),
  onlineCount: (number: number) => `${number} online`,
  loading: "Loading…",
  loadingOlder: "Loading earlier messages…",
  beginning: "This is the beginning of the conversation.",
  messages: "Messages",
  newMessages: "New messages",
  jumpToNewest: "Jump to newest",
  jumpToNew: (number: number) => count(number, "new message", "new messages"),
  conversationEnded: "This conversation is not available any more. It was deleted, or you are not a member.",
  typing: (names: readonly string[]) =>
    names.length > 3 ? "Several people are typing…" : `${listed(names)} ${names.length === 1 ? "is" : "are"} typing…`,

  // Messages
  edited: "edited",
  editedAt: (time: string) => `Edited ${time}`,
  deleted: "This message was deleted.",
  expired: "This message is past its retention period.",
  hidden: "Message of a blocked participant",
  showHidden: "Show",
  sending: "Sending",
  held: "Waiting: an earlier message was not sent",
  failed: "Not sent",
  discard: "Discard",
  seenBy: (names: readonly string[]) => `Seen by ${listed(names)}`,
  jumpToOriginal: "Jump to the original message",
  originalUnavailable: "The original message is not available.",
  image: (name: string) => `Image: ${name}`,
  imageUnnamed: "Image",
  copyCode: "Copy code",
  copied: "Copied",
  agent: "Agent",
  messageFrom: (name: string, time: string) => `${name}, ${time}`,
  announceMessage: (name: string, text: string) => `${name}: ${text}`,

  // Actions
  actions: "Actions",
  moreActions: "More actions",
  react: "Add a reaction",
  reactWith: (emoji: string) => `React with ${emoji}`,
  reactionBy: (emoji: string, names: readonly string[]) => `${emoji} ${names.length}: ${listed(names)}`,
  reply: "Reply",
  edit: "Edit",
  copy: "Copy text",
  delete: "Delete",
  deleteMessageQuestion: "Delete this message for everyone?",
  deleteMessageHint: "Its text is removed from the log and cannot be restored.",
  report: "Report",

  // The state of a conversation for the participant alone
  archive: "Archive",
  unarchive: "Move back to the list",
  pin: "Pin",
  unpin: "Unpin",
  muteNotifications: "Mute notifications",
  unmuteNotifications: "Notify again",
  pinned: "Pinned",
  notificationsMuted: "Notifications muted",
  archived: (number: number) => `Archived (${number})`,
  conversationActions: (title: string) => `Actions for ${title}`,

  // The composer
  messageTo: (title: string) => `Message ${title}`,
  send: "Send",
  saveEdit: "Save",
  editingMessage: "Editing a message",
  replyingTo: (name: string) => `Replying to ${name}`,
  cancel: "Cancel",
  emoji: "Emoji",
  mentionSuggestions: "People to mention",
  mutedUntil: (time: string) => `You are muted until ${time}.`,
  tooLong: (over: number) => `${over} characters too long`,

  // Reactions and emoji
  emojiPicker: "Choose an emoji",

  // Members
  members: "Members",
  closePanel: "Close",
  roles: { owner: "Owner", moderator: "Moderator", member: "Member" } as Record<string, string>,
  blockedParticipants: "Blocked participants",

  // Notices between messages
  noticeCreated: (name: string) => `${name} started the conversation`,
  noticeJoined: (name: string) => `${name} joined`,
  noticeAdded: (name: string, by: string) => `${by} added ${name}`,
  noticeLeft: (name: string) => `${name} left`,
  noticeRemoved: (name: string, by: string) => `${by} removed ${name}`,
  noticeBanned: (name: string, by: string) => `${by} banned ${name}`,
  noticeTitle: (name: string, title: string) => `${name} changed the title to “${title}”`,
  noticeRole: (name: string, role: string) => `${name} is now ${role.toLowerCase()}`,

  // Connection and errors
  offlineBanner: "You are offline. Messages are sent when the connection is back.",
  connecting: "Connecting…",
  reconnecting: "Reconnecting…",
  signInFailed: "You are not signed in any more.",
  stopped: "The connection was closed by the server.",
  reconnect: "Connect again",
  storageFull: "The storage of this browser is full. Messages wait until there is space.",
  dismiss: "Dismiss",
  errors: {
    FORBIDDEN: "You do not have the permission for that.",
    MUTED: "You are muted.",
    NOT_FOUND: "That does not exist, or you cannot see it.",
    RATE_LIMITED: "That was too fast. Wait a moment and try again.",
    TOO_LARGE: "That is too long.",
    ALREADY_PARTICIPANT: "That person is already in the conversation.",
    PARTICIPANT_LIMIT: "The conversation is full.",
    CONVERSATION_LIMIT: "The limit of conversations is reached.",
    LAST_OWNER: "A conversation needs an owner: make another member owner first.",
    BLOCKED: "You have blocked that person. Lift the block first.",
    NOT_ACCEPTED: "The other person has not accepted the conversation yet.",
    BANNED: "That person is banned. Lift the ban first.",
    VALIDATION_FAILED: "The server does not accept that input.",
    UNAVAILABLE: "The server does not answer. Try again.",
    UNAUTHORIZED: "You are not signed in any more.",
    UNKNOWN_PROTOCOL: "This page is out of date. Reload it.",
  } as Record<string, string>,
  errorUnknown: "That did not work. Try again.",

  // The page around the component
  signedInAs: "Signed in as",
  participant: "Participant",

  // Notifications and settings
  settings: "Settings",
  profile: "Profile",
  enableNotifications: "Enable notifications",
  notificationsOn: "Notifications are on",
  notificationsDenied: "Notifications are blocked in the settings of the browser.",
  shortcuts: "Keyboard shortcuts",
  signOut: "Sign out",
  themes: { system: "System", light: "Light", dark: "Dark" } as Record<string, string>,
};

export type Texts = typeof en;
