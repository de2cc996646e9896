use super::*;

fn allowed(ledger: &EgressLedger, host: &str) {
    let mut entry = ledger.open(host, 443);
    entry.decide(&Ok::<_, EgressError>(()));
    entry.count(10, 100).unwrap();
}

#[test]
fn a_connection_belongs_to_the_only_command_that_runs_when_it_begins() {
    let ledger = EgressLedger::default();
    allowed(&ledger, "none.test");
    let one = ledger.running(&CallId::new("one"));
    let late = ledger.open("late.test", 80);
    let two = ledger.running(&CallId::new("two"));
    allowed(&ledger, "both.test");
    drop(one);
    allowed(&ledger, "two.test");
    drop(ledger.open_for(&CallId::new("web"), "web.test", 443));
    drop((two, late));
    let whose = ledger.take().into_iter().map(|receipt| {
        let call_id = receipt.call_id.map(|call_id| call_id.to_string());
        (receipt.host, call_id.unwrap_or_default())
    });
    let wanted = [
        ("none.test", ""),
        ("both.test", ""),
        ("two.test", "two"),
        ("web.test", "web"),
        ("late.test", "one"),
    ];
    assert!(whose.eq(wanted.map(|(host, call)| (host.to_owned(), call.to_owned()))));
    assert_eq!(ledger.take(), []);
}

#[test]
fn connections_to_one_place_are_told_together() {
    let ledger = EgressLedger::default();
    for _ in 0..3 {
        allowed(&ledger, "a.test");
        ledger.open("a.test", 443).refuse(Refusal::NotListed);
    }
    let receipts = ledger.take();
    let [made, refused] = receipts.as_slice() else {
        panic!("{receipts:?}")
    };
    assert_eq!(
        (made.connections, made.sent_bytes, made.received_bytes),
        (3, 30, 300)
    );
    assert_eq!(
        (made.decision, &made.reason),
        (EgressDecision::Allowed, &None)
    );
    assert_eq!(
        (refused.connections, refused.decision),
        (3, EgressDecision::Refused)
    );
    assert!(refused.reason.as_ref().unwrap().contains("list"));
}

#[test]
fn a_flood_of_refusals_hides_no_connection() {
    let ledger = EgressLedger::default();
    for number in 0..1_000 {
        let host = format!("n{number}.test");
        ledger.open(&host, 53).refuse(Refusal::NotListed);
    }
    allowed(&ledger, "there.test");
    let receipts = ledger.take();
    assert_eq!(receipts.len(), MAX_OTHERS + 1);
    let last = receipts.last().unwrap();
    assert_eq!((last.host.as_str(), last.left_out), ("there.test", 936));
    for number in 0..1_000 {
        allowed(&ledger, &format!("n{number}.test"));
    }
    let receipts = ledger.take();
    assert_eq!(receipts.len(), MAX_ALLOWED);
    assert_eq!(receipts.last().unwrap().left_out, 808);
    allowed(&ledger, &"x".repeat(1_000));
    let receipts = ledger.take();
    assert_eq!((receipts[0].host.len(), receipts[0].left_out), (253, 0));
}

#[tokio::test]
async fn the_end_of_a_command_waits_for_its_own_connections_only() {
    let ledger = EgressLedger::default();
    let call_id = CallId::new("one");
    let other = ledger.open_for(&CallId::new("other"), "a.test", 443);
    ledger.settle(&call_id).await;
    let own = ledger.open_for(&call_id, "b.test", 443);
    let ends = async {
        tokio::task::yield_now().await;
        drop(own);
    };
    tokio::join!(ledger.settle(&call_id), ends);
    assert_eq!(ledger.take().len(), 1);
    tokio::join!(ledger.settle_all(), async { drop(other) });
    assert_eq!(ledger.take().len(), 1);
}

#[test]
fn an_entry_that_nobody_decided_says_so() {
    let ledger = EgressLedger::default();
    drop(ledger.open("a.test", 80));
    let receipt = &ledger.take()[0];
    assert_eq!(receipt.decision, EgressDecision::Failed);
    assert_eq!(receipt.reason.as_deref(), Some("it was given up"));
}

#[test]
fn what_may_pass_is_counted_over_all_connections() {
    let ledger = EgressLedger::with_limit(120);
    let mut one = ledger.open("a.test", 443);
    one.decide(&Ok::<_, EgressError>(()));
    let mut two = ledger.open_for(&CallId::new("web"), "b.test", 443);
    two.decide(&Ok::<_, EgressError>(()));
    one.count(10, 50).unwrap();
    two.count(10, 40).unwrap();
    assert!(one.admit().is_ok());
    let error = one.count(0, 30).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::QuotaExceeded);
    assert!(two.count(1, 0).is_err());
    let refused = ledger.open("c.test", 80);
    let error = refused.admit().unwrap_err();
    assert!(error.to_string().contains("limit"), "{error}");
    drop((one, two));
    for receipt in ledger.take() {
        assert_eq!(receipt.decision, EgressDecision::Allowed);
        assert!(receipt.reason.unwrap().starts_with("limit"));
    }
}
