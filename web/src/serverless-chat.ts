/**
 * The web component `<serverless-chat>`: the list of conversations, one conversation, or both.
 *
 *     <serverless-chat http-url="https://…" ws-url="wss://…"></serverless-chat>
 *     document.querySelector("serverless-chat").token = async () => jwt;
 */

export { ServerlessChat } from "./component/define.ts";
