// Cancel a task that takes too long. Node 18 or newer, no packages.
const API_KEY = process.env.SIGMIC_API_KEY;
const BASE_URL = process.env.SIGMIC_BASE_URL ?? "http://127.0.0.1:8080";
const headers = { Authorization: `Bearer ${API_KEY}` };

async function createTaskWithTimeout(message, timeoutMs = 60000) {
  const form = new FormData();
  form.append("message", message);
  const created = await fetch(`${BASE_URL}/api/v1/tasks`, { method: "POST", headers, body: form });
  const { data } = await created.json();

  const timer = setTimeout(async () => {
    await fetch(`${BASE_URL}/api/v1/tasks/${data.id}`, { method: "DELETE", headers });
    console.log("cancelled");
  }, timeoutMs);

  const response = await fetch(`${BASE_URL}/api/v1/tasks/${data.id}/stream`, { headers });
  const decoder = new TextDecoder();
  let buffer = "";
  let last = "";
  for await (const chunk of response.body) {
    buffer += decoder.decode(chunk, { stream: true });
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      if (!block.startsWith(":")) last = block.split("\n")[0].replace("event: ", "");
    }
  }
  clearTimeout(timer);
  return last;
}

console.log("slow task:", await createTaskWithTimeout("Run the command `sleep 600`", 1500));
console.log("fast task:", await createTaskWithTimeout("What is 1 plus 1?", 60000));
