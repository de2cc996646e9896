//! A server that says what a test wants, to a command line that cannot know better.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// What becomes of one request.
pub(crate) enum Answer {
    /// A JSON body in the envelope of successes.
    Data(&'static str),
    /// Bytes as a file.
    File(&'static [u8]),
    /// Events; then the connection breaks.
    Broken(String),
    /// Events; then the stream ends.
    Stream(String),
    /// Events, and then nothing for as long as somebody listens.
    Open(String),
    /// Nothing for as long as somebody listens.
    Silence,
}

/// Serves `script` (a request line and the cursor in, an answer out) until the process ends;
/// answers the URL.
pub(crate) fn serve(
    script: impl Fn(&str, Option<&str>) -> Answer + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let script = std::sync::Arc::new(script);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let script = std::sync::Arc::clone(&script);
            std::thread::spawn(move || answer(connection.unwrap(), &*script));
        }
    });
    url
}

fn answer(mut connection: TcpStream, script: &dyn Fn(&str, Option<&str>) -> Answer) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let header = |name: &str| {
        let line = head
            .lines()
            .find(|line| line.to_lowercase().starts_with(name));
        line.and_then(|line| line.split_once(": "))
            .map(|(_, value)| value)
    };
    let length = header("content-length:").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let request = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
    let whole = |kind: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    };
    let stream = |events: &str, end: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\
             transfer-encoding: chunked\r\n\r\n{:x}\r\n{events}\r\n{end}",
            events.len()
        )
        .into_bytes()
    };
    let (bytes, held) = match script(request, header("last-event-id:")) {
        Answer::Data(data) => {
            let body = format!(r#"{{"success":true,"data":{data}}}"#);
            (whole("application/json", body.as_bytes()), false)
        }
        Answer::File(bytes) => (whole("application/octet-stream", bytes), false),
        Answer::Broken(events) => (stream(&events, ""), false),
        Answer::Stream(events) => (stream(&events, "0\r\n\r\n"), false),
        Answer::Open(events) => (stream(&events, ""), true),
        Answer::Silence => (Vec::new(), true),
    };
    // Who does not listen any more has left.
    let _ = connection.write_all(&bytes);
    if held {
        let _ = reader.read(&mut [0]);
    }
}

/// The answer to a create.
pub(crate) const CREATED: Answer = Answer::Data(
    r#"{"id":"t1","conversationId":null,"status":"pending","createdAt":"2026-03-04T05:06:00.000Z"}"#,
);

/// An event with an id, or without.
pub(crate) fn event(name: &str, data: &str, id: Option<i64>) -> String {
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    format!("event: {name}\ndata: {data}\n{id}\n")
}
