// A backend that gives its signed-in users tokens for the widget. Node 18 or newer, no packages.
// The app's secret stays here; the page gets a token that works for its user alone.
import { createServer } from "node:http";

const BASE_URL = process.env.SIGMIC_BASE_URL ?? "http://127.0.0.1:8080";
const { SIGMIC_APP_ID: appId, SIGMIC_APP_SECRET: appSecret } = process.env;

// Stands for your own sign-in: who sent this request?
function signedInUser(request) {
  const match = /(?:^|; )user=(\w+)/.exec(request.headers.cookie ?? "");
  return match?.[1];
}

async function tokenFor(endUserId) {
  const response = await fetch(`${BASE_URL}/api/v1/auth/token`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      appId,
      appSecret,
      endUserId,
      expiresIn: "15m",
      env: { PLAN: "gold" }, // what the agent's commands may see of this user
    }),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(`${body.error.code}: ${body.error.message}`);
  return body.data;
}

const server = createServer(async (request, response) => {
  const send = (status, body) => {
    response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
    response.end(JSON.stringify(body));
  };
  if (request.method !== "POST" || request.url !== "/my/chat-token") return send(404, {});
  const user = signedInUser(request);
  if (!user) return send(401, {});
  try {
    send(200, await tokenFor(user));
  } catch (error) {
    console.error(error.message); // for you; the page need not know why
    send(502, {});
  }
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
