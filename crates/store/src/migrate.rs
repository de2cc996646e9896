//! The schema and its versions. Migrations are embedded, numbered and never changed once
//! released: to change the schema add a file `V<n>__<name>.sql` to both folders and to both lists.

use refinery::{Migration, Runner};

use crate::Error;

const SQLITE: &[(&str, &str)] = &[
    (
        "V1__foundation",
        include_str!("../migrations/sqlite/V1__foundation.sql"),
    ),
    (
        "V2__widgets",
        include_str!("../migrations/sqlite/V2__widgets.sql"),
    ),
    (
        "V3__key_callers",
        include_str!("../migrations/sqlite/V3__key_callers.sql"),
    ),
    (
        "V4__people",
        include_str!("../migrations/sqlite/V4__people.sql"),
    ),
    (
        "V5__audit_log",
        include_str!("../migrations/sqlite/V5__audit_log.sql"),
    ),
    (
        "V6__rate_buckets",
        include_str!("../migrations/sqlite/V6__rate_buckets.sql"),
    ),
    (
        "V7__usage",
        include_str!("../migrations/sqlite/V7__usage.sql"),
    ),
    (
        "V8__data_keys",
        include_str!("../migrations/sqlite/V8__data_keys.sql"),
    ),
    (
        "V9__identities",
        include_str!("../migrations/sqlite/V9__identities.sql"),
    ),
    (
        "V10__second_factors",
        include_str!("../migrations/sqlite/V10__second_factors.sql"),
    ),
];

const POSTGRES: &[(&str, &str)] = &[
    (
        "V1__foundation",
        include_str!("../migrations/postgres/V1__foundation.sql"),
    ),
    (
        "V2__widgets",
        include_str!("../migrations/postgres/V2__widgets.sql"),
    ),
    (
        "V3__key_callers",
        include_str!("../migrations/postgres/V3__key_callers.sql"),
    ),
    (
        "V4__people",
        include_str!("../migrations/postgres/V4__people.sql"),
    ),
    (
        "V5__audit_log",
        include_str!("../migrations/postgres/V5__audit_log.sql"),
    ),
    (
        "V6__rate_buckets",
        include_str!("../migrations/postgres/V6__rate_buckets.sql"),
    ),
    (
        "V7__usage",
        include_str!("../migrations/postgres/V7__usage.sql"),
    ),
    (
        "V8__data_keys",
        include_str!("../migrations/postgres/V8__data_keys.sql"),
    ),
    (
        "V9__identities",
        include_str!("../migrations/postgres/V9__identities.sql"),
    ),
    (
        "V10__second_factors",
        include_str!("../migrations/postgres/V10__second_factors.sql"),
    ),
];

/// The newest version that this program knows, the same on both backends.
pub(crate) const LATEST: i64 = 10;

pub(crate) fn sqlite_runner() -> Result<Runner, Error> {
    runner(SQLITE)
}

pub(crate) fn postgres_runner() -> Result<Runner, Error> {
    runner(POSTGRES)
}

fn runner(list: &[(&str, &str)]) -> Result<Runner, Error> {
    let migrations: Result<Vec<_>, _> = list
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect();
    let migrations = migrations.map_err(|error| Error::unavailable("read migrations", error))?;
    Ok(Runner::new(&migrations))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(name: &str) -> i64 {
        name[1..].split('_').next().unwrap().parse().unwrap()
    }

    #[test]
    fn every_file_is_listed_on_both_backends() {
        for (folder, list) in [("sqlite", SQLITE), ("postgres", POSTGRES)] {
            let path = format!("{}/migrations/{folder}", env!("CARGO_MANIFEST_DIR"));
            let mut files: Vec<_> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort_by_key(|name| number(name));
            let listed: Vec<_> = list.iter().map(|(name, _)| format!("{name}.sql")).collect();
            assert_eq!(files, listed);
            assert_eq!(number(list.last().unwrap().0), LATEST);
        }
        assert_eq!(SQLITE.len(), POSTGRES.len());
    }
}
