/**
 * Sign-in by OpenID Connect: the authorization code flow with PKCE (RFC 7636). Tokens are kept in memory only and
 * renewed by the refresh token. After a reload the page is redirected with `prompt=none`, which answers without a
 * question while the session at the identity provider lasts; after a sign-out, with `prompt=login`. While the page is
 * away, sessionStorage has the state and a secret. The state contains the fragment to return to, which may be an invite:
 * encrypted, so that the provider and its logs do not have it. The key and the verifier, which the provider receives, are
 * derived from the secret, which is not sent.
 */

import type { OidcIdentity } from "./config.ts";
import { preference, setPreference } from "./preferences.ts";

const KEY = "serverless-chat/sign-in";
/** The preference that is set from a sign-out until the next sign-in, for which the provider must ask the user. */
const SIGNED_OUT = "signed-out";
/** A token is used until this many seconds before its end, or for half of a lifetime that is shorter than two of them. */
const MARGIN = 90;
const IV_LENGTH = 12;
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
  secret: string;
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
  const fragment = await opened(attempt);
  history.replaceState(null, "", redirectUri() + fragment); // another attempt leads there, too
  const code = answer.get("code");
  if (!code) {
    if (NEEDS_USER.test(answer.get("error") ?? "")) return redirect(identity, fragment);
    throw new Error(`sign-in failed: ${answer.get("error_description") ?? answer.get("error") ?? "no code"}`);
  }
  const code_verifier = await verifier(attempt.secret);
  const fields = { grant_type: "authorization_code", code, code_verifier, redirect_uri: redirectUri() };
  const tokens = await requestTokens(identity, fields);
  setPreference(SIGNED_OUT, "");
  return session(identity, tokens, fragment);
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
    if (until < Date.now() / 1_000) {
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

/** Return until when a token is used. A margin as long as its life would renew, or even sign in, without an end. */
function expiry({ expires_in = 300 }: Tokens): number {
  return Date.now() / 1_000 + expires_in - Math.min(MARGIN, expires_in / 2);
}

const redirectUri = (): string => location.origin + location.pathname;

function takeAttempt(): Attempt | null {
  const stored = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return stored ? (JSON.parse(stored) as Attempt) : null;
}

async function redirect(identity: OidcIdentity, fragment: string, prompt?: "none" | "login"): Promise<never> {
  const secret = encoded(crypto.getRandomValues(new Uint8Array(32)));
  const attempt: Attempt = { state: await sealed(fragment, secret), secret };
  sessionStorage.setItem(KEY, JSON.stringify(attempt));
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(await verifier(secret)));
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

/** Return a state that contains a fragment, and that cannot be guessed, or read without the secret. */
async function sealed(fragment: string, secret: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_LENGTH));
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, await key(secret), new TextEncoder().encode(fragment));
  return encoded(new Uint8Array([...iv, ...new Uint8Array(sealed)]));
}

/** Return the fragment that the state of an attempt contains. */
async function opened({ state, secret }: Attempt): Promise<string> {
  const bytes = decoded(state);
  const iv = bytes.subarray(0, IV_LENGTH);
  const opened = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, await key(secret), bytes.subarray(IV_LENGTH));
  return new TextDecoder().decode(opened);
}

const verifier = async (secret: string): Promise<string> => encoded(await derived(secret, "verifier"));

const key = async (secret: string): Promise<CryptoKey> =>
  crypto.subtle.importKey("raw", await derived(secret, "state"), "AES-GCM", false, ["encrypt", "decrypt"]);

/** Return 32 bytes for one purpose, by HKDF: they reveal neither the secret nor the bytes for another purpose. */
async function derived(secret: string, purpose: string): Promise<Uint8Array<ArrayBuffer>> {
  const material = await crypto.subtle.importKey("raw", decoded(secret), "HKDF", false, ["deriveBits"]);
  const info = new TextEncoder().encode(purpose);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info }, material, 256));
}

/** Return bytes in URL-safe Base64 without padding. */
const encoded = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const decoded = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (character) => character.charCodeAt(0));
