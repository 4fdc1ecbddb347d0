/**
 * Sign-in by OpenID Connect: the authorization code flow with PKCE (RFC 7636). Tokens are kept in memory only and
 * renewed by the refresh token. After a reload the page is redirected with `prompt=none`, which answers without a
 * question while the session at the identity provider lasts; after a sign-out, with `prompt=login`. sessionStorage has
 * the state, the verifier and the address to return to, while the page is away.
 */

import type { OidcIdentity } from "./config.ts";
import { preference, setPreference } from "./preferences.ts";

const KEY = "serverless-chat/sign-in";
/** The preference that is set from a sign-out until the next sign-in, for which the provider must ask the user. */
const SIGNED_OUT = "signed-out";
/** A token is used until this many seconds before its end. */
const MARGIN = 90;
/** Errors that mean that the provider must ask the user (OpenID Connect Core 1.0, 3.1.2.6). */
const NEEDS_USER = /^(login_required|interaction_required|consent_required|account_selection_required)$/;

/** The token endpoint has refused a request. */
class TokenError extends Error {
  constructor(readonly status: number) {
    super(`token endpoint: ${status}`);
  }
}

interface Attempt {
  state: string;
  verifier: string;
  fragment: string;
}

interface Tokens {
  access_token: string;
  id_token?: string;
  refresh_token?: string;
  expires_in?: number;
}

export interface SignedIn {
  token: () => Promise<string>;
  /** The fragment of the address that the user opened. */
  fragment: string;
  signOut: () => void;
}

/** Return the session, or redirect to the identity provider and never return. */
export async function signedIn(identity: OidcIdentity): Promise<SignedIn> {
  const answer = new URLSearchParams(location.search);
  const attempt = takeAttempt();
  const isOurs = attempt !== null && answer.get("state") === attempt.state;
  if (!isOurs) return redirect(identity, location.hash, preference(SIGNED_OUT) ? "login" : "none");
  const code = answer.get("code");
  if (!code) {
    if (NEEDS_USER.test(answer.get("error") ?? "")) return redirect(identity, attempt.fragment);
    throw new Error(`sign-in failed: ${answer.get("error_description") ?? answer.get("error") ?? "no code"}`);
  }
  history.replaceState(null, "", redirectUri() + attempt.fragment);
  const fields = { grant_type: "authorization_code", code, code_verifier: attempt.verifier, redirect_uri: redirectUri() };
  const tokens = await requestTokens(identity, fields);
  setPreference(SIGNED_OUT, "");
  return session(identity, tokens, attempt.fragment);
}

function session(identity: OidcIdentity, first: Tokens, fragment: string): SignedIn {
  let tokens = first;
  let until = expiry(first);
  let renewal: Promise<void> | null = null;
  const renew = async () => {
    const { refresh_token = "" } = tokens;
    const fields = { grant_type: "refresh_token", refresh_token };
    const renewed = refresh_token ? await requestTokens(identity, fields).catch(refused) : null;
    if (!renewed) return void (await redirect(identity, location.hash, "none"));
    tokens = { ...tokens, ...renewed };
    until = expiry(tokens);
  };
  const token = async () => {
    if (until - MARGIN < Date.now() / 1_000) {
      renewal ??= renew().finally(() => (renewal = null));
      await renewal;
    }
    return tokens.access_token;
  };
  const signOut = () => {
    setPreference(SIGNED_OUT, "yes");
    void redirect(identity, "", "login");
  };
  return { token, fragment, signOut };
}

/** Return null for a refresh token that the provider does not accept any more. Throws other errors. */
function refused(error: unknown): null {
  if (error instanceof TokenError && error.status < 500) return null;
  throw error;
}

const expiry = ({ expires_in }: Tokens): number => Date.now() / 1_000 + (expires_in ?? 300);

const redirectUri = (): string => location.origin + location.pathname;

function takeAttempt(): Attempt | null {
  const stored = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return stored ? (JSON.parse(stored) as Attempt) : null;
}

async function redirect(identity: OidcIdentity, fragment: string, prompt?: "none" | "login"): Promise<never> {
  const attempt: Attempt = { state: random(), verifier: random(), fragment };
  sessionStorage.setItem(KEY, JSON.stringify(attempt));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(attempt.verifier));
  const address = new URL(identity.authorization_endpoint);
  const fields: Record<string, string | undefined> = {
    response_type: "code",
    client_id: identity.client_id,
    redirect_uri: redirectUri(),
    scope: identity.scope,
    audience: identity.audience,
    state: attempt.state,
    code_challenge: encoded(new Uint8Array(digest)),
    code_challenge_method: "S256",
    prompt,
  };
  for (const [name, value] of Object.entries(fields)) if (value) address.searchParams.set(name, value);
  location.replace(address);
  return new Promise(() => {});
}

async function requestTokens(identity: OidcIdentity, fields: Record<string, string>): Promise<Tokens> {
  const body = new URLSearchParams({ client_id: identity.client_id, ...fields });
  const response = await fetch(identity.token_endpoint, { method: "POST", body });
  if (!response.ok) throw new TokenError(response.status);
  return (await response.json()) as Tokens;
}

const random = (): string => encoded(crypto.getRandomValues(new Uint8Array(32)));

/** Return bytes in URL-safe Base64 without padding. */
const encoded = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
