/** The web component `<serverless-chat>`. */

export class ServerlessChat extends HTMLElement {}

if (!customElements.get("serverless-chat")) {
  customElements.define("serverless-chat", ServerlessChat);
}
