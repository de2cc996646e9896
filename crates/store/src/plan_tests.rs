//! That the hot statements find their rows by an index, and what they cost with a long queue.

use rusqlite::{Connection, StatementStatus, params};

use crate::dialect::CLAIM_CANDIDATE;
use crate::runs::WAITING_PROJECTS;
use crate::sqlite::keep_plans;
use crate::tasks::{LIST_ROWS, ORDERED, ORDERED_OF_END_USER, ORDERED_OF_LINEAGE};
use crate::tenancy::{FIND_BY_HASH, FIND_CONSOLE_SESSION, FIND_SESSION};

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    keep_plans(&connection).unwrap();
    for schema in [
        include_str!("../migrations/sqlite/V1__foundation.sql"),
        include_str!("../migrations/sqlite/V2__widgets.sql"),
        include_str!("../migrations/sqlite/V3__key_callers.sql"),
        include_str!("../migrations/sqlite/V4__people.sql"),
    ] {
        connection.execute_batch(schema).unwrap();
    }
    connection
}

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    // Nothing is bound: a plan does not depend on the values.
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get("detail").unwrap());
    }
    steps
}

#[test]
fn hot_statements_use_their_index() {
    let connection = database();
    let cases = [
        (FIND_BY_HASH, "INDEX api_keys_hash (hash=?)"),
        (CLAIM_CANDIDATE.sqlite, "INDEX runs_queued (project_id=?)"),
        (ORDERED, "INDEX tasks_project_activity (project_id=?)"),
        (
            ORDERED_OF_LINEAGE,
            "INDEX tasks_lineage_activity (project_id=? AND lineage=?)",
        ),
        (
            ORDERED_OF_END_USER,
            "INDEX tasks_end_user_activity (end_user_id=?)",
        ),
        (FIND_SESSION, "SEARCH s USING PRIMARY KEY (id=?)"),
        (FIND_CONSOLE_SESSION, "INDEX console_sessions_hash (hash=?)"),
    ];
    for (sql, wanted) in cases {
        let plan = plan(&connection, sql);
        assert!(plan[0].contains(wanted), "{plan:?}");
        let sorts = plan.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts, "the index has the order: {plan:?}");
    }
}

/// Steps of SQLite's machine for one execution that reads all rows.
fn steps(connection: &Connection, sql: &str, project: Option<&str>) -> i32 {
    let mut statement = connection.prepare(sql).unwrap();
    let mut rows = match project {
        Some(project) => statement.query(params![project, "worker", 1]).unwrap(),
        None => statement.query([]).unwrap(),
    };
    while rows.next().unwrap().is_some() {}
    drop(rows);
    statement.get_status(StatementStatus::VmStep)
}

#[test]
fn a_claim_does_not_read_the_queue() {
    let connection = database();
    connection
        .execute_batch(
            "PRAGMA foreign_keys = OFF;
             WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 9999)
             INSERT INTO runs (task_id, run, organization_id, project_id, state, attempt,
                queued_at, first_seq, running_ms)
             SELECT 't' || n, 1, 'o', 'p' || (n % 10), 'queued', 0, n, 1, 0 FROM n;
             INSERT INTO project_turns SELECT DISTINCT project_id, 0 FROM runs;",
        )
        .unwrap();
    // Ten projects with a thousand runs each: a hundred steps a project, not ten a run.
    let all = steps(&connection, WAITING_PROJECTS, None);
    assert!(all < 1_000, "{all}");
    let one = steps(&connection, CLAIM_CANDIDATE.sqlite, Some("p3"));
    assert!(one < 100, "{one}");
}

#[test]
fn a_statement_is_prepared_once() {
    let connection = database();
    for (sql, parameters) in [
        (FIND_BY_HASH, 1),
        (FIND_SESSION, 1),
        (FIND_CONSOLE_SESSION, 1),
        (LIST_ROWS, 2),
        (ORDERED, 12),
    ] {
        let mut statement = connection.prepare(sql).unwrap();
        for value in 0..5_i64 {
            for index in 1..=parameters {
                statement.raw_bind_parameter(index, value).unwrap();
            }
            assert!(statement.raw_query().next().unwrap().is_none());
            statement.clear_bindings();
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
    }
}
