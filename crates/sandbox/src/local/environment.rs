//! The environment of a command: nothing of the server's.

use super::inside::Inside;
use crate::SecretText;

const BASE: &[(&str, &str)] = &[
    (
        "PATH",
        "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ),
    ("USER", "agent"),
    ("LOGNAME", "agent"),
    ("SHELL", "/bin/sh"),
    ("LANG", "C.UTF-8"),
    ("TERM", "dumb"),
    // Programs that would otherwise wait for a person.
    ("DEBIAN_FRONTEND", "noninteractive"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("PAGER", "cat"),
];

const PROXIED: &[&str] = &[
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "YARN_HTTP_PROXY",
    "YARN_HTTPS_PROXY",
];

/// The sandbox's own variables, those of a proxy on the loopback, then the request's.
pub(super) fn compose(
    requested: &[(String, SecretText)],
    inside: &Inside,
    proxy: Option<u16>,
) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: &str| match all.iter_mut().find(|(old, _)| old == name) {
        Some((_, old)) => value.clone_into(old),
        None => all.push((name.to_owned(), value.to_owned())),
    };
    for (name, value) in BASE {
        set(name, value);
    }
    set("HOME", &format!("{}/.sigmic/home", inside.workspace));
    set("TMPDIR", &inside.tmp);
    // For programs that need its absolute path, which is not the same everywhere.
    set("WORKSPACE", &inside.workspace);
    if inside.tmp != "/tmp" {
        // The machine's own is there to be seen and may not be read.
        set("GIT_CONFIG_NOSYSTEM", "1");
    }
    if let Some(port) = proxy {
        let proxy = format!("http://127.0.0.1:{port}");
        for name in PROXIED {
            set(name, &proxy);
        }
        for name in ["NO_PROXY", "no_proxy"] {
            set(name, "localhost,127.0.0.1,::1");
        }
        set("NODE_USE_ENV_PROXY", "1");
    }
    for (name, value) in requested {
        set(name, value.expose_text());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::PROXY_PORT;

    #[test]
    fn the_last_value_counts_and_the_proxy_only_where_there_is_one() {
        let inside = Inside {
            workspace: "/w".to_owned(),
            tmp: "/t".to_owned(),
        };
        let env = compose(
            &[
                ("A".to_owned(), "1".into()),
                ("A".to_owned(), "2".into()),
                ("LANG".to_owned(), "de".into()),
            ],
            &inside,
            None,
        );
        let values = |wanted: &str| -> Vec<&str> {
            env.iter()
                .filter(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
                .collect()
        };
        assert_eq!(values("A"), ["2"]);
        assert_eq!(values("LANG"), ["de"]);
        assert_eq!(
            (values("HOME"), values("TMPDIR")),
            (vec!["/w/.sigmic/home"], vec!["/t"])
        );
        assert!(values("HTTPS_PROXY").is_empty());
        assert!(
            compose(&[], &inside, Some(PROXY_PORT))
                .iter()
                .any(|(name, value)| name == "https_proxy" && value == "http://127.0.0.1:3128")
        );
    }
}
