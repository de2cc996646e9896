//! What can be reached from inside.

use sandbox::{EgressConnector, EgressError, EgressPolicy, NetworkMode, Refusal};

use crate::hosts::{FakeResolver, host_server, sandbox_with};
use crate::rig::{Rig, out, sh};

/// Sends `head` to the proxy from inside, without any program that would help.
fn to_proxy(head: &str) -> String {
    format!("exec 3<>/dev/tcp/127.0.0.1/3128 || exit 9; printf '{head}\\r\\n\\r\\n' >&3; cat <&3")
}

#[tokio::test(flavor = "multi_thread")]
async fn contract_234_without_network_nothing_is_reached() {
    let (port, _server) = host_server().await;
    let rig = Rig::new().await;
    let sandbox = rig.sandbox().await;
    for target in [
        format!("127.0.0.1/{port}"),
        "127.0.0.1/3128".to_owned(),
        "169.254.169.254/80".to_owned(),
        "8.8.8.8/53".to_owned(),
        "example.com/80".to_owned(),
    ] {
        let script = format!("exec 3<>/dev/tcp/{target} && echo connected");
        let result = sh(&*sandbox, &script).await;
        assert!(!result.output.contains("connected"), "{target}: {result:?}");
    }
    let udp = sh(&*sandbox, "echo x > /dev/udp/8.8.8.8/53 && echo sent").await;
    assert!(!udp.output.contains("sent"), "{udp:?}");
    assert_eq!(out(&*sandbox, "env | grep -ci proxy || true").await, "0\n");
    // The sandbox's own loopback works.
    if std::path::Path::new("/usr/bin/python3").exists() {
        let script = "/usr/bin/python3 -c 'import socket as s; l = s.create_server((\"127.0.0.1\", \
                      0)); c = s.create_connection(l.getsockname()); print(\"own\")'";
        assert_eq!(out(&*sandbox, script).await, "own\n");
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_connects_to_what_is_allowed_and_only_there() {
    let (port, _server) = host_server().await;
    let resolver = FakeResolver::new(&[
        ("open.test", &["127.0.0.1"]),
        ("private.test", &["10.0.0.7"]),
        ("metadata.test", &["169.254.169.254"]),
        ("mixed.test", &["10.0.0.7 ::1 192.168.0.1"]),
    ]);
    let policy = EgressPolicy::new("open.test".parse().unwrap());
    let connector = EgressConnector::new(policy, resolver);
    let rig = Rig::with(|config| config.connector = connector).await;
    let sandbox = sandbox_with(&rig, NetworkMode::Full).await;
    let plain = to_proxy(&format!(
        "GET http://open.test:{port}/path HTTP/1.1\\r\\nHost: evil\\r\\nProxy-Connection: x"
    ));
    let answer = out(&*sandbox, &plain).await;
    let wanted = format!("seen: GET /path HTTP/1.1\r\nHost: open.test:{port}\r\nConnection: close");
    assert!(answer.contains(&wanted), "{answer}");
    let tunnel = format!(
        "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT open.test:{port} HTTP/1.1\\r\\n\\r\\n' \
         >&3; read -r line <&3; read -r blank <&3; printf 'through' >&3; cat <&3"
    );
    let answer = out(&*sandbox, &tunnel).await;
    assert!(answer.ends_with("seen: through"), "{answer}");
    for (target, status) in [
        ("private.test:443", "403"),
        ("metadata.test:80", "403"),
        ("mixed.test:443", "403"),
        ("127.0.0.1:443", "403"),
        ("[::1]:443", "403"),
        ("[::ffff:127.0.0.1]:443", "403"),
        ("8.8.8.8:22", "403"),
        ("unknown.test:443", "502"),
        ("bad_host!:443", "400"),
    ] {
        let answer = out(&*sandbox, &to_proxy(&format!("CONNECT {target} HTTP/1.1"))).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{target}: {answer}"
        );
    }
    let long = "exec 3<>/dev/tcp/127.0.0.1/3128; (printf 'GET '; head -c 20000 /dev/zero \
         | tr '\\0' a) >&3; cat <&3";
    let answer = out(&*sandbox, long).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let variables = out(
        &*sandbox,
        "echo $HTTPS_PROXY $https_proxy $NODE_USE_ENV_PROXY",
    )
    .await;
    assert_eq!(variables, "http://127.0.0.1:3128 http://127.0.0.1:3128 1\n");
    // Still no way but the proxy.
    let direct = sh(
        &*sandbox,
        &format!("exec 3<>/dev/tcp/127.0.0.1/{port} && echo reached"),
    )
    .await;
    assert!(!direct.output.contains("reached"));
    sandbox.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_uses_the_proxy_by_itself() {
    if !std::path::Path::new("/usr/bin/curl").exists() {
        return;
    }
    let (port, _server) = host_server().await;
    let policy = EgressPolicy::new(format!("open.test:{port}").parse().unwrap());
    let connector =
        EgressConnector::new(policy, FakeResolver::new(&[("open.test", &["127.0.0.1"])]));
    let rig = Rig::with(|config| config.connector = connector).await;
    let sandbox = sandbox_with(&rig, NetworkMode::Full).await;
    let answer = out(&*sandbox, &format!("curl -sS http://open.test:{port}/x")).await;
    assert!(answer.starts_with("seen: GET /x HTTP/1.1"), "{answer}");
    sandbox.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowlist_lets_only_its_hosts_through() {
    let (port, _server) = host_server().await;
    let resolver = FakeResolver::new(&[
        ("api.open.test", &["127.0.0.1"]),
        ("open.test", &["127.0.0.1"]),
        ("notopen.test", &["127.0.0.1"]),
    ]);
    let policy = EgressPolicy::new("127.0.0.1".parse().unwrap());
    let rig = Rig::with(|config| config.connector = EgressConnector::new(policy, resolver)).await;
    let listed = NetworkMode::Allowlist(vec!["*.open.test".to_owned()]);
    let sandbox = sandbox_with(&rig, listed).await;
    for (host, status) in [
        ("api.open.test", 200),
        ("open.test", 403),
        ("notopen.test", 403),
        ("127.0.0.1", 403),
    ] {
        let script = to_proxy(&format!("GET http://{host}:{port}/ HTTP/1.1"));
        let answer = out(&*sandbox, &script).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{host}: {answer}"
        );
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test]
async fn a_name_that_changes_its_address_is_connected_to_where_it_was_checked() {
    // Whoever checks and then resolves again would go to the second answer.
    let resolver = FakeResolver::new(&[("rebind.test", &["8.8.8.8", "127.0.0.1"])]);
    let connector = EgressConnector::new(EgressPolicy::default(), resolver);
    let first = connector.resolve("rebind.test", 443).await.unwrap();
    assert_eq!(first, ["8.8.8.8:443".parse().unwrap()]);
    assert!(matches!(
        connector.connect("rebind.test", 443).await,
        Err(EgressError::Refused {
            refusal: Refusal::Address(..),
            ..
        })
    ));
}
