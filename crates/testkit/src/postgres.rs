//! A private PostgreSQL: one cluster for each test process, one database for each test.
//!
//! The cluster is made from Debian's binaries at first use and is gone when the process is,
//! however that ends: it runs under a small guard, a shell that waits for the end of a pipe which
//! this process holds, then stops the cluster and removes its files.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::NoTls;

/// A database of a test's own, removed with the cluster.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
}

impl TestDatabase {
    /// Makes an empty database, starting the process's cluster if this is the first.
    ///
    /// # Panics
    /// When there is no PostgreSQL to start; the message says what to install.
    pub async fn create() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let cluster = Cluster::shared();
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        cluster.execute(&format!("CREATE DATABASE {name}")).await;
        Self {
            url: cluster.url(&name),
        }
    }

    /// How many rows of all tables hold this text.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn rows_with(&self, text: &str) -> i64 {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls)
            .await
            .expect("a connection");
        let tables =
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
        let count = async {
            let mut rows = 0;
            for table in client.query(tables, &[]).await.expect("tables") {
                let table: String = table.get(0);
                let sql = format!("SELECT count(*) FROM {table} t WHERE t::text LIKE $1");
                let counted = client
                    .query_one(&sql, &[&format!("%{text}%")])
                    .await
                    .expect("a count");
                rows += counted.get::<_, i64>(0);
            }
            rows
        };
        tokio::select! {
            rows = count => rows,
            broken = connection => panic!("the connection ended: {broken:?}"),
        }
    }

    /// The connection string: a list of `key=value`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A running cluster.
#[derive(Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "the guard is held, not used"))]
struct Cluster {
    socket_directory: PathBuf,
    /// Holds the pipe whose end stops the cluster.
    guard: Child,
}

/// Makes the cluster, says `ready`, waits for the end of its input, stops and removes everything.
const GUARD: &str = r#"
trap '' INT HUP TERM
bin=$1 dir=$2
options="-c listen_addresses= -k $dir -c fsync=off -c full_page_writes=off"
options="$options -c synchronous_commit=off -c max_connections=400 -c shared_buffers=16MB"
{
    "$bin/initdb" -D "$dir/data" -A trust -U sigmic -E UTF8 --locale=C --no-sync &&
    "$bin/pg_ctl" -w -D "$dir/data" -l "$dir/server.log" -o "$options" start
} >"$dir/log" 2>&1 </dev/null && echo ready || cat "$dir/log" "$dir/server.log"
exec >/dev/null 2>&1
read -r line
"$bin/pg_ctl" -D "$dir/data" -m immediate stop
rm -rf "$dir"
"#;

impl Cluster {
    fn shared() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let binaries = binaries();
        let directory = tempfile::Builder::new()
            .prefix("sigmic-pg-")
            .tempdir()
            .expect("a temporary directory can be made")
            .keep();
        let mut command = Command::new("/bin/sh");
        command
            .args([OsStr::new("-c"), OsStr::new(GUARD), OsStr::new("guard")])
            .arg(&binaries)
            .arg(&directory)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C at the terminal ends the tests, not the guard that cleans up after them.
            .process_group(0);
        if let Some((uid, gid)) = other_user() {
            std::os::unix::fs::chown(&directory, Some(uid), Some(gid))
                .expect("root may give the directory away");
            command.uid(uid).gid(gid);
        }
        let mut guard = command.spawn().expect("/bin/sh runs");
        wait_until_ready(&mut guard);
        Self {
            socket_directory: directory,
            guard,
        }
    }

    fn url(&self, database: &str) -> String {
        let host = self.socket_directory.display();
        format!("host={host} user=sigmic dbname={database}")
    }

    async fn execute(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url("postgres"), NoTls)
            .await
            .expect("the private cluster takes connections");
        let mut driver = tokio::task::JoinSet::new();
        driver.spawn(async move {
            // An error here makes the statement below fail, which says more.
            let _ = connection.await;
        });
        client
            .batch_execute(sql)
            .await
            .expect("the private cluster does as it is told");
    }
}

/// Reads until the guard has said `ready` or why not.
fn wait_until_ready(guard: &mut Child) {
    let mut output = guard.stdout.take().expect("the output is a pipe");
    let mut said = String::new();
    // The guard closes its output in both cases.
    output
        .read_to_string(&mut said)
        .expect("the guard speaks UTF-8");
    assert_eq!(said, "ready\n", "PostgreSQL did not start");
}

/// The newest PostgreSQL that Debian's packages installed.
fn binaries() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok();
    versions
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let path = entry.path().join("bin");
            path.join("initdb").exists().then_some((version, path))
        })
        .max()
        .map(|(_, path)| path)
        .expect("tests on PostgreSQL need its server: apt-get install postgresql")
}

/// Whom to run PostgreSQL as: initdb refuses root.
fn other_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let own = std::fs::metadata("/proc/self").expect("Linux has /proc");
    if own.uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("Debian has /etc/passwd");
    let ids = users.lines().find_map(|line| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    });
    Some(ids.expect("Debian's package makes the user postgres"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a process runs; one that ended and waits for its parent does not.
    fn runs(pid: &str) -> bool {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
    }

    #[test]
    fn nothing_is_left_when_the_holder_of_the_pipe_is_gone() {
        let mut cluster = Cluster::start();
        let directory = cluster.socket_directory.clone();
        let file = std::fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
        let pid = file.lines().next().unwrap();
        assert!(runs(pid));
        // What the kernel does when this process ends.
        drop(cluster.guard.stdin.take());
        cluster.guard.wait().unwrap();
        assert!(!runs(pid));
        assert!(!directory.exists());
    }

    #[tokio::test]
    async fn each_test_has_its_own_database() {
        let (one, other) = (TestDatabase::create().await, TestDatabase::create().await);
        assert_ne!(one.url(), other.url());
        for database in [&one, &other] {
            let (client, connection) = tokio_postgres::connect(database.url(), NoTls)
                .await
                .unwrap();
            let mut driver = tokio::task::JoinSet::new();
            driver.spawn(async move { connection.await.unwrap() });
            // Would fail if they were one database.
            client
                .batch_execute("CREATE TABLE t (x INT)")
                .await
                .unwrap();
        }
    }
}
