use client::{Backoff, Error, Followed};
use proptest::prelude::*;

use crate::server::{End, Server, json, stream};

const FAST: Backoff = Backoff {
    first_ms: 0,
    most_ms: 1,
    tries: 5,
};

/// An event: its text, and the id it carries.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    block: String,
    id: Option<i64>,
}

/// A stream of `marks.len()` texts, those marked with an id, and its end.
fn script(marks: &[bool]) -> Vec<Event> {
    let mut events = vec![Event {
        block: "event: history_done\ndata: {\"messageCount\":0,\"isStreaming\":true}\nid: 0\n\n"
            .to_owned(),
        id: Some(0),
    }];
    for (n, with_id) in (1_i64..).zip(marks) {
        let id = with_id.then_some(n);
        let id_line = id.map_or_else(String::new, |id| format!("id: {id}\n"));
        let block = format!(
            "event: content\ndata: {{\"text\":\"{n} \",\"isPartial\":{}}}\n{id_line}\n",
            !with_id
        );
        events.push(Event { block, id });
    }
    events.push(Event {
        block: "event: done\ndata: {\"finalResponse\":\"all\"}\nid: 999\n\n".to_owned(),
        id: Some(999),
    });
    events
}

/// Serves what follows the cursor; connection `n` is cut after `cuts[n]` bytes.
async fn serve(events: Vec<Event>, cuts: Vec<usize>) -> Server {
    let mut cuts = cuts.into_iter();
    Server::start(Box::new(move |request| {
        let cursor: Option<i64> = request
            .header("last-event-id")
            .map(|id| id.parse().unwrap());
        let from = cursor.map_or(0, |cursor| {
            let at = events.iter().position(|event| event.id == Some(cursor));
            at.unwrap() + 1
        });
        if from == events.len() {
            return b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec();
        }
        let body: String = events[from..]
            .iter()
            .map(|event| event.block.as_str())
            .collect();
        match cuts.next() {
            Some(cut) if cut < body.len() => stream(&body.as_bytes()[..cut], End::Broken),
            Some(_) | None => stream(body.as_bytes(), End::Clean),
        }
    }))
    .await
}

/// What a reader holds at the end that obeys every rewind.
async fn collect(server: &Server) -> Result<Vec<String>, Error> {
    let mut follow = server.client.follow("t1", FAST);
    let mut held: Vec<(Option<i64>, String)> = Vec::new();
    while let Some(followed) = follow.next().await? {
        match followed {
            Followed::Event(received) => held.push((received.id, received.data.to_string())),
            Followed::Rewind => {
                let sure = held.iter().rposition(|(id, _)| id.is_some());
                held.truncate(sure.map_or(0, |at| at + 1));
            }
        }
    }
    Ok(held.into_iter().map(|(_, data)| data).collect())
}

fn data_of(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let (_, rest) = event.block.split_once("data: ").unwrap();
            rest.lines().next().unwrap().to_owned()
        })
        .collect()
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn broken_connections_lose_and_double_nothing(
        marks in prop::collection::vec(any::<bool>(), 0..12),
        cuts in prop::collection::vec(0..900_usize, 0..4),
    ) {
        let events = script(&marks);
        let expected = data_of(&events);
        let held = run(async { collect(&serve(events, cuts).await).await });
        prop_assert_eq!(held.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_stream_cut_after_its_last_event_ends_by_204() {
    let events = script(&[true, false]);
    let whole: usize = events.iter().map(|event| event.block.len()).sum();
    let expected = data_of(&events);
    let mut first = true;
    let server = Server::start(Box::new(move |request| {
        if std::mem::take(&mut first) {
            let body: String = events.iter().map(|event| event.block.as_str()).collect();
            assert_eq!(body.len(), whole);
            return stream(body.as_bytes(), End::Broken);
        }
        assert_eq!(request.header("last-event-id"), Some("999"));
        b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n".to_vec()
    }))
    .await;
    assert_eq!(collect(&server).await.unwrap(), expected);
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_finished_task_gives_its_history_and_ends() {
    let body = "event: history_done\ndata: {\"messageCount\":0,\"isStreaming\":false}\nid: 4\n\n";
    let server = Server::start(Box::new(move |_| stream(body.as_bytes(), End::Clean))).await;
    assert_eq!(collect(&server).await.unwrap().len(), 1);
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn what_the_server_refuses_for_good_ends_it_and_what_it_cannot_now_is_tried_again() {
    let refusal =
        |code: &str| format!(r#"{{"success":false,"error":{{"message":"x","code":"{code}"}}}}"#);
    let gone = json("404 Not Found", &refusal("NOT_FOUND"));
    let mut answers = vec![
        gone,
        json("503 Service Unavailable", &refusal("SERVICE_UNAVAILABLE")),
        stream(b"", End::Clean),
    ];
    let server = Server::start(Box::new(move |_| answers.pop().unwrap())).await;
    let error = collect(&server).await.unwrap_err();
    assert!(matches!(error, Error::Api { status: 404, .. }));
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test]
async fn a_stream_that_never_brings_anything_is_given_up() {
    let server = Server::start(Box::new(|_| stream(b"", End::Clean))).await;
    let error = collect(&server).await.unwrap_err();
    assert!(matches!(error, Error::StreamEnds { tries: 5 }));
}

#[tokio::test]
async fn a_journal_that_became_shorter_is_an_error() {
    let start = "event: history_done\ndata: {\"messageCount\":0,\"isStreaming\":true}\nid: 7\n\n";
    let server = Server::start(Box::new(move |_| stream(start.as_bytes(), End::Clean))).await;
    let error = collect(&server).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(_)));
    assert_eq!(server.asked().len(), 2);
}
