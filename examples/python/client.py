"""The Task API from Python with `requests`: create, stream, follow up, approve, list, cancel."""

import json
import os
import tempfile

import requests

API_KEY = os.environ.get("SIGMIC_API_KEY", "your-api-key")
BASE_URL = os.environ.get("SIGMIC_BASE_URL", "http://127.0.0.1:8080")
HEADERS = {"Authorization": f"Bearer {API_KEY}"}


def call(method, path, **arguments):
    """One request; the answer of a success, an error with the code of anything else."""
    answer = requests.request(method, f"{BASE_URL}{path}", headers=HEADERS, **arguments).json()
    if not answer["success"]:
        raise RuntimeError("{code}: {message}".format(**answer["error"]))
    return answer


def events(task_id):
    """Yields (event, data) until the run ends."""
    url = f"{BASE_URL}/api/v1/tasks/{task_id}/stream"
    with requests.get(url, headers=HEADERS, stream=True) as response:
        name = None
        for line in response.iter_lines():
            if not line:
                continue
            line = line.decode("utf-8")
            if line.startswith(":"):
                continue
            if line.startswith("event:"):
                name = line.replace("event: ", "")
            elif line.startswith("data:"):
                yield name, json.loads(line.replace("data: ", ""))


def follow(task_id, handlers=None):
    """Follows a task to the end of its run; the final text."""
    final = ""
    for name, data in events(task_id):
        if handlers and name in handlers:
            handlers[name](data)
        if name == "done":
            final = data.get("finalResponse", "")
    return final


def create_task(message, system_prompt=None, auto_execute=True, files=None, handlers=None):
    data = {"message": message, "autoExecute": str(auto_execute).lower()}
    if system_prompt:
        data["systemPrompt"] = system_prompt
    parts = [("files", open(path, "rb")) for path in files or []]
    task_id = call("POST", "/api/v1/tasks", data=data, files=parts)["data"]["id"]
    return task_id, follow(task_id, handlers)


def follow_up(task_id, message):
    call("POST", f"/api/v1/tasks/{task_id}/messages", json={"message": message})
    return follow(task_id)


def approving(message):
    """Creates a task in manual mode and approves each call that waits."""
    data = {"message": message, "autoExecute": "false"}
    task_id = call("POST", "/api/v1/tasks", data=data)["data"]["id"]

    def decide(data):
        if data["status"] == "awaiting_approval":
            path = f"/api/v1/tasks/{task_id}/tools/{data['callId']}/approve"
            answer = call("POST", path, json={"outcome": "proceed_once"})
            print(data["toolName"], "approved:", answer["data"]["approved"])

    return follow(task_id, {"tool_call": decide})


if __name__ == "__main__":
    task_id, answer = create_task("What is 8 plus 9?", system_prompt="Answer in one line.")
    print(answer)
    print(follow_up(task_id, "Multiply that by 2."))
    with tempfile.TemporaryDirectory() as directory:
        table = os.path.join(directory, "table.csv")
        with open(table, "w", encoding="utf-8") as file:
            file.write("a,b\n1,2\n3,4\n")
        print(create_task("Sum column b of uploads/table.csv", files=[table])[1])
    print(approving("List the files here.").splitlines()[0])
    page = call("GET", "/api/v1/tasks", params={"limit": 2})
    print(len(page["data"]), "of", page["pagination"]["total"], "tasks")
    waiting = {"message": "List the files here.", "autoExecute": "false"}
    waiting_id = call("POST", "/api/v1/tasks", data=waiting)["data"]["id"]
    print(call("DELETE", f"/api/v1/tasks/{waiting_id}")["data"]["message"])
