//! The audit log: every change has its entry, and a chain tells what was done to it.

use model::{KeyClass, OrganizationId};
use serde_json::{Value, json};
use store::{AuditFault, AuditReport, Error, ProjectPatch, StoreConfig};

use crate::keys::new_key;
use crate::support::{Fixture, by};

conformance![
    an_entry_says_who_did_what_and_what_differs,
    chains_are_apart_and_follow_from_row_to_row,
    changes_at_once_make_one_chain,
    a_change_whose_entry_cannot_be_kept_is_not_made,
    rows_are_not_changed_or_removed,
    a_changed_row_is_found,
    a_changed_last_row_is_found,
    a_removed_row_is_found,
    a_removed_last_row_is_found,
    reordered_rows_are_found,
    a_row_of_another_chain_is_found,
];

/// Runs statements as somebody who has the database.
async fn tamper(fixture: &Fixture, sql: &str) -> Result<(), String> {
    match &fixture.config {
        StoreConfig::Sqlite { directory, .. } => {
            let connection = rusqlite::Connection::open(directory.join("sigmic.db")).unwrap();
            let done = connection.execute_batch(sql);
            done.map_err(|error| error.to_string())
        }
        StoreConfig::Postgres { url } => {
            let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
            let (client, connection) = connected.unwrap();
            let run = async {
                let done = client.batch_execute(sql).await;
                drop(client);
                done.map_err(|error| error.as_db_error().unwrap().message().to_owned())
            };
            tokio::join!(run, connection).0
        }
    }
}

/// The same, with what keeps rows from being changed taken away.
async fn force(fixture: &Fixture, sql: &str) {
    let open = match &fixture.config {
        StoreConfig::Sqlite { .. } => {
            "DROP TRIGGER IF EXISTS audit_log_no_update;
             DROP TRIGGER IF EXISTS audit_log_no_delete;"
        }
        StoreConfig::Postgres { .. } => {
            "DROP TRIGGER IF EXISTS audit_log_append_only ON audit_log;"
        }
    };
    tamper(fixture, &format!("{open} {sql}")).await.unwrap();
}

async fn entries(fixture: &Fixture, organization: OrganizationId) -> Vec<Value> {
    let rows = fixture.store.list_audit_log_after(organization, 0, 100);
    let rows = rows.await.unwrap();
    let parse = |row: &store::AuditRow| serde_json::from_str(&row.entry).unwrap();
    rows.iter().map(parse).collect()
}

async fn report(fixture: &Fixture) -> AuditReport {
    fixture.store.unscoped_verify_audit_log().await.unwrap()
}

/// An organization with a chain of five.
async fn five(fixture: &Fixture) -> OrganizationId {
    let scope = fixture.tenant().await;
    for number in 2..=5 {
        let name = format!("renamed {number}");
        let patch = ProjectPatch {
            name: Some(name),
            ..ProjectPatch::default()
        };
        let (organization, project) = (scope.organization_id, scope.project_id);
        let renamed = fixture
            .store
            .update_project(organization, project, patch, by(number));
        renamed.await.unwrap();
    }
    assert_eq!(report(fixture).await.faults, []);
    scope.organization_id
}

/// The fault that is found in an organization's chain after this was done to it.
async fn fault_after(fixture: &Fixture, sql: impl Fn(&str) -> String) -> AuditFault {
    let chain = five(fixture).await.to_string();
    five(fixture).await;
    force(fixture, &sql(&chain)).await;
    let mut faults = report(fixture).await.faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    let (broken, fault) = faults.remove(0);
    assert_eq!(broken, chain);
    fault
}

async fn an_entry_says_who_did_what_and_what_differs(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    let organization = scope.organization_id;
    let new = new_key(&scope, KeyClass::Project, "ci");
    let (id, hash) = (new.key.id, new.hash.bytes);
    fixture.store.insert_api_key(new, by(2_000)).await.unwrap();
    let reason = Some("leaked".to_owned());
    let revoked = fixture
        .store
        .revoke_api_key(organization, id, reason, by(3_000));
    revoked.await.unwrap();
    let entries = entries(fixture, organization).await;
    let actions: Vec<_> = entries.iter().map(|entry| &entry["action"]).collect();
    assert_eq!(
        actions,
        ["project.create", "apiKey.create", "apiKey.revoke"]
    );
    assert_eq!(entries[1]["after"]["name"], "ci");
    assert_eq!(entries[1]["before"], Value::Null);
    let last = &entries[2];
    assert_eq!(last["seq"], 3);
    assert_eq!(last["at"], "1970-01-01T00:00:03.000Z");
    assert_eq!(last["organizationId"], organization.to_string());
    assert_eq!(
        last["actor"],
        json!({"kind": "operator", "id": null, "name": null})
    );
    assert_eq!(last["target"], id.to_string());
    assert_eq!(
        last["before"],
        json!({"status": "active", "revokeReason": null})
    );
    assert_eq!(
        last["after"],
        json!({"status": "revoked", "revokeReason": "leaked"})
    );
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(!json!(entries).to_string().contains(&hash));
}

async fn chains_are_apart_and_follow_from_row_to_row(fixture: &Fixture) {
    let (first, second) = (five(fixture).await, five(fixture).await);
    for organization in [first, second] {
        let (latest, total) = fixture
            .store
            .list_audit_log(organization, 2, 1)
            .await
            .unwrap();
        let seqs: Vec<_> = latest.iter().map(|row| row.seq).collect();
        assert_eq!((seqs, total), (vec![4, 3], 5));
        let previous: Value = serde_json::from_str(&latest[0].entry).unwrap();
        assert_eq!(previous["previous"], latest[1].hash());
        let rest = fixture.store.list_audit_log_after(organization, 3, 1);
        assert_eq!(rest.await.unwrap(), latest[..1]);
    }
    let report = report(fixture).await;
    assert_eq!((report.chains, report.rows), (2, 10));
}

async fn changes_at_once_make_one_chain(fixture: &Fixture) {
    let organization = fixture.tenant().await.organization_id;
    let mut changes = tokio::task::JoinSet::new();
    for number in 0..20 {
        let store = fixture.store.clone();
        let project = store::Project {
            id: model::ProjectId::generate(&model::OsRandom),
            organization_id: organization,
            name: format!("at once {number}"),
            is_default: false,
            status: store::TenantStatus::Active,
            created_at: by(1).at,
        };
        changes.spawn(async move { store.insert_project(project, by(1)).await });
    }
    for done in changes.join_all().await {
        done.unwrap();
    }
    assert_eq!(entries(fixture, organization).await.len(), 21);
    assert_eq!(report(fixture).await.faults, []);
}

async fn a_change_whose_entry_cannot_be_kept_is_not_made(fixture: &Fixture) {
    let scope = fixture.tenant().await;
    force(fixture, "ALTER TABLE audit_log RENAME TO gone;").await;
    let patch = ProjectPatch {
        name: Some("other".to_owned()),
        ..ProjectPatch::default()
    };
    let (organization, project) = (scope.organization_id, scope.project_id);
    let changed = fixture
        .store
        .update_project(organization, project, patch, by(2));
    assert!(matches!(changed.await, Err(Error::Unavailable { .. })));
    let found = fixture.store.find_project(organization, project).await;
    assert_ne!(found.unwrap().unwrap().name, "other");
}

async fn rows_are_not_changed_or_removed(fixture: &Fixture) {
    five(fixture).await;
    for sql in [
        "UPDATE audit_log SET entry = '{}'",
        "DELETE FROM audit_log WHERE seq = 5",
    ] {
        let refused = tamper(fixture, sql).await.unwrap_err();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

async fn a_changed_row_is_found(fixture: &Fixture) {
    let sql = |chain: &str| {
        format!(
            "UPDATE audit_log SET entry = replace(entry, 'operator', 'server')
             WHERE chain = '{chain}' AND seq = 3"
        )
    };
    assert_eq!(fault_after(fixture, sql).await, AuditFault::Unlinked(4));
}

async fn a_changed_last_row_is_found(fixture: &Fixture) {
    let sql = |chain: &str| {
        format!(
            "UPDATE audit_log SET entry = replace(entry, 'operator', 'server')
             WHERE chain = '{chain}' AND seq = 5"
        )
    };
    let end = AuditFault::End {
        expected: 5,
        found: 5,
    };
    assert_eq!(fault_after(fixture, sql).await, end);
}

async fn a_removed_row_is_found(fixture: &Fixture) {
    let sql = |chain: &str| format!("DELETE FROM audit_log WHERE chain = '{chain}' AND seq = 3");
    let missing = AuditFault::Missing {
        expected: 3,
        found: 4,
    };
    assert_eq!(fault_after(fixture, sql).await, missing);
}

async fn a_removed_last_row_is_found(fixture: &Fixture) {
    let sql = |chain: &str| format!("DELETE FROM audit_log WHERE chain = '{chain}' AND seq = 5");
    let end = AuditFault::End {
        expected: 5,
        found: 4,
    };
    assert_eq!(fault_after(fixture, sql).await, end);
}

async fn reordered_rows_are_found(fixture: &Fixture) {
    let sql = |chain: &str| {
        [(2, 99), (3, 2), (99, 3)]
            .map(|(from, to)| {
                format!("UPDATE audit_log SET seq = {to} WHERE chain = '{chain}' AND seq = {from};")
            })
            .concat()
    };
    assert_eq!(fault_after(fixture, sql).await, AuditFault::Foreign(2));
}

async fn a_row_of_another_chain_is_found(fixture: &Fixture) {
    let sql = |chain: &str| {
        format!(
            "UPDATE audit_log SET entry =
                 (SELECT other.entry FROM audit_log other
                  WHERE other.chain <> '{chain}' AND other.seq = 3)
             WHERE chain = '{chain}' AND seq = 3"
        )
    };
    assert_eq!(fault_after(fixture, sql).await, AuditFault::Foreign(3));
}
