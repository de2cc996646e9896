//! What only SQLite promises: the directory's lock, group commit, other processes' writes, copies.

use std::os::unix::fs::PermissionsExt as _;

use model::{OrganizationId, OsRandom, ProjectId, RunNumber, TaskScope};
use store::{Error, OpenMode, Signal, Store, StoreConfig, TaskFilter};

use crate::support::{Fixture, append, heard, new_task, started};

fn directory(fixture: &Fixture) -> std::path::PathBuf {
    match &fixture.config {
        StoreConfig::Sqlite { directory, .. } => directory.clone(),
        StoreConfig::Postgres { .. } => panic!("these tests are SQLite's"),
    }
}

async fn beside(fixture: &Fixture) -> Store {
    let config = StoreConfig::Sqlite {
        directory: directory(fixture),
        mode: OpenMode::Beside,
    };
    Store::open(&config).await.unwrap()
}

#[tokio::test]
async fn one_server_a_directory() {
    let fixture = Fixture::sqlite().await;
    assert!(fixture.store.is_exclusive());
    let second = Store::open(&fixture.config).await.unwrap_err();
    assert!(matches!(second, Error::InUse(_)), "{second}");
    let command = beside(&fixture).await;
    command.ping().await.unwrap();
    assert!(!command.is_exclusive());
    command.close().await;
    fixture.store.close().await;
    let scope = TaskScope {
        organization_id: OrganizationId::generate(&OsRandom),
        project_id: ProjectId::generate(&OsRandom),
        whose: model::Whose::Anybody,
    };
    let closed = fixture.store.insert_task(new_task(&scope, 1)).await;
    assert!(matches!(closed, Err(Error::Closed)));
    let next = Store::open(&fixture.config).await.unwrap();
    next.close().await;
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    let fixture = Fixture::sqlite().await;
    fixture.tenant().await;
    let mut seen = 0;
    for entry in std::fs::read_dir(directory(&fixture)).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{entry:?}");
        seen += 1;
    }
    assert!(seen >= 3, "database, log and lock");
}

/// Commands that are committed together: those that fail undo themselves and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_command_does_not_undo_its_neighbours() {
    let fixture = Fixture::sqlite().await;
    let scope = fixture.tenant().await;
    let twice = new_task(&scope, 1);
    let mut commands = tokio::task::JoinSet::new();
    for n in 0..200 {
        let store = fixture.store.clone();
        // Every second one has the id of the others like it: one of them is made.
        let new = if n % 2 == 0 {
            new_task(&scope, n)
        } else {
            twice.clone()
        };
        commands.spawn(async move { store.insert_task(new).await });
    }
    let results = commands.join_all().await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 101);
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(error, Error::Duplicate { .. }), "{error}");
    }
    let page = fixture
        .store
        .list_tasks(&scope, TaskFilter::default(), 100, 0);
    assert_eq!(page.await.unwrap().total, 101);
    let rows = fixture
        .store
        .list_rows(&scope, twice.task.id, model::Seq(0));
    assert_eq!(rows.await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn a_write_of_another_process_is_noticed() {
    let fixture = Fixture::sqlite().await;
    let scope = fixture.tenant().await;
    let mut signals = fixture.store.signals();
    let id = fixture.task(&scope, 1).await;
    let other = beside(&fixture).await;
    let mut step = append(id, RunNumber::FIRST, 1);
    step.events = vec![started("x")];
    other.append(step).await.unwrap();
    let mut before = Vec::new();
    loop {
        let signal = signals.recv().await.unwrap();
        if signal == Signal::Foreign {
            break;
        }
        before.push(signal);
    }
    assert_eq!(before, [Signal::RunQueued, Signal::TaskChanged(id)]);
    // Only once, and not for one's own writes: the next news is the next write's.
    fixture.task(&scope, 2).await;
    assert_eq!(signals.recv().await.unwrap(), Signal::RunQueued);
    other.insert_task(new_task(&scope, 3)).await.unwrap();
    heard(&mut signals, Signal::Foreign).await;
    other.close().await;
}

#[tokio::test]
async fn a_copy_is_whole_and_readable_by_nobody_else() {
    let fixture = Fixture::sqlite().await;
    let scope = fixture.tenant().await;
    let id = fixture.task(&scope, 1).await;
    let copy = tempfile::tempdir().unwrap();
    let file = copy.path().join("sigmic.db");
    fixture.store.backup(file.clone()).await.unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let over = fixture.store.backup(file).await;
    assert!(
        matches!(over, Err(Error::Unavailable { .. })),
        "no file is overwritten"
    );
    let config = StoreConfig::Sqlite {
        directory: copy.path().to_owned(),
        mode: OpenMode::Serve,
    };
    let restored = Store::open(&config).await.unwrap();
    assert!(restored.is_migrated().await.unwrap());
    assert!(restored.find_task(&scope, id).await.unwrap().is_some());
    restored.close().await;
}

#[tokio::test]
async fn a_copy_of_postgres_is_made_with_its_own_tool() {
    let fixture = Fixture::postgres().await;
    let error = fixture.store.backup("/nowhere".into()).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(text) if text.contains("pg_dump")));
}

#[tokio::test]
async fn a_fresh_database_is_not_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let config = StoreConfig::Sqlite {
        directory: directory.path().join("new"),
        mode: OpenMode::Serve,
    };
    let store = Store::open(&config).await.unwrap();
    assert!(!store.is_migrated().await.unwrap());
    store.close().await;
    let url = testkit::TestDatabase::create().await.url().to_owned();
    let store = Store::open(&StoreConfig::Postgres { url }).await.unwrap();
    assert!(!store.is_migrated().await.unwrap());
    // Two at once.
    let (one, other) = tokio::join!(store.migrate(), store.migrate());
    one.unwrap();
    other.unwrap();
    assert!(store.is_migrated().await.unwrap());
    store.close().await;
}

#[tokio::test]
async fn a_task_that_cannot_be_read_holds_up_nobody() {
    let fixture = Fixture::sqlite().await;
    let scope = fixture.tenant().await;
    let poison = fixture.task(&scope, 1_000).await;
    let healthy = fixture.task(&scope, 2_000).await;
    let elsewhere = fixture.task(&fixture.tenant().await, 3_000).await;
    let files = std::fs::read_dir(directory(&fixture)).unwrap().flatten();
    let mut files = files.map(|entry| entry.path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "db"));
    let damage = rusqlite::Connection::open(file.unwrap()).unwrap();
    let sql = "UPDATE tasks SET message = x'7b' WHERE id = ?1";
    assert_eq!(damage.execute(sql, [poison.to_string()]).unwrap(), 1);
    let mut claimed = Vec::new();
    while let Some(next) = fixture.claim(crate::support::worker(), 4_000).await {
        claimed.push(next.task.id);
    }
    claimed.sort();
    let mut wanted = [healthy, elsewhere];
    wanted.sort();
    assert_eq!(claimed, wanted);
    let run = fixture.store.unscoped_find_run(poison, RunNumber::FIRST);
    assert_eq!(run.await.unwrap().unwrap().state, model::RunState::Ended);
}
