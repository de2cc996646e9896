//! Every management route by every kind of caller.

use model::{KeyClass, Scope};
use reqwest::Method;
use serde_json::json;
use tenancy::NewKey;
use testkit::{Api, Reply, TestServer, send};

use crate::widgets::Shop;

/// A route, and the scopes of which it needs one.
pub(crate) type Route = (Method, &'static str, &'static [Scope]);

const READ_KEYS: &[Scope] = &[Scope::KeysRead, Scope::KeysManage];
const MEMBERS: &[Scope] = &[Scope::MembersManage];
/// What no key may.
const NO_KEY: &[Scope] = &[];
const READ_APPS: &[Scope] = &[Scope::AppsRead, Scope::AppsManage];

/// The management routes; `O`, `P`, `K`, `A`, `S` stand for an organization, a project, a key, an app
/// and a session.
pub(crate) const ROUTES: &[Route] = &[
    (Method::GET, "/api/v1/organizations/O", &[]),
    (Method::PATCH, "/api/v1/organizations/O", &[]),
    (Method::GET, "/api/v1/organizations/O/members", &[]),
    (Method::PATCH, "/api/v1/organizations/O/members/U", MEMBERS),
    (Method::DELETE, "/api/v1/organizations/O/members/U", MEMBERS),
    (Method::GET, "/api/v1/organizations/O/invites", MEMBERS),
    (Method::POST, "/api/v1/organizations/O/invites", MEMBERS),
    (Method::DELETE, "/api/v1/organizations/O/invites/I", MEMBERS),
    (
        Method::POST,
        "/api/v1/organizations/O/invites/I/resend",
        MEMBERS,
    ),
    (
        Method::GET,
        "/api/v1/projects",
        &[
            Scope::ProjectRead,
            Scope::ProjectWrite,
            Scope::ProjectsManage,
        ],
    ),
    (
        Method::GET,
        "/api/v1/organizations/O/audit-log",
        &[Scope::AuditRead],
    ),
    (
        Method::GET,
        "/api/v1/organizations/O/audit-log/export",
        &[Scope::AuditRead],
    ),
    (
        Method::GET,
        "/api/v1/organizations/O/usage",
        &[Scope::UsageRead],
    ),
    (
        Method::GET,
        "/api/v1/organizations/O/usage/limits",
        &[Scope::UsageRead],
    ),
    (Method::PUT, "/api/v1/organizations/O/usage/limits", NO_KEY),
    (
        Method::GET,
        "/api/v1/organizations/O/prices",
        &[Scope::UsageRead],
    ),
    (Method::PUT, "/api/v1/organizations/O/prices", NO_KEY),
    (Method::POST, "/api/v1/projects", &[Scope::ProjectsManage]),
    (
        Method::GET,
        "/api/v1/projects/P",
        &[
            Scope::ProjectRead,
            Scope::ProjectWrite,
            Scope::ProjectsManage,
        ],
    ),
    (Method::DELETE, "/api/v1/projects/P", NO_KEY),
    (
        Method::PATCH,
        "/api/v1/projects/P",
        &[Scope::ProjectWrite, Scope::ProjectsManage],
    ),
    (Method::GET, "/api/v1/projects/P/api-keys", READ_KEYS),
    (
        Method::POST,
        "/api/v1/projects/P/api-keys",
        &[Scope::KeysManage],
    ),
    (
        Method::PATCH,
        "/api/v1/projects/P/api-keys/K",
        &[Scope::KeysManage],
    ),
    (
        Method::DELETE,
        "/api/v1/projects/P/api-keys/K",
        &[Scope::KeysManage],
    ),
    (
        Method::POST,
        "/api/v1/projects/P/api-keys/K/rotate",
        &[Scope::KeysManage],
    ),
    (
        Method::GET,
        "/api/v1/projects/P/api-keys/K/usage",
        READ_KEYS,
    ),
    (Method::GET, "/api/v1/projects/P/widget-apps", READ_APPS),
    (
        Method::POST,
        "/api/v1/projects/P/widget-apps",
        &[Scope::AppsManage],
    ),
    (Method::GET, "/api/v1/projects/P/widget-apps/A", READ_APPS),
    (
        Method::PATCH,
        "/api/v1/projects/P/widget-apps/A",
        &[Scope::AppsManage],
    ),
    (
        Method::DELETE,
        "/api/v1/projects/P/widget-apps/A",
        &[Scope::AppsManage],
    ),
    (
        Method::POST,
        "/api/v1/projects/P/widget-apps/A/rotate-secret",
        &[Scope::AppsManage],
    ),
    (
        Method::GET,
        "/api/v1/projects/P/widget-apps/A/sessions",
        READ_APPS,
    ),
    (
        Method::DELETE,
        "/api/v1/projects/P/widget-apps/A/sessions/S",
        &[Scope::AppsManage],
    ),
    (
        Method::POST,
        "/api/v1/projects/P/widget-apps/A/end-users/revoke",
        &[Scope::AppsManage],
    ),
    (
        Method::POST,
        "/api/v1/projects/P/widget-apps/A/end-users/block",
        &[Scope::AppsManage],
    ),
    (
        Method::POST,
        "/api/v1/projects/P/widget-apps/A/end-users/unblock",
        &[Scope::AppsManage],
    ),
];

/// The path with real ids where there are some.
pub(crate) fn path_of(shop: &Shop, path: &str) -> String {
    let app = &shop.minted.app;
    let session = "00000000-0000-4000-8000-000000000000";
    path.replace("/O", &format!("/{}", app.organization_id))
        .replace("/P", &format!("/{}", app.project_id))
        .replace("/K", &format!("/{}", shop.server.key.record.id))
        .replace("/A", &format!("/{}", app.id))
        .replace("/S", &format!("/{session}"))
        .replace("/U", &format!("/{session}"))
        .replace("/I", &format!("/{session}"))
}

/// A key of class `management` that holds these scopes only.
pub(crate) async fn with_scopes(server: &TestServer, scopes: &[Scope]) -> Api {
    let new = NewKey {
        organization_id: server.key.record.organization_id,
        project_id: None,
        class: KeyClass::Management,
        name: "some scopes".to_owned(),
        scopes: Some(scopes.to_vec()),
        cidrs: Vec::new(),
        limits: None,
        expires_at: None,
        created_by: "ana".to_owned(),
    };
    let minted = server.admin.create_key(new).await.unwrap();
    server.api.with_key(minted.key.expose_key())
}

async fn ask(api: &Api, method: &Method, path: &str) -> (u16, String) {
    let request = api.request(method.clone(), path).json(&json!({}));
    let answer = send(request).await;
    match answer.status {
        200 => (200, String::new()),
        _ => answer.error(),
    }
}

#[tokio::test]
async fn contract_037_management_routes_are_for_management_keys() {
    let shop = Shop::of(TestServer::start([Reply::say("x")]).await).await;
    let user = shop.user("u1").await;
    for (method, path, _) in ROUTES {
        let path = path_of(&shop, path);
        let bare = send(shop.server.api.bare(method.clone(), &path)).await;
        assert_eq!(
            bare.error(),
            (401, "AUTH_REQUIRED".to_owned()),
            "{method} {path}"
        );
        for (key, code) in [
            ("hello", "INVALID_AUTH_FORMAT"),
            (&*format!("sigmic_{}", "a".repeat(64)), "INVALID_API_KEY"),
            ("eyJhbGciOiJub25lIn0.e30.", "INVALID_TOKEN"),
        ] {
            let stranger = shop.server.api.with_key(key);
            let expected = (401, code.to_owned());
            assert_eq!(
                ask(&stranger, method, &path).await,
                expected,
                "{method} {path}"
            );
        }
        for caller in [&shop.server.api, &user] {
            let expected = (403, "FORBIDDEN".to_owned());
            assert_eq!(
                ask(caller, method, &path).await,
                expected,
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn each_route_needs_one_of_its_scopes() {
    let shop = Shop::of(TestServer::start([Reply::say("x")]).await).await;
    let management: Vec<Scope> = Scope::ALL
        .into_iter()
        .filter(|scope| !Scope::TASKS.contains(scope))
        .collect();
    for scope in management {
        let api = with_scopes(&shop.server, &[scope]).await;
        for (method, path, scopes) in ROUTES {
            let path = path_of(&shop, path);
            // What would change something is asked for what there is not.
            let path = path.replace(&shop.server.key.record.id.to_string(), "none");
            let status = if *method == Method::DELETE && !path.contains("/sessions/") {
                ask(
                    &api,
                    method,
                    &path.replace(&shop.minted.app.id.to_string(), "none"),
                )
                .await
                .0
            } else {
                ask(&api, method, &path).await.0
            };
            let allowed = scopes.contains(&scope);
            assert_eq!(
                status != 403,
                allowed,
                "{scope:?} {method} {path}: {status}"
            );
        }
    }
}

#[tokio::test]
async fn what_lies_in_another_organization_is_not_found() {
    let shop = Shop::of(TestServer::start([Reply::say("x")]).await).await;
    let organization = model::OrganizationId::generate(&model::OsRandom);
    let made = store::Organization {
        id: organization,
        name: "Other".to_owned(),
        owner_name: "eve".to_owned(),
        is_default: false,
        status: store::TenantStatus::Active,
        created_at: model::Timestamp::from_millis(1),
    };
    shop.server.store.insert_organization(made).await.unwrap();
    let new = NewKey {
        organization_id: organization,
        project_id: None,
        class: KeyClass::Management,
        name: "theirs".to_owned(),
        scopes: None,
        cidrs: Vec::new(),
        limits: None,
        expires_at: None,
        created_by: "eve".to_owned(),
    };
    let minted = shop.server.admin.create_key(new).await.unwrap();
    let theirs = shop.server.api.with_key(minted.key.expose_key());
    for (method, path, scopes) in ROUTES {
        // What no key may is not looked for.
        if scopes.is_empty() {
            continue;
        }
        if !path.contains("/P") && !path.contains("/O") {
            continue;
        }
        let path = path_of(&shop, path);
        let expected = (404, "NOT_FOUND".to_owned());
        assert_eq!(
            ask(&theirs, method, &path).await,
            expected,
            "{method} {path}"
        );
    }
    let projects = theirs.get("/api/v1/projects").await.json();
    assert_eq!(projects["data"], json!([]));
}

#[tokio::test]
async fn a_path_that_names_nothing_is_not_found() {
    let shop = Shop::of(TestServer::start([Reply::say("x")]).await).await;
    let (_, manager) = shop.server.management_key().await;
    for (method, path, scopes) in ROUTES {
        // What no key may is not looked for.
        if scopes.is_empty() {
            continue;
        }
        for (part, wrong) in [
            ("/O", "/nope"),
            ("/P", "/nope"),
            ("/K", "/nope"),
            ("/A", "/x'--"),
            ("/S", "/nope"),
            ("/U", "/nope"),
            ("/I", "/nope"),
        ] {
            if !path.contains(part) {
                continue;
            }
            let path = path_of(&shop, &path.replace(part, wrong));
            let expected = (404, "NOT_FOUND".to_owned());
            assert_eq!(
                ask(&manager, method, &path).await,
                expected,
                "{method} {path}"
            );
        }
    }
}

#[test]
fn the_table_holds_every_management_route() {
    let document = serde_json::to_value(sigmic_http::openapi()).unwrap();
    let mut documented = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["tags"][0] == "settings" {
                documented.push(format!("{} {path}", method.to_ascii_uppercase()));
            }
        }
    }
    let template = |(method, path, _): &Route| {
        let path = path
            .replace("/O", "/{orgId}")
            .replace("/P", "/{projectId}")
            .replace("/K", "/{id}")
            .replace("/A", "/{id}")
            .replace("/S", "/{sid}")
            .replace("/U", "/{userId}")
            .replace("/I", "/{id}");
        format!("{method} {path}")
    };
    let mut tried: Vec<String> = ROUTES.iter().map(template).collect();
    documented.sort();
    tried.sort();
    assert_eq!(tried, documented);
}
