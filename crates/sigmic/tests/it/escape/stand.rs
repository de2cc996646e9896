//! A server of one user with one tier, and tasks on it that attack.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};
use testkit::{Api, ModelServer, RecordedRequest, Reply, Script};

use super::table::{Column, Differences};
use crate::support::{Home, Server};

/// A way to isolate commands that the server has.
#[derive(Debug)]
pub(super) struct Tier {
    /// Its name in the settings.
    pub(super) name: &'static str,
    /// Attacks that it does not hold off as a whole, and what is possible. One that it does hold
    /// off must not be here.
    pub(super) differences: Differences,
    /// More of them where the server is not root.
    pub(super) of_ordinary: Differences,
    /// Whether it needs namespaces.
    pub(super) has_namespaces: bool,
}

impl Tier {
    pub(super) const ALL: &[Self] = &[
        Self {
            name: "native",
            differences: &[],
            of_ordinary: &[],
            has_namespaces: true,
        },
        Self {
            name: "landlock",
            differences: LANDLOCK,
            of_ordinary: LANDLOCK_OF_ORDINARY,
            has_namespaces: false,
        },
    ];

    /// What differs with the server as that user.
    pub(super) fn differences_as(&self, user: User) -> Vec<Differences> {
        let ordinary = user.id() != 0;
        let more = if ordinary { self.of_ordinary } else { &[] };
        vec![self.differences, more]
    }
}

const NO_SOCKETS: &str = "no sockets at all, so no own loopback either";
const NO_NETWORK: &str = "nothing answers: commands have no network at all";

const LANDLOCK: Differences = &[
    (
        "A3",
        "that it is there, its size and times are seen (`stat`)",
    ),
    (
        "E6",
        "that they are there is seen (`stat`); connecting is refused",
    ),
    ("E7", NO_SOCKETS),
    ("E8", NO_SOCKETS),
    ("E9", NO_NETWORK),
    ("E11", NO_NETWORK),
    ("E12", NO_NETWORK),
    ("E13", NO_NETWORK),
    ("E15", NO_NETWORK),
    ("E16", NO_NETWORK),
    ("E17", NO_NETWORK),
    ("E18", NO_NETWORK),
    ("E19", NO_NETWORK),
    ("E21", NO_NETWORK),
    ("E23", NO_NETWORK),
    (
        "F7",
        "temporary files are in the workspace: bytes are limited, not their number",
    ),
    ("H9", "no socket can be made"),
    (
        "J8",
        "no devices for terminals, and no shared memory, which `multiprocessing` needs",
    ),
];

const SHARED_COUNT: &str = "processes of all sandboxes are counted together, with room for 2,048";

const LANDLOCK_OF_ORDINARY: Differences = &[
    (
        "C1",
        "the bounding set is not emptied, which needs root; without new privileges it is void",
    ),
    (
        "F1",
        "while it goes on others may be refused new processes; it is ended, and they work again",
    ),
    ("F2", SHARED_COUNT),
    ("F3", SHARED_COUNT),
];

/// Whom the server runs as.
#[derive(Debug, Clone, Copy)]
pub(super) enum User {
    /// Whoever runs the test.
    Own,
    /// Somebody that exists nowhere else. Needs root.
    Ordinary,
}

impl User {
    pub(super) const ALL: &[Self] = &[Self::Own, Self::Ordinary];
    /// The number of the ordinary user.
    const ORDINARY: u32 = 2_000;

    pub(super) fn id(self) -> u32 {
        match self {
            Self::Own => rustix::process::geteuid().as_raw(),
            Self::Ordinary => Self::ORDINARY,
        }
    }
}

/// How much one sandbox may use: little, so that using it up takes no time.
const LIMITS: &[(&str, &str)] = &[
    ("SIGMIC_SANDBOX__LIMITS__PROCESSES", "96"),
    ("SIGMIC_SANDBOX__LIMITS__MEMORY_BYTES", "402653184"),
    ("SIGMIC_SANDBOX__LIMITS__OPEN_FILES", "256"),
    ("SIGMIC_SANDBOX__LIMITS__FILE_BYTES", "33554432"),
    ("SIGMIC_SANDBOX__LIMITS__WORKSPACE_BYTES", "67108864"),
    ("SIGMIC_SANDBOX__LIMITS__TMP_BYTES", "8388608"),
];
pub(super) const MAX_PROCESSES: usize = 96;
pub(super) const MAX_FILE_BYTES: u64 = 32 << 20;

/// A running server with a victim.
pub(super) struct Stand {
    pub(super) home: Home,
    pub(super) server: Server,
    pub(super) api: Api,
    /// A text that nobody else on this host has: the port of the server.
    pub(super) tag: String,
    /// A task with a file and a process of its own, which others are after.
    pub(super) victim: String,
    _model: ModelServer,
}

/// What came of an attacking task.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) id: String,
    /// What its calls answered.
    pub(super) outputs: Vec<String>,
    /// `success` or `error` of each.
    pub(super) statuses: Vec<String>,
    /// Every byte of its stream.
    pub(super) stream: String,
}

/// A call of a tool.
pub(super) fn call(name: &str, args: &Value) -> Value {
    json!({"name": name, "args": args})
}

/// A call that runs a command.
pub(super) fn shell(command: impl Into<String>) -> Value {
    call("run_shell_command", &json!({"command": command.into()}))
}

/// The model: a user's message is a list of calls, which it makes one after the other.
fn obey(request: &RecordedRequest) -> Reply {
    let text = request.last_user_text();
    let calls: Vec<Value> = serde_json::from_str(text.lines().next().unwrap_or_default()).unwrap();
    let messages = request.messages();
    let latest = messages
        .iter()
        .rev()
        .take_while(|message| message["role"] != "user");
    let made = latest.filter(|message| message["role"] == "tool").count();
    match calls.get(made) {
        Some(call) => Reply::call(call["name"].as_str().unwrap(), call["args"].clone()),
        None => Reply::say("done"),
    }
}

/// A message that makes the model do these calls.
pub(super) fn message(calls: &[Value]) -> Value {
    json!({"message": json!(calls).to_string()})
}

/// A home for servers of that user, with everything in it but the data readable by everybody: what
/// keeps a task from it is the sandbox alone.
pub(super) fn home(user: User) -> Home {
    let home = match user {
        User::Own => Home::new(),
        User::Ordinary => Home::new().of_user(user.id()),
    };
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(home.path(""), everybody).unwrap();
    let config = home.path("sigmic.toml");
    std::fs::write(&config, "# canary-config\nmax_turns = 40\n").unwrap();
    home.with("SIGMIC_CONFIG", config.to_str().unwrap())
        .with("OPENAI_API_KEY", "canary-provider-key")
}

impl Stand {
    pub(super) async fn start(user: User, tier: &Tier, variables: &[(&str, String)]) -> Self {
        let model = ModelServer::start(Script::respond(obey)).await;
        let home = home(user);
        let mut all = vec![
            ("SIGMIC_MODEL", testkit::SCRIPTED_MODEL.to_owned()),
            ("OPENAI_BASE_URL", model.base_url()),
            ("SIGMIC_SANDBOX__ENGINE", tier.name.to_owned()),
        ];
        let limits = LIMITS
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        all.extend(limits);
        all.extend(variables.iter().cloned());
        let server = tokio::task::block_in_place(|| home.serve_with(&all));
        let api = Api::new(server.url.clone(), &home.key());
        let tag = server.url.rsplit(':').next().unwrap().to_owned();
        let script = format!("echo canary-victim > secret.txt; sleep 7{tag} >/dev/null 2>&1 &");
        let victim = api.create(&message(&[shell(script)])).await;
        api.finished(&victim).await;
        let stand = Self {
            home,
            server,
            api,
            tag,
            victim,
            _model: model,
        };
        let ran = stand.ran(stand.victim.clone(), String::new()).await;
        assert_eq!(ran.statuses, ["success"], "{ran:?} {}", stand.home.log());
        stand
    }

    /// The victim's process, as the host numbers it.
    pub(super) async fn victims_process(&self) -> u32 {
        let found = super::host::started(&format!("sleep 7{}", self.tag), 1).await;
        found[0].cast_unsigned()
    }

    pub(super) fn workspace(&self, id: &str) -> PathBuf {
        self.home.data_dir().join("workspaces").join(id)
    }

    /// Runs calls as a task.
    pub(super) async fn run(&self, calls: &[Value]) -> Ran {
        self.run_with(calls, &json!({})).await
    }

    /// Runs calls as a task that is created with more members.
    pub(super) async fn run_with(&self, calls: &[Value], more: &Value) -> Ran {
        let mut body = message(calls);
        let members = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        let id = self.api.create(&body).await;
        let mut events = self.api.stream_from(&id, Some("0")).await;
        events.rest().await;
        let stream = String::from_utf8(events.raw().to_vec()).unwrap();
        self.ran(id, stream).await
    }

    /// What a task's latest run did.
    pub(super) async fn ran(&self, id: String, stream: String) -> Ran {
        let task = self.api.task(&id).await;
        let calls = task["output"]["toolCalls"].as_array().into_iter().flatten();
        let text =
            |call: &Value, member: &str| call[member].as_str().unwrap_or_default().to_owned();
        let (outputs, statuses) = calls
            .map(|call| (text(call, "output"), text(call, "status")))
            .unzip();
        Ran {
            id,
            outputs,
            statuses,
            stream,
        }
    }

    /// Makes scripted attacks in one task; each holds when its script ends with 0.
    pub(super) async fn inside(
        &self,
        column: &mut Column,
        scripts: &[(&'static str, &str)],
        facts: &[(&str, String)],
    ) -> Ran {
        let ran = self.run(&[self.inside_call(scripts, facts)]).await;
        self.judge(
            column,
            scripts,
            ran.outputs.first().map_or("", String::as_str),
        );
        ran
    }

    /// The message that makes scripted attacks.
    pub(super) fn message_inside(
        &self,
        scripts: &[(&'static str, &str)],
        facts: &[(&str, String)],
    ) -> Value {
        message(&[self.inside_call(scripts, facts)])
    }

    /// The call that makes scripted attacks.
    pub(super) fn inside_call(
        &self,
        scripts: &[(&'static str, &str)],
        facts: &[(&str, String)],
    ) -> Value {
        shell(self.command(scripts, facts))
    }

    /// Notes what the output of scripted attacks says.
    pub(super) fn judge(
        &self,
        column: &mut Column,
        scripts: &[(&'static str, &str)],
        output: &str,
    ) {
        for (id, script) in scripts {
            if script.contains("./probe") && !has_compiler() {
                column.skip(id, "no gcc on this machine");
                continue;
            }
            let line = output
                .lines()
                .find_map(|line| line.strip_prefix(&format!("@{id} ")));
            let seen = line.unwrap_or(output);
            column.tried(id, line == Some("held"), seen);
        }
    }

    /// The command of scripted attacks: what the attacker knows of the host, its tools, the attacks.
    fn command(&self, scripts: &[(&'static str, &str)], facts: &[(&str, String)]) -> String {
        let known = [
            ("SERVER_PID", self.server.pid().to_string()),
            ("PORT", self.tag.clone()),
            ("HOST_HOME", self.home.path("").display().to_string()),
            ("DATA", self.home.data_dir().display().to_string()),
            ("VICTIM", self.workspace(&self.victim).display().to_string()),
            ("VICTIM_ID", self.victim.clone()),
        ];
        let all: Vec<_> = known.into_iter().chain(facts.iter().cloned()).collect();
        command_of(scripts, &all)
    }
}

/// The command of scripted attacks by somebody who knows these facts.
pub(super) fn command_of(scripts: &[(&'static str, &str)], facts: &[(&str, String)]) -> String {
    let mut command = String::new();
    for (name, value) in facts {
        command.push_str(&format!("export {name}='{value}'\n"));
    }
    command.push_str(include_str!("inside.sh"));
    if scripts.iter().any(|(_, script)| script.contains("./probe")) {
        command.push_str("cat > probe.c <<'SOURCE'\n");
        command.push_str(include_str!("probe.c"));
        command.push_str("SOURCE\ngcc -w -pthread -o probe probe.c\n");
    }
    for (id, script) in scripts {
        command.push_str(&format!("probe {id} <<'SCRIPT'\n{script}\nSCRIPT\n"));
    }
    command
}

/// Whether the host has the compiler that attackers use.
pub(super) fn has_compiler() -> bool {
    std::path::Path::new("/usr/bin/gcc").exists()
}
