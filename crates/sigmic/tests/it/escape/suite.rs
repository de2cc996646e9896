//! Runs every attack in every tier, with the server as each user, and writes the table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::stand::{Stand, Tier, User, command_of};
use super::table::{Column, all, markdown};
use super::{
    a_files, b_processes, c_privileges, d_kernel, e_listed, e_network, f_resources, g_output,
    h_file_api, i_secrets, j_availability,
};

/// The document that holds the table of one run.
const DOCUMENT: &str = "docs/reference/escape-suite.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Head of a column.
fn name(user: User, tier: &Tier) -> String {
    match user {
        User::Own => format!("{}, root", tier.name),
        User::Ordinary => format!("{}, ordinary user", tier.name),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

async fn column(user: User, tier: &Tier) -> Column {
    let mut column = Column::new(name(user, tier), &tier.differences_as(user));
    let network = [("SIGMIC_SANDBOX__NETWORK", "none".to_owned())];
    let stand = Stand::start(user, tier, &network).await;
    a_files::attack(&stand, user, &mut column).await;
    c_privileges::attack(&stand, &mut column).await;
    d_kernel::attack(&stand, &mut column).await;
    e_network::without(&stand, &mut column).await;
    g_output::attack(&stand, &mut column).await;
    h_file_api::attack(&stand, &mut column).await;
    i_secrets::attack(&stand, &mut column).await;
    j_availability::attack(&stand, user, tier, &mut column).await;
    f_resources::attack(&stand, &mut column).await;
    b_processes::attack(&stand, &mut column).await;
    drop(stand);
    e_listed::attack(user, tier, &mut column).await;
    let stand = e_network::through_the_proxy(user, tier, &mut column).await;
    b_processes::power_cut(stand, &mut column).await;
    column
}

#[expect(
    clippy::print_stdout,
    reason = "whoever runs the suite reads the table"
)]
#[tokio::test(flavor = "multi_thread")]
async fn no_attack_succeeds_in_any_tier_as_any_user() {
    let is_root = rustix::process::geteuid().is_root();
    let mut columns = Vec::new();
    for tier in Tier::ALL {
        if is_root {
            let (own, ordinary) =
                tokio::join!(column(User::Own, tier), column(User::Ordinary, tier));
            columns.extend([own, ordinary]);
        } else {
            // An ordinary user already: the other column needs root.
            let mut own = column(User::Own, tier).await;
            own.name = name(User::Ordinary, tier);
            columns.push(own);
        }
    }
    let table = markdown(&columns);
    println!("{table}");
    let target = root().join("target");
    std::fs::create_dir_all(&target).unwrap();
    std::fs::write(target.join("escape-table.md"), &table).unwrap();
    let faults: Vec<String> = columns.iter().flat_map(Column::faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The same scripts on the host, with nothing around them: what the suite takes for held off is
/// seen to succeed.
#[test]
fn attacks_are_noticed_where_nothing_holds_them_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    std::fs::create_dir(path("data")).unwrap();
    for name in ["data/sigmic.db", "sigmic.toml", "server.log", "secret.txt"] {
        std::fs::write(path(name), "x").unwrap();
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let facts = [
        ("DATA", path("data")),
        ("HOST_HOME", path("")),
        ("VICTIM", path("")),
        ("VICTIM_ID", name_of(directory.path())),
        ("ADDRESSES", String::new()),
        ("PORT", port.clone()),
        ("TCP", port),
    ];
    let safe = ["A3", "A4", "A5", "A6", "A10", "D16", "E1"];
    let scripts: Vec<_> = [a_files::SCRIPTS, d_kernel::SCRIPTS, e_network::CLOSED]
        .into_iter()
        .flatten()
        .filter(|(id, _)| safe.contains(id))
        .copied()
        .collect();
    assert_eq!(scripts.len(), safe.len());
    let output = std::process::Command::new("/bin/bash")
        .args(["-c", &command_of(&scripts, &facts)])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    for (id, _) in &scripts {
        let noticed = format!("@{id} open worked: ");
        assert!(said.contains(&noticed), "{id}: {said}");
    }
}

#[test]
fn open_missing_unlisted_and_outdated_are_faults() {
    let mut column = Column::new(
        "nothing".to_owned(),
        &[&[("A5", "all"), ("A1", "no more"), ("A6", "all")]],
    );
    for id in ["A4", "A5"] {
        column.tried(id, false, "open");
    }
    column.check("A6", false, "on the host");
    column.check("A1", true, "");
    column.check("Z1", true, "");
    let faults = column.faults();
    assert!(!faults.iter().any(|fault| fault.starts_with("A5 ")));
    // What the host shows, no difference excuses.
    assert!(
        faults
            .iter()
            .any(|fault| fault == "A6 [nothing]: **open**: on the host")
    );
    assert!(
        faults
            .iter()
            .any(|fault| fault == "A1 [nothing]: differs no more")
    );
    assert!(
        faults
            .iter()
            .any(|fault| fault.starts_with("A4 [nothing]: **open**"))
    );
    assert!(
        faults
            .iter()
            .any(|fault| fault == "A2 [nothing]: **missing**")
    );
    assert!(
        faults
            .iter()
            .any(|fault| fault == "Z1 [nothing]: not listed")
    );
}

#[test]
fn the_document_has_the_rows_and_columns_of_the_suite() {
    let text = std::fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let mut head = String::from("| id | attack |");
    for tier in Tier::ALL {
        for user in User::ALL {
            let _ = write!(head, " {} |", name(*user, tier));
        }
    }
    assert!(text.contains(&head), "columns: {head}");
    let documented: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            Some((cells.next()?, cells.next()?))
        })
        .filter(|(id, _)| id.ends_with(|last: char| last.is_ascii_digit()))
        .collect();
    let wanted: Vec<_> = all().map(|probe| (probe.id, probe.what)).collect();
    assert_eq!(documented, wanted);
    assert_eq!(wanted.len(), 130);
    assert!(
        !text.contains("**"),
        "an attack that succeeds is documented"
    );
}
