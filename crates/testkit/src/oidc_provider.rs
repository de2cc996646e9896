//! A real OpenID provider in a process of its own: `oidc-provider` of npm, on a free port.

use std::process::{Child, ChildStdout, Command, Stdio};

use auth::{OidcConfig, Secret};
use model::Role;
use serde_json::Value;

/// Where the provider's program and its packages are.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/oidc");

/// See the module. Dropped, it ends; it also ends by itself when this process does.
#[derive(Debug)]
pub struct OidcProvider {
    accounts: Value,
    port: u16,
    process: Child,
}

impl OidcProvider {
    /// One with these accounts: a login with its claims each.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(accounts: Value) -> Self {
        let (process, port) = spawn(0, &accounts).await;
        Self {
            accounts,
            port,
            process,
        }
    }

    /// How a server signs people in at it: whoever has an address at `example.com`, its group `ops`
    /// as admins, its group `staff` as members.
    pub fn config(&self) -> OidcConfig {
        let role = |group: &str, role| (group.to_owned(), role);
        OidcConfig {
            id: "corp".to_owned(),
            name: "Work account".to_owned(),
            issuer: self.issuer(),
            client_id: "sigmic".to_owned(),
            client_secret: Secret::new("secret of sigmic".to_owned()),
            allowed_domains: vec!["example.com".to_owned()],
            group_roles: vec![role("ops", Role::Admin), role("staff", Role::Member)],
        }
    }

    /// Its issuer identifier, which is its base URL.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends it.
    pub fn stop(&mut self) {
        let ended = self.process.kill().and_then(|()| self.process.wait());
        ended.expect("a process of our own ends");
    }

    /// Starts it anew on its port: with other keys, and nobody signed in.
    pub async fn restart(&mut self) {
        self.stop();
        self.process = spawn(self.port, &self.accounts).await.0;
    }

    /// Lets it hand out this ID token in the place of the next one.
    ///
    /// # Panics
    /// When it does not take it.
    pub async fn next_id_token(&self, token: &str) {
        let url = format!("{}/next-id-token", self.issuer());
        let http = reqwest::Client::builder().no_proxy().build();
        let sent = http.expect("a client").put(url).body(token.to_owned());
        let answer = sent.send().await.expect("the provider answers");
        assert!(answer.status().is_success());
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        // An error says that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn spawn(port: u16, accounts: &Value) -> (Child, u16) {
    let installed = std::path::Path::new(DIRECTORY).join("node_modules");
    assert!(
        installed.exists(),
        "the tests' OpenID provider is not installed: npm ci --prefix {DIRECTORY}"
    );
    let mut process = Command::new("node")
        .args(["provider.mjs", &port.to_string(), &accounts.to_string()])
        .current_dir(DIRECTORY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("node is installed");
    let output = process.stdout.take().expect("its output is piped");
    let said = tokio::task::spawn_blocking(move || first_line(output)).await;
    let (said, output) = said.expect("reading does not panic");
    // It would die of a closed one when it says more.
    process.stdout = Some(output);
    let port = said.trim().parse().expect("the provider says its port");
    (process, port)
}

/// The first line. Byte by byte: what comes after it stays in the pipe.
fn first_line(mut output: ChildStdout) -> (String, ChildStdout) {
    let mut line = String::new();
    let mut byte = [0];
    while !line.ends_with('\n') {
        let read = std::io::Read::read_exact(&mut output, &mut byte);
        read.expect("the provider starts");
        line.push(char::from(byte[0]));
    }
    (line, output)
}
