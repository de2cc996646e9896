//! Programs that know nothing of a proxy: names, captured connections, and what is refused there.

use sandbox::{NetworkMode, Sandbox};

use crate::hosts::{CERTIFICATE, connector, sandbox_with, web_host};
use crate::rig::{Rig, out, sh};

/// Without any variable of the sandbox's but the path.
const BARE: &str = "env -i PATH=/usr/bin:/bin ";

#[expect(
    clippy::print_stderr,
    reason = "a skip must be visible with `--nocapture`"
)]
fn skipped(what: &str) {
    eprintln!("skipped: {what}");
}

/// A sandbox in which `open.test` and `api.open.test` exist, and the host behind them; it is also
/// the first address of `rebind.test`, whose second one is private. Absent where this user may
/// not have such a host.
async fn with_host(
    network: NetworkMode,
) -> Option<(Rig, std::sync::Arc<dyn Sandbox>, tokio::task::JoinSet<()>)> {
    let Some((address, server)) = web_host().await else {
        skipped("this user cannot bind the ports 80 and 443");
        return None;
    };
    let text = address.to_string();
    let own: [&str; 1] = [&text];
    let changing: [&str; 2] = [&text, "10.0.0.8"];
    let names: [(&str, &[&str]); 3] = [
        ("open.test", &own),
        ("api.open.test", &own),
        ("rebind.test", &changing),
    ];
    let connector = connector(&text, &names);
    let rig = Rig::with(|config| config.connector = connector).await;
    let sandbox = sandbox_with(&rig, network).await;
    Some((rig, sandbox, server))
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_without_proxy_variables_reach_their_hosts() {
    let listed = NetworkMode::Allowlist(vec!["open.test".to_owned(), "*.open.test".to_owned()]);
    let Some((_rig, sandbox, _server)) = with_host(listed).await else {
        return;
    };
    out(&*sandbox, &format!("printf '%s' '{CERTIFICATE}' > ca.pem")).await;
    let python = "import ssl, urllib.request as u; c = ssl.create_default_context(cafile='ca.pem'); \
                  print(u.urlopen(URL, context=c if URL.startswith('https') else None).read().decode())";
    let node = "fetch(URL).then(r => r.text()).then(console.log)";
    for (program, script) in [
        ("/usr/bin/curl", "curl -sS --cacert ca.pem URL".to_owned()),
        (
            "/usr/bin/python3",
            format!("/usr/bin/python3 -c \"{python}\""),
        ),
        (
            "/usr/bin/node",
            format!("NODE_EXTRA_CA_CERTS=ca.pem node -e \"{node}\""),
        ),
    ] {
        if !std::path::Path::new(program).exists() {
            skipped(program);
            continue;
        }
        for url in ["http://open.test/x", "https://api.open.test/x"] {
            let url_text = if program.ends_with("curl") {
                url.to_owned()
            } else {
                format!("'{url}'")
            };
            let script = format!("{BARE}{}", script.replace("URL", &url_text));
            let answer = out(&*sandbox, &script).await;
            assert!(
                answer.starts_with("seen: GET /x HTTP/1.1"),
                "{script}: {answer}"
            );
        }
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_listed_has_no_address_and_what_is_private_no_connection() {
    let listed = ["open.test", "private.test", "metadata.test", "mapped.test"];
    let listed = NetworkMode::Allowlist(listed.map(str::to_owned).to_vec());
    let names: [(&str, &[&str]); 4] = [
        ("private.test", &["10.0.0.7"]),
        ("metadata.test", &["169.254.169.254"]),
        ("mapped.test", &["::ffff:127.0.0.1"]),
        ("api.open.test", &["127.0.0.1"]),
    ];
    let connector = connector("192.0.2.1", &names);
    let rig = Rig::with(|config| config.connector = connector).await;
    let sandbox = sandbox_with(&rig, listed).await;
    let ask = |host: &str| format!("getent ahostsv4 {host} | cut -d' ' -f1 | sort -u; true");
    assert_eq!(out(&*sandbox, &ask("private.test")).await, "127.1.0.1\n");
    assert_eq!(out(&*sandbox, &ask("api.open.test")).await, "");
    assert_eq!(out(&*sandbox, &ask("private.test")).await, "127.1.0.1\n");
    assert_eq!(
        out(&*sandbox, "getent ahostsv6 private.test; true").await,
        ""
    );
    for host in ["private.test", "metadata.test", "mapped.test"] {
        let script = format!(
            "exec 3<>/dev/tcp/{host}/80; printf 'GET / HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n' >&3; cat <&3"
        );
        let answer = out(&*sandbox, &script).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{host}: {answer}");
        assert!(!answer.contains("10.0.0."), "{answer}");
    }
    for literal in ["127.0.0.1", "127.1.0.77", "127.200.0.1"] {
        let script = format!("exec 3<>/dev/tcp/{literal}/80; echo x >&3; cat <&3; echo closed");
        assert!(
            sh(&*sandbox, &script).await.output.ends_with("closed\n"),
            "{literal}"
        );
    }
    // Nothing but the ways out answers, and no packet leaves.
    for away in ["8.8.8.8/443", "private.test/22"] {
        let script = format!("exec 3<>/dev/tcp/{away} && echo connected");
        assert!(
            !sh(&*sandbox, &script).await.output.contains("connected"),
            "{away}"
        );
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_must_repeat_the_name_it_was_made_for() {
    let Some((_rig, sandbox, _server)) = with_host(NetworkMode::Full).await else {
        return;
    };
    // Each connection goes where its own look-up was checked.
    for status in ["200", "403", "403"] {
        let script = "exec 3<>/dev/tcp/rebind.test/80; \
                      printf 'GET / HTTP/1.1\\r\\nHost: rebind.test\\r\\n\\r\\n' >&3; cat <&3";
        let answer = out(&*sandbox, script).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
    for lines in [
        "Host: api.open.test",
        "Host: open.test:8080",
        "X: y",
        "Host: a\\r\\nHost: open.test",
    ] {
        let script = format!(
            "exec 3<>/dev/tcp/open.test/80; printf 'GET / HTTP/1.1\\r\\n{lines}\\r\\n\\r\\n' >&3; cat <&3"
        );
        let answer = out(&*sandbox, &script).await;
        assert!(answer.starts_with("HTTP/1.1 421 "), "{lines}: {answer}");
    }
    if std::path::Path::new("/usr/bin/python3").exists() {
        let greet = |name: &str| {
            format!(
                "/usr/bin/python3 -c 'import socket, ssl\nc = ssl._create_unverified_context()\n\
                 s = socket.create_connection((\"open.test\", 443))\n\
                 print(c.wrap_socket(s, server_hostname={name}).version())' 2>&1 | tail -n 1"
            )
        };
        let answer = out(&*sandbox, &greet("\"OPEN.test\"")).await;
        assert_eq!(answer, "TLSv1.3\n");
        let answer = out(&*sandbox, &greet("\"api.open.test\"")).await;
        assert!(answer.contains("UNRECOGNIZED_NAME"), "{answer}");
        let answer = out(&*sandbox, &greet("None")).await;
        assert!(
            answer.contains("ssl.SSL") || answer.contains("Connection"),
            "{answer}"
        );
    }
    sandbox.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_leads_nowhere_that_is_not_listed() {
    let listed = NetworkMode::Allowlist(vec!["open.test".to_owned()]);
    let Some((_rig, sandbox, _server)) = with_host(listed).await else {
        return;
    };
    if !std::path::Path::new("/usr/bin/curl").exists() {
        return skipped("curl");
    }
    let follow = |prefix: &str, host: &str| {
        format!("{prefix} curl -sSL http://open.test/to/{host} 2>&1; echo \" $?\"")
    };
    let answer = out(&*sandbox, &follow(BARE, "api.open.test")).await;
    assert!(
        answer.contains("Could not resolve host") && answer.ends_with(" 6\n"),
        "{answer}"
    );
    let answer = out(&*sandbox, &follow("", "api.open.test")).await;
    assert!(
        answer.contains("the host is not on the project's list"),
        "{answer}"
    );
    sandbox.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_greetings_and_connections_are_bounded() {
    let connector = connector("", &[("slow.test", &["127.0.0.1"])]);
    let rig = Rig::with(|config| config.connector = connector).await;
    let sandbox = sandbox_with(&rig, NetworkMode::Full).await;
    let long = "exec 3<>/dev/tcp/slow.test/80; (printf 'GET '; head -c 20000 /dev/zero | tr '\\0' a) >&3; cat <&3";
    let answer = out(&*sandbox, long).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    // A record that says it is longer than any greeting, and one that never ends.
    let endless = "exec 3<>/dev/tcp/slow.test/443; (printf '\\x16\\x03\\x01\\x3f\\xff\\x01\\x00\\x3f\\xf0'; \
                   head -c 20000 /dev/zero) >&3 2>/dev/null; cat <&3; echo closed";
    assert!(sh(&*sandbox, endless).await.output.ends_with("closed\n"));
    if std::path::Path::new("/usr/bin/python3").exists() {
        // What is held open over all ways out together, of 200 that were tried.
        let flood = "/usr/bin/python3 -c 'import socket, select\n\
                     all = [socket.create_connection((\"slow.test\", p)) for p in (80, 443) * 70]\n\
                     all += [socket.create_connection((\"127.0.0.1\", 3128)) for _ in range(60)]\n\
                     open = len(all)\n\
                     while open > 64:\n\
                     \x20 ended, _, _ = select.select(all, [], [])\n\
                     \x20 for s in ended:\n\
                     \x20   assert s.recv(1) == b\"\"\n\
                     \x20   all.remove(s)\n\
                     \x20 open = len(all)\n\
                     print(open)'";
        assert_eq!(out(&*sandbox, flood).await, "64\n");
    }
    // Their slots are free again.
    let after = "until exec 3<>/dev/tcp/slow.test/80 && printf 'GET / HTTP/1.1\\r\\nHost: slow.test\\r\\n\\r\\n' >&3 \
                 && read -r line <&3; do :; done; echo $line";
    assert!(
        out(&*sandbox, after).await.starts_with("HTTP/1.1 403"),
        "a new connection is served"
    );
    sandbox.destroy().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_out_leaves_its_receipt() {
    let names: [(&str, &[&str]); 1] = [("private.test", &["10.0.0.7"])];
    let connector = connector("", &names);
    let rig = Rig::with(|config| config.connector = connector).await;
    let mut spec = rig.spec();
    let listed = ["private.test", "unknown.test"];
    spec.network = NetworkMode::Allowlist(listed.map(str::to_owned).to_vec());
    let ledger = spec.ledger.clone();
    let sandbox = rig.engine.create(spec).await.unwrap();
    let greet = |host: &str, named: &str| {
        format!(
            "exec 3<>/dev/tcp/{host}/80; printf 'GET / HTTP/1.1\\r\\nHost: {named}\\r\\n\\r\\n' >&3; cat <&3"
        )
    };
    let proxied = "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT other.test:22 HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3";
    for script in [
        greet("private.test", "private.test"),
        greet("private.test", "other.test"),
        greet("unknown.test", "unknown.test"),
        greet("127.1.0.99", "private.test"),
        "getent ahostsv4 other.test; true".to_owned(),
        proxied.to_owned(),
        "exec 3<>/dev/tcp/private.test/443; printf 'GET / HTTP/1.1\\r\\n\\r\\n' >&3; cat <&3; true"
            .to_owned(),
    ] {
        sh(&*sandbox, &script).await;
    }
    sandbox.destroy().await.unwrap();
    ledger.settle_all().await;
    let found = ledger.take().into_iter().map(|receipt| {
        assert_eq!((receipt.sent_bytes, receipt.received_bytes), (0, 0));
        let reason = receipt.reason.unwrap();
        (
            receipt.host,
            receipt.port,
            reason.split(' ').take(3).collect::<Vec<_>>().join(" "),
        )
    });
    let wanted = [
        ("private.test", 80, "it is at"),
        ("private.test", 80, "the connection does"),
        ("unknown.test", 80, "it could not"),
        ("127.1.0.99", 80, "the connection does"),
        ("other.test", 53, "the host is"),
        ("other.test", 22, "the host is"),
        ("private.test", 443, "the connection does"),
    ];
    let wanted = wanted.map(|(host, port, reason)| (host.to_owned(), port, reason.to_owned()));
    assert_eq!(found.collect::<Vec<_>>(), wanted);
}
