// The page of the marketplace: sign in, then show the chat.

const config = await (await fetch("/config.json")).json();
await import(config.component);

const form = document.querySelector("#sign-in");
const contact = document.querySelector("#contact");
const chat = document.querySelector("serverless-chat");

/** Return a token for the chat from the session of this page. */
async function fetchToken() {
  const answer = await fetch("/chat/token", { method: "POST" });
  if (!answer.ok) throw new Error("The session has ended: sign in again.");
  return (await answer.json()).token;
}

form.querySelector("button").disabled = false; // before, the form would be sent to the page itself
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await fetch("/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(Object.fromEntries(new FormData(form))),
  });
  if (!answer.ok) {
    form.querySelector("[role=alert]").textContent = "The user or the password is wrong.";
    return;
  }
  form.hidden = true;
  chat.hidden = contact.hidden = false;
  chat.setAttribute("http-url", config.http_url);
  chat.setAttribute("ws-url", config.ws_url);
  chat.token = fetchToken;
});

contact.addEventListener("submit", async (event) => {
  event.preventDefault();
  const seller = encodeURIComponent(new FormData(contact).get("seller_id"));
  const answer = await fetch(`/items/17/contact?seller_id=${seller}`, { method: "POST" });
  contact.querySelector("[role=alert]").textContent = answer.ok ? "" : "There is no such seller, or you cannot write to them.";
  if (answer.ok) chat.setAttribute("conversation-id", (await answer.json()).conversation_id);
});
