/**
 * The web component `<serverless-chat>`: the list of conversations, one conversation, or both.
 *
 *     <serverless-chat http-url="https://…" ws-url="wss://…"></serverless-chat>
 *     document.querySelector("serverless-chat").token = async () => jwt;
 */

import { ServerlessChat } from "./component/element.tsx";

if (!customElements.get("serverless-chat")) customElements.define("serverless-chat", ServerlessChat);

export { ServerlessChat };
