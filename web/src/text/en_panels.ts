/** The texts of panels, dialogs and the emoji picker, in English: loaded with the first of them. */

import { count, listed } from "./en.ts";

export const enPanels = {
  // Invitations
  invitations: "Invitations",
  invitedBy: (name: string) => `Invited by ${name}`,
  accept: "Accept",
  decline: "Decline",
  invitationGone: "This invitation was withdrawn, or has expired.",

  // Reports
  reportTitle: "Report this message",
  reportHint: "The owners and moderators of the conversation see your report. The author does not.",
  reportReason: "What is wrong with it?",
  reportSent: "Thank you. The moderators have your report.",
  reports: "Reports",
  noReports: "There are no open reports.",
  reportedBy: (name: string, date: string) => `reported by ${name}, ${date}`,
  showMessage: "Show",
  resolve: "Resolved",
  dismissReport: "No problem",

  // Reactions and emoji
  searchEmoji: "Search emoji",
  frequentEmoji: "Frequently used",
  noEmoji: "No emoji found",
  emojiGroups: ["Smileys", "People", "Nature", "Food", "Travel", "Activities", "Objects", "Symbols", "Flags"],

  // Members
  details: "Details",
  addMember: "Add",
  participantId: "Participant id",
  participantIdHint: "The id that the person signs in with, such as bob",
  displayName: "Name",
  role: "Role",
  online: "Online",
  muted: "Muted",
  mutedUntilShort: (time: string) => `Muted until ${time}`,
  muteFor: { 900: "Mute for 15 minutes", 3600: "Mute for an hour", 86400: "Mute for a day", 2592000: "Mute for 30 days" } as Record<
    number,
    string
  >,
  unmute: "Unmute",
  remove: "Remove",
  removeQuestion: (name: string) => `Remove ${name} from the conversation?`,
  ban: "Ban",
  banQuestion: (name: string) => `Ban ${name}?`,
  banHint: "They lose access at once and cannot return until the ban is lifted.",
  block: "Block",
  unblock: "Unblock",
  blockHint: "Blocked participants cannot add you to conversations, and their messages are hidden here.",
  noBlocks: "You have not blocked anyone.",
  pendingMembers: "Waiting for consent",
  withdraw: "Withdraw",
  addedPending: (name: string) => `${name} must accept before joining.`,
  bans: "Banned",
  noBans: "No one is banned.",
  liftBan: "Lift the ban",
  memberActions: (name: string) => `Actions for ${name}`,
  sinceDate: (date: string) => `since ${date}`,

  // The conversation's settings
  title: "Title",
  save: "Save",
  joinPolicy: "Who can join",
  joinPolicies: { invite: "People with an invite", open: "Everyone who knows the address" } as Record<string, string>,
  leave: "Leave",
  leaveQuestion: "Leave this conversation?",
  leaveHint: "You need an invite or an addition to return.",
  deleteConversation: "Delete conversation",
  deleteConversationQuestion: "Delete this conversation for everyone?",
  deleteConversationHint: "All messages are removed and cannot be restored.",

  // Invites
  invites: "Invite links",
  createInvite: "Create a link",
  inviteCreated: "Copy the link now: it is shown only once.",
  copyInvite: "Copy link",
  inviteUses: (uses: number, max: number | null) => (max === null ? count(uses, "use", "uses") : `${uses} of ${max} uses`),
  expiresAt: (date: string) => `expires ${date}`,
  revoke: "Revoke",
  noInvites: "There are no valid links.",
  validFor: "Valid for",
  validities: { 3600: "1 hour", 86400: "1 day", 604800: "7 days", 2592000: "30 days" } as Record<number, string>,
  maxUses: "Number of people",
  unlimited: "Unlimited",
  joinTitle: "You are invited to a conversation",
  joinHint: "You join as a member and see its whole history.",
  join: "Join",
  joinRefused: "This invite is not valid. It may have expired, been revoked or been used before.",

  // The audit
  audit: "Audit log",
  auditHint: "Every use of a right of owners and moderators.",
  noAudit: "No entries yet.",
  auditActions: {
    removed: "removed",
    banned: "banned",
    unbanned: "lifted the ban of",
    muted: "muted",
    unmuted: "unmuted",
    role_changed: "changed the role of",
    message_deleted: "deleted a message of",
    reaction_removed: "removed a reaction of",
    conversation_updated: "changed the settings",
    invite_created: "created an invite link",
    invite_revoked: "revoked an invite link",
    invite_used: "joined by an invite link",
  } as Record<string, string>,

  // New conversation
  directConversation: "Direct conversation",
  directHint: "With one person and no title, it is the direct conversation of the two of you.",
  sendDirect: "Message",
  hideConversation: "Hide",
  hideQuestion: "Hide this conversation?",
  hideHint: "The next message brings it back.",
  groupTitle: "Title",
  groupTitlePlaceholder: "What is it about?",
  people: "People",
  peopleHint: "One participant id per line or separated by commas, such as bob, carol",
  create: "Create",
  createdPending: (names: readonly string[]) => `${listed(names)} must accept before joining.`,

  // Notifications and settings
  picture: "Address of your picture",
  pictureHint: (origins: string) => `Pictures are shown from ${origins}.`,
  profileSaved: "Your profile is saved.",

  // Shortcuts
  shortcutGroups: { everywhere: "Everywhere", list: "List", messages: "Messages", composer: "Composer" },
  shortcutTexts: {
    help: "Show this help",
    search: "Search conversations",
    compose: "Write a message",
    create: "New conversation",
    members: "Show or hide the members",
    nextConversation: "Next conversation",
    previousConversation: "Previous conversation",
    nextUnread: "Next unread conversation",
    move: "Next or previous message",
    newest: "Newest message",
    reply: "Reply",
    react: "Add a reaction",
    edit: "Edit",
    copy: "Copy text",
    delete: "Delete",
    send: "Send",
    newLine: "New line",
    editLast: "Edit your last message",
    mention: "Mention someone",
    escape: "Cancel, close",
  },
};

export type PanelTexts = typeof enPanels;
