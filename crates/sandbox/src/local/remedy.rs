//! What an operator can do when the sandbox cannot be built.

use std::fs;
use std::path::Path;

use crate::Tier;

/// A step of the start that failed, in the operator's words.
#[derive(Debug)]
pub(super) struct Advice {
    pub(super) reason: String,
    pub(super) remedies: Vec<String>,
}

/// What the machine says about itself.
#[derive(Debug, Clone, Copy)]
struct Host {
    container: bool,
    apparmor_restricts: bool,
    namespaces_off: bool,
}

impl Host {
    fn look() -> Self {
        let is = |path: &str, value: &str| {
            fs::read_to_string(path).is_ok_and(|text| text.trim() == value)
        };
        Self {
            container: Path::new("/.dockerenv").exists()
                || Path::new("/run/.containerenv").exists()
                || Path::new("/var/run/secrets/kubernetes.io").exists(),
            apparmor_restricts: is(
                "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                "1",
            ),
            namespaces_off: is("/proc/sys/user/max_user_namespaces", "0")
                || is("/proc/sys/kernel/unprivileged_userns_clone", "0"),
        }
    }
}

/// Explains why `step` failed.
pub(super) fn advise(tier: Tier, step: &str, error: &str) -> Advice {
    match tier {
        Tier::Native => advise_for(step, error, Host::look()),
        Tier::Landlock | Tier::None => advise_tree(tier, step, error),
    }
}

fn advise_tree(tier: Tier, step: &str, error: &str) -> Advice {
    let remedy = match step {
        "landlock" => {
            "The tier `landlock` needs Linux 5.13 or newer with Landlock among its security modules \
             (`cat /sys/kernel/security/lsm`), and a container engine that lets its calls through."
        }
        "reach the workspace" => {
            "Commands run as users of their own, who must be able to pass to the data directory: \
             put it where others may pass, such as /var/lib/sigmic (SIGMIC_DATA_DIR)."
        }
        _ => "Run `sigmic doctor` on the host and see docs/guide/sandbox.md.",
    };
    Advice {
        reason: format!("the sandbox `{tier}` cannot be built here: `{step}` failed: {error}"),
        remedies: vec![remedy.to_owned()],
    }
}

fn advise_for(step: &str, error: &str, host: Host) -> Advice {
    let mut remedies = Vec::new();
    if host.container {
        remedies.push(
            "Start the container with `--security-opt seccomp=unconfined --security-opt \
             systempaths=unconfined` (on AppArmor hosts also `apparmor=unconfined`): the sandbox \
             brings its own filter."
                .to_owned(),
        );
        remedies.push(
            "On Kubernetes set `hostUsers: false`, `procMount: Unmasked` and a localhost seccomp \
             profile."
                .to_owned(),
        );
    }
    if host.apparmor_restricts {
        remedies.push(
            "Ubuntu restricts user namespaces: install an AppArmor profile for the sigmic binary \
             that grants `userns` (`sudo apparmor_parser -r /etc/apparmor.d/sigmic`), or run the \
             server as root under systemd."
                .to_owned(),
        );
    }
    if host.namespaces_off {
        remedies.push(
            "User namespaces are switched off: `sudo sysctl -w user.max_user_namespaces=10000` \
             (Debian before 11 also `kernel.unprivileged_userns_clone=1`)."
                .to_owned(),
        );
    }
    if error.contains("os error 38") {
        remedies.push("This needs Linux 5.12 or newer.".to_owned());
    }
    if remedies.is_empty() {
        remedies.push(match step {
            "mount /proc" => "The kernel refuses a new /proc because parts of the present one are \
                              hidden: run outside a container, or unmask it (`--security-opt \
                              systempaths=unconfined`)."
                .to_owned(),
            _ => "Run `sigmic doctor` on the host and see docs/guide/sandbox.md.".to_owned(),
        });
    }
    Advice {
        reason: format!("the native sandbox cannot be built here: `{step}` failed: {error}"),
        remedies,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_obstacle_has_its_remedy() {
        let plain = Host {
            container: false,
            apparmor_restricts: false,
            namespaces_off: false,
        };
        let says = |step, host, word: &str| {
            let advice = advise_for(step, "EPERM", host);
            assert!(advice.reason.contains(step));
            assert!(
                advice.remedies.iter().any(|line| line.contains(word)),
                "{advice:?}"
            );
        };
        let container = Host {
            container: true,
            ..plain
        };
        says("unshare", container, "systempaths");
        let apparmor = Host {
            apparmor_restricts: true,
            ..plain
        };
        says("uid map", apparmor, "AppArmor");
        let off = Host {
            namespaces_off: true,
            ..plain
        };
        says("unshare", off, "max_user_namespaces");
        says("mount /proc", plain, "systempaths");
        says("unshare", plain, "doctor");
        let old = advise_for(
            "mount /usr",
            "Function not implemented (os error 38)",
            plain,
        );
        assert_eq!(old.remedies, ["This needs Linux 5.12 or newer."]);
    }
}
