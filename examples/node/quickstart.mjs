// Create a task, follow its stream, print the answer. Node 18 or newer, no packages.
const API_KEY = process.env.SIGMIC_API_KEY;
const BASE_URL = process.env.SIGMIC_BASE_URL ?? "http://127.0.0.1:8080";
const headers = { Authorization: `Bearer ${API_KEY}` };

async function runTask(message) {
  const form = new FormData();
  form.append("message", message);
  const created = await fetch(`${BASE_URL}/api/v1/tasks`, { method: "POST", headers, body: form });
  const { data } = await created.json();

  const response = await fetch(`${BASE_URL}/api/v1/tasks/${data.id}/stream`, { headers });
  const decoder = new TextDecoder();
  let buffer = "";
  let answer = "";
  for await (const chunk of response.body) {
    buffer += decoder.decode(chunk, { stream: true });
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      if (block.startsWith(":")) continue; // a heartbeat
      const [event, payload] = block.split("\n");
      if (event === "event: done") {
        answer = JSON.parse(payload.slice("data: ".length)).finalResponse;
      }
    }
  }
  return answer;
}

console.log(await runTask(process.argv[2] ?? "What is 6 times 7?"));
