/** The definition of the element, once in a document. */

import { ServerlessChat } from "./element.tsx";

if (!customElements.get("serverless-chat")) customElements.define("serverless-chat", ServerlessChat);

export { ServerlessChat };
