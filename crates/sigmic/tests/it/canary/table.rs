//! The kinds of secrets, the places that are searched, and which may be seen where.

use std::collections::BTreeMap;

use super::forms;

/// Where secrets are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The server's log, all of it (`RUST_LOG=trace`).
    Log,
    /// Every column of every table, the journal among them.
    Tables,
    /// The files of the embedded database, byte for byte.
    DatabaseFiles,
    /// `GET` of tasks, lists, histories, lists of files.
    Answers,
    /// Streams: live, from the beginning, resumed, replayed.
    Streams,
    /// Bodies of errors.
    Errors,
    /// What revocations answer, and the audit log.
    Receipts,
    /// The page for Prometheus.
    Metrics,
    /// Bodies of requests to the model.
    Model,
    /// Heads of requests to the model.
    ModelHeads,
    /// Files of the workspaces, and their downloads.
    Files,
    /// The answers that give a secret to its owner, once.
    Given,
}

impl Place {
    pub(super) const ALL: [Self; 12] = [
        Self::Log,
        Self::Tables,
        Self::DatabaseFiles,
        Self::Answers,
        Self::Streams,
        Self::Errors,
        Self::Receipts,
        Self::Metrics,
        Self::Model,
        Self::ModelHeads,
        Self::Files,
        Self::Given,
    ];

    /// As the document says it.
    fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Tables => "tables",
            Self::DatabaseFiles => "database files",
            Self::Answers => "answers",
            Self::Streams => "streams",
            Self::Errors => "errors",
            Self::Receipts => "receipts",
            Self::Metrics => "metrics",
            Self::Model => "the model's requests",
            Self::ModelHeads => "their heads",
            Self::Files => "files",
            Self::Given => "the answer that gives it",
        }
    }
}

/// A kind of secret.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// What it is.
    what: &'static str,
    /// Where it is seen, and nowhere else.
    shown: &'static [Place],
}

/// A command may print what is no secret, and a file is its owner's.
const OPEN: &[Place] = &[
    Place::Tables,
    Place::DatabaseFiles,
    Place::Answers,
    Place::Streams,
    Place::Model,
    Place::Files,
];

#[rustfmt::skip]
pub(super) const KINDS: &[Kind] = &[
    Kind { name: "env", what: "a task's `env`, which its commands print", shown: OPEN },
    Kind { name: "secret", what: "a task's `secrets`: in its message, printed by commands in the foreground and the background, written to a file and read from there, said by the model, in an error of the model", shown: &[Place::Files] },
    Kind { name: "widget-env", what: "an end user's `env`, printed the same way", shown: OPEN },
    Kind { name: "widget-secret", what: "an end user's `secrets`, the same ways", shown: &[Place::Files] },
    Kind { name: "provider-key", what: "the model provider's key, which the provider repeats in an error", shown: &[Place::ModelHeads] },
    Kind { name: "master-key", what: "the master key, from the environment", shown: &[] },
    Kind { name: "key", what: "an API key in use, in either header, and after it was revoked", shown: &[Place::Given] },
    Kind { name: "unknown-key", what: "a well-formed API key that nobody has", shown: &[] },
    Kind { name: "malformed-key", what: "what begins like an API key", shown: &[] },
    Kind { name: "token", what: "a widget token in use, and after it was cut off", shown: &[Place::Given] },
    Kind { name: "forged-token", what: "a token of somebody else's making", shown: &[] },
    Kind { name: "app-secret", what: "a widget app's secret, and one that is wrong beside it", shown: &[Place::Given] },
    Kind { name: "link", what: "a link with which a person chooses a password, and after it was used", shown: &[] },
    Kind { name: "password", what: "a person's password", shown: &[] },
    Kind { name: "wrong-password", what: "a wrong one", shown: &[] },
    Kind { name: "session", what: "the cookie of a person who has signed in, and after they signed out", shown: &[Place::Given] },
    Kind { name: "basic", what: "a password in `Authorization: Basic`", shown: &[] },
    Kind { name: "cookie", what: "a cookie", shown: &[] },
    Kind { name: "query", what: "a key in the query of a URL", shown: &[] },
    Kind { name: "path", what: "a key in the path of a URL", shown: &[] },
];

/// What was seen: by place, all bytes of it.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<Place, Vec<u8>>);

impl Seen {
    pub(super) fn add(&mut self, place: Place, bytes: impl AsRef<[u8]>) {
        let all = self.0.entry(place).or_default();
        all.extend_from_slice(bytes.as_ref());
        all.push(b'\n');
    }

    /// The ways in which a value is written in a place.
    pub(super) fn forms_in(&self, place: Place, value: &str) -> Vec<String> {
        let bytes = self.0.get(&place).map_or(&[][..], Vec::as_slice);
        let text = String::from_utf8_lossy(bytes);
        let mut found = forms::all(value);
        found.retain(|(_, form)| text.contains(form.as_str()));
        found.into_iter().map(|(name, _)| name).collect()
    }

    /// What is not as the table says, a line each.
    pub(super) fn faults(&self, values: &BTreeMap<&'static str, String>) -> Vec<String> {
        let mut faults = Vec::new();
        for kind in KINDS {
            let value = &values[kind.name];
            for place in Place::ALL {
                let forms = self.forms_in(place, value);
                // The embedded database has no files where the server uses PostgreSQL.
                let searched = self.0.contains_key(&place) || place == Place::DatabaseFiles;
                let (name, place_name) = (kind.name, place.name());
                match (kind.shown.contains(&place), forms.is_empty()) {
                    _ if !searched => faults.push(format!("{place_name} was not searched")),
                    (true, true) if self.0.contains_key(&place) => {
                        faults.push(format!("{name} is not in {place_name}"));
                    }
                    (false, false) => {
                        let around = self.around(place, value, &forms[0]);
                        faults.push(format!("{name} is in {place_name}: {forms:?}: {around}"));
                    }
                    (true, _) | (false, true) => {}
                }
            }
        }
        faults
    }

    /// What stands before the first place of a form, to find where it comes from.
    fn around(&self, place: Place, value: &str, form: &str) -> String {
        let text = String::from_utf8_lossy(&self.0[&place]);
        let (_, form) = forms::all(value)
            .into_iter()
            .find(|(name, _)| name == form)
            .unwrap();
        let at = text.find(&form).unwrap();
        let before: Vec<char> = text[..at].chars().rev().take(200).collect();
        before.into_iter().rev().collect()
    }
}

/// The rows of the document.
fn rows() -> String {
    let row = |kind: &Kind| {
        let shown: Vec<&str> = kind.shown.iter().map(|place| place.name()).collect();
        let shown = if shown.is_empty() {
            "nowhere".to_owned()
        } else {
            shown.join(", ")
        };
        format!("| {} | {shown} |\n", kind.what)
    };
    KINDS.iter().map(row).collect()
}

#[test]
fn the_document_says_what_may_be_seen_where() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/reference/authentication-tests.md");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(
        text.contains(&rows()),
        "the document should have:\n{}",
        rows()
    );
}

#[test]
fn a_value_that_is_somewhere_else_or_nowhere_is_a_fault() {
    let values: BTreeMap<&'static str, String> = KINDS
        .iter()
        .map(|kind| (kind.name, format!("canary+{}/=", kind.name)))
        .collect();
    let mut seen = Seen::default();
    for place in Place::ALL {
        seen.add(place, "");
    }
    let missing: usize = KINDS.iter().map(|kind| kind.shown.len()).sum();
    assert_eq!(seen.faults(&values).len(), missing);
    let (_, hex) = forms::all(&values["query"]).remove(7);
    seen.add(Place::Log, format!("x{hex}y"));
    let faults = seen.faults(&values);
    assert!(
        faults
            .iter()
            .any(|fault| fault.starts_with("query is in log: [\"hex\"]")),
        "{faults:?}"
    );
    seen.0.remove(&Place::Metrics);
    let faults = seen.faults(&values);
    assert!(
        faults
            .iter()
            .any(|fault| fault == "metrics was not searched")
    );
}
