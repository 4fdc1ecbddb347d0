/** The configuration of the page, which its server provides. */

export interface DevelopmentIdentity {
  kind: "development";
  participants: { participant_id: string; name: string }[];
}

export interface OidcIdentity {
  kind: "oidc";
  authorization_endpoint: string;
  token_endpoint: string;
  client_id: string;
  scope: string;
  audience?: string;
}

export interface Config {
  http_url: string;
  ws_url: string;
  identity: DevelopmentIdentity | OidcIdentity;
  image_origins: string[];
  vapid_key: string | null;
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch("./config.json");
  if (!response.ok) throw new Error(`config.json: ${response.status}`);
  return (await response.json()) as Config;
}
