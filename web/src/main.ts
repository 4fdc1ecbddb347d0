/** The page: reads its configuration and shows the component. */

import "./serverless-chat.ts";

const heading = document.createElement("h1");
heading.textContent = "Chat";
document.getElementById("page")?.append(heading, document.createElement("serverless-chat"));
