import { LANGUAGE_NAMES, texts } from "../text/texts.ts";
import { useApp } from "./app.ts";
import { MenuOpener } from "./Menu.tsx";

const THEMES = ["system", "light", "dark"] as const;

/** Notifications, blocks, appearance, language and help. The page decides what to do about some of them. */
export function SettingsMenu() {
  const app = useApp();
  const t = texts.value;
  const { notifier } = app;
  return (
    <MenuOpener
      label={t.settings}
      icon="settings"
      items={[
        notifier.permission.value !== "unsupported" && {
          text: notifier.permission.value === "granted" ? t.notificationsOn : t.enableNotifications,
          icon: "bell",
          run: () => void app.session.attempt(() => notifier.enable()),
        },
        { text: t.profile, icon: "members", run: () => (app.dialog.value = { kind: "profile" }) },
        { text: t.blockedParticipants, icon: "block", run: () => (app.dialog.value = { kind: "blocks" }) },
        { text: t.shortcuts, icon: "keyboard", run: () => (app.dialog.value = { kind: "shortcuts" }) },
        ...THEMES.map((theme) => ({
          text: t.themes[theme]!,
          isFirstOfGroup: theme === "system",
          isChecked: app.theme.value === theme,
          run: () => app.setTheme(theme),
        })),
        ...Object.entries(LANGUAGE_NAMES).map(([language, text], index) => ({
          text,
          isFirstOfGroup: index === 0,
          isChecked: t.language === language,
          run: () => app.setLanguage(language),
        })),
        app.canSignOut && { text: t.signOut, icon: "leave" as const, isFirstOfGroup: true, run: () => app.sendEvent("chat-sign-out", null) },
      ]}
    />
  );
}
