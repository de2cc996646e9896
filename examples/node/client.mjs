// The Task API from Node 18 or newer, without packages: create, stream, approve, follow up, list,
// get, cancel. Run it: node client.mjs
const API_KEY = process.env.SIGMIC_API_KEY;
const BASE_URL = process.env.SIGMIC_BASE_URL ?? "http://127.0.0.1:8080";
const headers = { Authorization: `Bearer ${API_KEY}` };

/** One request; the `data` of a success, an Error with the code of anything else. */
async function call(method, path, body) {
  const init = { method, headers: { ...headers }, body };
  if (body !== undefined && !(body instanceof FormData)) {
    init.headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  const answer = await (await fetch(`${BASE_URL}${path}`, init)).json();
  if (!answer.success) throw new Error(`${answer.error.code}: ${answer.error.message}`);
  return answer;
}

/** Follows a task to the end of its run, calling `handlers[event]` for each event. */
export async function follow(taskId, handlers = {}) {
  const response = await fetch(`${BASE_URL}/api/v1/tasks/${taskId}/stream`, { headers });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let buffer = "";
  let finalResponse = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return { finalResponse };
    buffer += decoder.decode(value, { stream: true });
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop();
    for (const block of blocks) {
      if (!block.trim() || block.startsWith(":")) continue;
      const lines = block.split("\n");
      const name = lines[0].replace("event: ", "");
      const payload = lines[1]?.replace("data: ", "");
      if (!payload) continue;
      const data = JSON.parse(payload);
      await handlers[name]?.(data);
      if (name === "done") finalResponse = data.finalResponse;
    }
  }
}

export async function createTask(message, { systemPrompt, autoExecute = true, files = [] } = {}, handlers) {
  const form = new FormData();
  form.append("message", message);
  form.append("autoExecute", String(autoExecute));
  if (systemPrompt) form.append("systemPrompt", systemPrompt);
  for (const file of files) form.append("files", file);
  const { data } = await call("POST", "/api/v1/tasks", form);
  return { taskId: data.id, ...(await follow(data.id, handlers)) };
}

export async function followUp(taskId, message, handlers) {
  await call("POST", `/api/v1/tasks/${taskId}/messages`, { message });
  return follow(taskId, handlers);
}

/** Creates a task in manual mode and decides about each waiting call by `decide(call)`. */
export async function createManualTask(message, decide) {
  let taskId;
  const form = new FormData();
  form.append("message", message);
  form.append("autoExecute", "false");
  ({ data: { id: taskId } } = await call("POST", "/api/v1/tasks", form));
  const result = await follow(taskId, {
    tool_call: async (data) => {
      if (data.status !== "awaiting_approval") return;
      const path = `/api/v1/tasks/${taskId}/tools/${data.callId}/approve`;
      const answer = await call("POST", path, { outcome: decide(data) });
      console.log(`${data.toolName}: ${answer.data.approved ? "approved" : "rejected"}`);
    },
  });
  return { taskId, ...result };
}

const sum = await createTask("What is 2 plus 3?");
console.log(sum.finalResponse);
console.log((await followUp(sum.taskId, "Multiply that by 4.")).finalResponse);

const prompted = await createTask("What is 9 minus 4?", { systemPrompt: "Answer in one line." });
console.log(prompted.finalResponse);

const csv = new File(["a,b\n1,2\n3,4\n"], "table.csv", { type: "text/csv" });
const table = await createTask("Sum column b of uploads/table.csv", { files: [csv] });
console.log(table.finalResponse);

const manual = await createManualTask("List the files here.", () => "proceed_once");
console.log(manual.finalResponse.split("\n")[0]);

const list = await call("GET", "/api/v1/tasks?limit=2");
console.log(`${list.data.length} of ${list.pagination.total} tasks`);
const task = (await call("GET", `/api/v1/tasks/${sum.taskId}`)).data;
console.log(`${task.status}: ${task.output.content}`);

const waiting = new FormData();
waiting.append("message", "List the files here.");
waiting.append("autoExecute", "false");
const { data } = await call("POST", "/api/v1/tasks", waiting);
console.log((await call("DELETE", `/api/v1/tasks/${data.id}`)).data.message);
