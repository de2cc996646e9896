//! E: the network, the server's ports and sockets, other tasks' loopbacks.

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use testkit::{WebReply, WebServer};

use super::stand::{Stand, Tier, User, message, shell};
use super::table::{Column, Probe, run, shown_by};

pub(super) const PROBES: &[Probe] = &[
    run(
        "E1",
        "without a network: ports of the host on each of its addresses",
    ),
    run("E2", "the metadata service"),
    run("E3", "UDP and names"),
    run("E4", "raw, packet, vsock, crypto, audit, netfilter sockets"),
    run("E5", "an abstract socket of the host"),
    run("E6", "a socket file of the host; the Docker engine's"),
    run("E7", "the own loopback works"),
    run("E8", "another task's loopback"),
    run("E9", "through the proxy: the allowed host answers"),
    run("E10", "past the proxy variables: another host, metadata"),
    run("E11", "through the proxy: another port of an allowed host"),
    run("E12", "private addresses however they are written"),
    run("E13", "a name that resolves to loopback"),
    shown_by(
        "E14",
        "a name whose second answer is private",
        "sandbox::network::a_name_that_changes_its_address_is_connected_to_where_it_was_checked",
    ),
    run("E15", "`CONNECT` to ports of other services"),
    run(
        "E16",
        "a redirect to a refused host, an endless head, 60 connections at once",
    ),
];

pub(super) const CLOSED: &[(&str, &str)] = &[
    (
        "E1",
        "for each in 127.0.0.1 $ADDRESSES; do \
         never_do \"exec 3<>/dev/tcp/$each/$PORT\"; never_do \"exec 3<>/dev/tcp/$each/$TCP\"; done; \
         never_do \"exec 3<>/dev/tcp/::1/$TCP\"; never_do 'exec 3<>/dev/tcp/127.0.0.1/3128'",
    ),
    ("E2", "never_do 'exec 3<>/dev/tcp/169.254.169.254/80'"),
    (
        "E3",
        "for each in $ADDRESSES 8.8.8.8; do never_do \"echo x > /dev/udp/$each/$UDP\"; \
         never_do \"echo x > /dev/udp/$each/53\"; done; echo x > /dev/udp/127.0.0.1/$UDP; \
         never getent ahosts example.com",
    ),
    ("E4", "./probe sockets"),
    ("E5", "./probe abstract_socket sigmic-escape-$PORT"),
    (
        "E6",
        "for each in $HOST_HOME/open.sock /run/docker.sock /var/run/docker.sock /run/systemd/private \
         /run/dbus/system_bus_socket; do never ls $each; done; \
         never_do 'find / -xdev -type s 2>/dev/null | grep .'",
    ),
    (
        "E7",
        "/usr/bin/python3 -c 'import socket as s; l = s.create_server((\"127.0.0.1\", 0)); \
         s.create_connection(l.getsockname()); l.accept()'",
    ),
    (
        "E8",
        "never_do 'exec 3<>/dev/tcp/127.0.0.1/18080'; never_do 'exec 3<>/dev/tcp/::1/18080'",
    ),
];

const PROXIED: &[(&str, &str)] = &[
    (
        "E9",
        "[ -n \"$http_proxy\" ] && NO_PROXY= no_proxy= curl -sS http://127.0.0.1:$ALLOWED/ | grep -q 'page of the host'",
    ),
    (
        "E10",
        "for each in http://127.0.0.1:$DENIED/ http://169.254.169.254/ http://$ADDRESSES:$PORT/; do \
         never curl -sS --max-time 5 --noproxy '*' $each; done; \
         never_do \"exec 3<>/dev/tcp/127.0.0.1/$ALLOWED\"",
    ),
    (
        "E11",
        "[ $(status CONNECT 127.0.0.1:$DENIED) = 403 ] && [ $(status GET http://127.0.0.1:$DENIED/) = 403 ] \
         && [ $(status GET http://127.0.0.1:$PORT/healthz) = 403 ]",
    ),
    (
        "E12",
        "for each in 127.0.0.2 127.1 2130706433 0x7f000001 0 10.0.0.1 192.168.0.1 169.254.169.254 100.64.0.1 \
         '[::1]' '[::ffff:127.0.0.1]' '[64:ff9b::7f00:1]' '[fd00::1]' '[fe80::1]'; do \
         got=$(status CONNECT $each:443); case $got in 400|403) ;; *) echo $each $got; exit 1; esac; done",
    ),
    (
        "E13",
        "[ $(status CONNECT localhost:$DENIED) = 403 ] && [ $(status CONNECT localhost:443) = 403 ]",
    ),
    (
        "E15",
        "for each in 22 25 3306 5432 6379; do [ $(status CONNECT 8.8.8.8:$each) = 403 ] || exit 1; done",
    ),
    (
        "E16",
        "never curl -sSL --fail --noproxy none --max-time 5 http://127.0.0.1:$ALLOWED/redirect; \
         (printf 'GET '; head -c 20000 /dev/zero | tr '\\0' a) > head; \
         exec 3<>/dev/tcp/127.0.0.1/3128; cat head >&3; read -r line <&3; \
         [[ $line == *' 431 '* ]] || { echo \"$line\"; exit 1; }; \
         for each in $(seq 60); do (exec 4<>/dev/tcp/127.0.0.1/3128; read -t 0.2 -u 4 x) & done; wait; \
         [ $(status GET http://127.0.0.1:$DENIED/) = 403 ]",
    ),
];

/// Asks the proxy for the status of a request, without any program that would help.
pub(super) const STATUS: &str = "status() { exec 5<>/dev/tcp/127.0.0.1/3128; \
                      printf '%s %s HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' \"$1\" \"$2\" >&5; \
                      read -r -t 10 version code rest <&5; echo ${code:-none}; exec 5>&-; }\n";

/// What of the host must not be reached: nobody ever connects.
struct Doors {
    tcp: TcpListener,
    udp: UdpSocket,
    by_name: UnixListener,
    by_path: UnixListener,
}

impl Doors {
    fn open(stand: &Stand) -> Self {
        let name = format!("sigmic-escape-{}", stand.tag);
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let path = stand.home.path("open.sock");
        let doors = Self {
            tcp: TcpListener::bind("0.0.0.0:0").unwrap(),
            udp: UdpSocket::bind("0.0.0.0:0").unwrap(),
            by_name: UnixListener::bind_addr(&address).unwrap(),
            by_path: UnixListener::bind(&path).unwrap(),
        };
        let everybody = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(path, everybody).unwrap();
        doors.tcp.set_nonblocking(true).unwrap();
        doors.udp.set_nonblocking(true).unwrap();
        doors.by_name.set_nonblocking(true).unwrap();
        doors.by_path.set_nonblocking(true).unwrap();
        doors
    }

    fn check(&self, column: &mut Column) {
        let nobody = |error: Option<std::io::Error>| {
            error.is_some_and(|error| error.kind() == ErrorKind::WouldBlock)
        };
        column.check("E1", nobody(self.tcp.accept().err()), "it was connected to");
        let heard = self.udp.recv(&mut [0; 16]);
        column.check("E3", nobody(heard.err()), "something was received");
        column.check(
            "E5",
            nobody(self.by_name.accept().err()),
            "it was connected to",
        );
        column.check(
            "E6",
            nobody(self.by_path.accept().err()),
            "it was connected to",
        );
    }
}

/// The address by which this host reaches others; the loopback's where it reaches none.
pub(super) fn own_address() -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let routed = socket.connect("192.0.2.77:9");
    let address = routed.and_then(|()| socket.local_addr());
    address.map_or("127.0.0.1".to_owned(), |address| address.ip().to_string())
}

/// What a stand without a network holds off.
pub(super) async fn without(stand: &Stand, column: &mut Column) {
    let doors = Doors::open(stand);
    let listener = "/usr/bin/python3 -m http.server 18080 >/dev/null 2>&1 & \
                    until (exec 3<>/dev/tcp/127.0.0.1/18080) 2>/dev/null || ! kill -0 $!; do :; done; \
                    (exec 3<>/dev/tcp/127.0.0.1/18080) && echo listens";
    let has_python = std::path::Path::new("/usr/bin/python3").exists();
    if !has_python {
        column.skip("E7", "no python3 on this machine");
        column.skip("E8", "no python3 on this machine");
    }
    let other = stand.run(&[shell(listener)]).await;
    let listens = other.outputs[0].contains("listens");
    let port = |address: std::io::Result<std::net::SocketAddr>| address.unwrap().port().to_string();
    let facts = [
        ("ADDRESSES", own_address()),
        ("TCP", port(doors.tcp.local_addr())),
        ("UDP", port(doors.udp.local_addr())),
    ];
    let scripts: Vec<_> = CLOSED
        .iter()
        .copied()
        .filter(|(id, _)| has_python || !["E7", "E8"].contains(id))
        .collect();
    if has_python {
        column.tried("E8", listens, &other.outputs[0]);
    }
    stand.inside(column, &scripts, &facts).await;
    doors.check(column);
}

/// What a stand with the proxy holds off.
pub(super) async fn through_the_proxy(user: User, tier: &Tier, column: &mut Column) -> Stand {
    let denied = WebServer::start(|_| WebReply::page("closed page of the host")).await;
    let elsewhere = format!("http://127.0.0.1:{}/", denied.port());
    let allowed = WebServer::start(move |request| match request.target.as_str() {
        "/redirect" => WebReply::redirect(elsewhere.clone()),
        _ => WebReply::page("open page of the host"),
    })
    .await;
    let host = format!("127.0.0.1:{}", allowed.port());
    let variables = [
        ("SIGMIC_SANDBOX__NETWORK", "full".to_owned()),
        ("SIGMIC_ALLOW_PRIVATE_HOSTS", host),
    ];
    let stand = Stand::start(user, tier, &variables).await;
    let facts = [
        ("ADDRESSES", own_address()),
        ("ALLOWED", allowed.port().to_string()),
        ("DENIED", denied.port().to_string()),
    ];
    let scripts: Vec<(&'static str, String)> = PROXIED
        .iter()
        .map(|(id, script)| (*id, format!("{STATUS}{script}")))
        .collect();
    let scripts: Vec<_> = scripts
        .iter()
        .map(|(id, script)| (*id, script.as_str()))
        .collect();
    stand.inside(column, &scripts, &facts).await;
    let seen = allowed.requests().len();
    column.tried("E9", seen > 0, "the allowed host was not asked");
    let seen = denied.requests();
    for id in ["E10", "E11", "E13", "E16"] {
        column.check(id, seen.is_empty(), format!("{seen:?}"));
    }
    let asked = stand.run_with(&[], &message(&[])).await;
    column.check(
        "E16",
        asked.stream.contains("done"),
        "the server does not answer",
    );
    stand
}
