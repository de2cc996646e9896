//! The head of a request.

use super::policy::host_name;

/// What a client of the proxy wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// A tunnel to a host.
    Tunnel { host: String, port: u16 },
    /// One plain HTTP request to a host, with the head to send there.
    Forward {
        host: String,
        port: u16,
        head: Vec<u8>,
    },
}

/// Headers that are between the client and the proxy only, and the one we set ourselves.
const OURS: &[&str] = &[
    "connection",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
];

/// Reads a head that ends in an empty line. Absent: it is not a request to a proxy.
pub(super) fn parse(head: &[u8]) -> Option<Wanted> {
    let mut lines = lines_of(head)?;
    let mut words = lines.next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let well_formed = words.next().is_none()
        && matches!(version, "HTTP/1.1" | "HTTP/1.0")
        && !method.is_empty()
        && method.bytes().all(|byte| byte.is_ascii_uppercase());
    if !well_formed {
        return None;
    }
    if method == "CONNECT" {
        let (host, port) = authority(target, None)?;
        return Some(Wanted::Tunnel { host, port });
    }
    let rest = target.strip_prefix("http://")?;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (place, path) = rest.split_at(at);
    let (host, port) = authority(place, Some(80))?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut out = format!("{method} {slash}{path} {version}\r\nHost: {place}\r\n");
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, _) = line.split_once(':')?;
        // A line that continues another, or a name with a space, hides from one of two readers.
        if name.is_empty() || name.bytes().any(|byte| byte.is_ascii_whitespace()) {
            return None;
        }
        if !OURS.contains(&name.to_ascii_lowercase().as_str()) {
            out.push_str(line);
            out.push_str("\r\n");
        }
    }
    out.push_str("Connection: close\r\n\r\n");
    Some(Wanted::Forward {
        host,
        port,
        head: out.into_bytes(),
    })
}

/// The one host that a head names, in the form that is compared, if its port is `port` or none.
pub(super) fn only_host(head: &[u8], port: u16) -> Option<String> {
    let mut found = None;
    for line in lines_of(head)?.skip(1).take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        if name.is_empty() || name.bytes().any(|byte| byte.is_ascii_whitespace()) {
            return None;
        }
        if name.eq_ignore_ascii_case("host") && found.replace(value.trim()).is_some() {
            return None;
        }
    }
    let (host, at) = authority(found?, Some(port))?;
    host_name(&host).filter(|_| at == port)
}

/// The lines of a head. Absent where one of two readers may see others: some take a line feed alone,
/// or a carriage return, for the end of a line.
fn lines_of(head: &[u8]) -> Option<impl Iterator<Item = &str>> {
    let text = std::str::from_utf8(head).ok()?;
    let lines = || text.split("\r\n");
    let plain = lines().all(|line| !line.contains(['\r', '\n', '\0']));
    plain.then(lines)
}

/// `host:port`, with user and password refused.
fn authority(text: &str, default_port: Option<u16>) -> Option<(String, u16)> {
    if text.contains('@') {
        return None;
    }
    let colon = text.rfind(':').filter(|at| !text[*at..].contains(']'));
    let (host, port) = match colon {
        Some(at) => (&text[..at], text[at + 1..].parse().ok()?),
        None => (text, default_port?),
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_and_plain_requests_are_told_apart() {
        assert_eq!(
            parse(b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
            Some(Wanted::Tunnel {
                host: "example.com".into(),
                port: 443
            })
        );
        assert_eq!(
            parse(b"CONNECT [::1]:443 HTTP/1.1\r\n\r\n"),
            Some(Wanted::Tunnel {
                host: "[::1]".into(),
                port: 443
            })
        );
        let plain = b"GET http://a.b:8080?q=1 HTTP/1.1\r\nHost: other\r\nProxy-Connection: x\r\n\
                      Accept: */*\r\n\r\n";
        assert_eq!(
            parse(plain),
            Some(Wanted::Forward {
                host: "a.b".into(),
                port: 8080,
                head: b"GET /?q=1 HTTP/1.1\r\nHost: a.b:8080\r\nAccept: */*\r\n\
                        Connection: close\r\n\r\n"
                    .to_vec()
            })
        );
    }

    #[test]
    fn a_head_names_one_host_or_none() {
        let host = |lines: &str| only_host(format!("GET / HTTP/1.1\r\n{lines}\r\n").as_bytes(), 80);
        assert_eq!(
            host("A: b\r\nhOST:  Open.test. \r\n").as_deref(),
            Some("open.test")
        );
        assert_eq!(host("Host: open.test:80\r\n").as_deref(), Some("open.test"));
        for lines in [
            "A: b\r\n",
            "Host: a.test\r\nHost: a.test\r\n",
            "Host: a.test:8080\r\n",
            "Host: u@a.test\r\n",
            "Host : a.test\r\n",
            "A: b\r\n Host: a.test\r\n",
            "Host: a b\r\n",
            "Host:\r\n",
            "Host: a.test\r\nA: b\nHost: c.test\r\n",
            "Host: a.test\r\nA: b\rHost: c.test\r\n",
            "Host: a.test\r\nA: b\0\r\n",
        ] {
            assert_eq!(host(lines), None, "{lines:?}");
        }
        assert_eq!(only_host(b"PRI * HTTP/2.0\r\n\r\n", 80), None);
    }

    #[test]
    fn what_is_not_a_proxy_request_is_refused() {
        for head in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET https://a/ HTTP/1.1\r\n\r\n",
            "CONNECT a HTTP/1.1\r\n\r\n",
            "CONNECT a:99999 HTTP/1.1\r\n\r\n",
            "CONNECT :443 HTTP/1.1\r\n\r\n",
            "CONNECT u:p@a:443 HTTP/1.1\r\n\r\n",
            "CONNECT a:443 HTTP/2\r\n\r\n",
            "CONNECT  a:443 HTTP/1.1\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\n folded: x\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nno colon\r\n\r\n",
            "get http://a/ HTTP/1.1\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nA: b\nHost: c\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nA: b\n\nGET http://c/ HTTP/1.1\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nA: b\rHost: c\r\n\r\n",
            "GET http://a/x\ny HTTP/1.1\r\n\r\n",
            "CONNECT a\n:443 HTTP/1.1\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert_eq!(parse(head.as_bytes()), None, "{head:?}");
        }
        assert_eq!(parse(b"CONNECT \xFF:443 HTTP/1.1\r\n\r\n"), None);
    }
}
