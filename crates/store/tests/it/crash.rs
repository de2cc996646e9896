//! What was acknowledged is there after the process was killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use model::{RunNumber, Seq, TaskId};
use store::{OpenMode, Store, StoreConfig};

use crate::support::{Fixture, append, new_task, started};

/// Names the directory for the process that is to be killed.
const VICTIM: &str = "SIGMIC_TEST_CRASH_DIRECTORY";

fn config(directory: PathBuf) -> StoreConfig {
    StoreConfig::Sqlite {
        directory,
        mode: OpenMode::Serve,
    }
}

/// Run by the test below in a process of its own: writes until it is killed, and prints the id of
/// each task whose commands were all answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn victim() {
    let Some(directory) = std::env::var_os(VICTIM) else {
        return;
    };
    let fixture = Fixture::open(config(directory.into()), None).await;
    let scope = fixture.tenant().await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (store, scope) = (fixture.store.clone(), scope.clone());
        writers.spawn(async move {
            loop {
                let new = new_task(&scope, 1);
                let id = new.task.id;
                store.insert_task(new).await.unwrap();
                let mut step = append(id, RunNumber::FIRST, 1);
                step.events = vec![started("a"), started("b")];
                store.append(step).await.unwrap();
                // One write, so that a line is whole or missing.
                let line = format!("acknowledged {id}\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    writers.join_all().await;
}

/// The ids that a victim printed before it was killed.
fn kill_after(wanted: usize, directory: &Path) -> Vec<TaskId> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::victim", "--nocapture"])
        .env(VICTIM, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let mut ids = Vec::new();
    for line in output.lines().map_while(Result::ok) {
        let id = line.split_once("acknowledged ").map(|(_, id)| id);
        ids.extend(id.and_then(|id| id.parse::<TaskId>().ok()));
        if ids.len() == wanted {
            // What is still in the pipe counts too.
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(ids.len() >= wanted);
    ids
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let victim = tokio::task::spawn_blocking(move || kill_after(100, &path));
    let acknowledged = victim.await.unwrap();
    // The lock died with its process.
    let store = Store::open(&config(directory.path().to_owned())).await;
    let store = store.unwrap();
    for id in acknowledged {
        let rows = store.unscoped_list_rows(id, Seq(0)).await.unwrap();
        let numbers: Vec<_> = rows.iter().map(|row| row.seq.0).collect();
        assert_eq!(numbers, [1, 2, 3]);
        let task = store.unscoped_find_task(id).await.unwrap().unwrap();
        assert_eq!(task.last_seq, Seq(3));
    }
    store.close().await;
}
