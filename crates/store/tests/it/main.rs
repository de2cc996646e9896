//! The conformance suite: everything the store promises, on both backends.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

/// Makes two tests of each function: one on SQLite, one on PostgreSQL.
macro_rules! conformance {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let fixture = crate::support::Fixture::sqlite().await;
                super::$name(&fixture).await;
                fixture.store.close().await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let fixture = crate::support::Fixture::postgres().await;
                super::$name(&fixture).await;
                fixture.store.close().await;
            })*
        }
    };
}

mod append;
mod audit;
mod buckets;
mod claims;
mod crash;
mod data_keys;
mod idempotency;
mod identities;
mod keys;
mod leases;
mod lists;
mod people;
mod scopes;
mod signals;
mod sqlite;
mod support;
mod tasks;
mod tenants;
mod texts;
mod usage;
mod widgets;
