/** Tokens of the local cloud, for one of its participants. There are none on a deployed stage. */

import type { DevelopmentIdentity } from "./config.ts";

const KEY = "serverless-chat/as";
/** A token is used until this many seconds before its end. */
const MARGIN = 90;

interface DevelopmentToken {
  token: string;
  expires_at: number;
}

/** Return the participant of this window: that of the address, or of the last visit, or the first one. */
export function chosenParticipant(identity: DevelopmentIdentity, fromAddress: string | null): string {
  const chosen = fromAddress ?? sessionStorage.getItem(KEY) ?? identity.participants[0]?.participant_id ?? "alice";
  sessionStorage.setItem(KEY, chosen);
  return chosen;
}

/** Return a callback for the tokens of a participant, which keeps them in memory while they are valid. */
export function developmentTokens(participantId: string): () => Promise<string> {
  let known: Promise<DevelopmentToken> | null = null;
  const request = async (): Promise<DevelopmentToken> => {
    const body = JSON.stringify({ participant_id: participantId });
    const response = await fetch("./token", { method: "POST", headers: { "content-type": "application/json" }, body });
    if (!response.ok) throw new Error(`token: ${response.status}`);
    return (await response.json()) as DevelopmentToken;
  };
  return async () => {
    const before = await known?.catch(() => null);
    if (!before || before.expires_at - MARGIN < Date.now() / 1_000) known = request();
    return (await known!).token;
  };
}
