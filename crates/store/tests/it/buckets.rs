//! Rate limits that several processes share.

use model::Rate;
use store::{BucketGrant, BucketTake};

use crate::support::{Fixture, at};

conformance![
    what_is_taken_is_gone_until_the_bucket_refills,
    takes_at_once_get_no_more_than_there_is,
    full_buckets_are_forgotten,
];

fn take(bucket: &str, wanted: i64, returned: i64) -> BucketTake {
    BucketTake {
        bucket: bucket.to_owned(),
        rate: Rate::per_minute(60).unwrap(),
        wanted,
        returned,
    }
}

async fn granted(fixture: &Fixture, takes: Vec<BucketTake>, now: i64) -> Vec<i64> {
    let grants = fixture.store.take_from_buckets(takes, at(now)).await;
    let granted = |grant: &BucketGrant| grant.granted;
    grants.unwrap().iter().map(granted).collect()
}

async fn what_is_taken_is_gone_until_the_bucket_refills(fixture: &Fixture) {
    let now = 1_000_000;
    // In the order asked for, whatever the order of the names.
    let both = vec![take("b", 50, 0), take("a", 70, 0)];
    assert_eq!(granted(fixture, both, now).await, [50, 60]);
    let again = vec![take("b", 50, 0), take("a", 1, 0)];
    assert_eq!(granted(fixture, again, now).await, [10, 0]);
    let later = vec![take("a", 10, 0)];
    assert_eq!(granted(fixture, later, now + 5_000).await, [5]);
    let returned = vec![take("a", 10, 3)];
    assert_eq!(granted(fixture, returned, now + 5_000).await, [3]);
}

async fn takes_at_once_get_no_more_than_there_is(fixture: &Fixture) {
    let mut takes = tokio::task::JoinSet::new();
    for number in 0..40 {
        let store = fixture.store.clone();
        // Some ask for the same two in the other order.
        let mut wanted = vec![take("one", 3, 0), take("two", 3, 0)];
        if number % 2 == 0 {
            wanted.reverse();
        }
        takes.spawn(async move { store.take_from_buckets(wanted, at(1_000_000)).await });
    }
    let grants = takes.join_all().await.into_iter();
    let total: i64 = grants
        .flat_map(|done| done.unwrap())
        .map(|g| g.granted)
        .sum();
    assert_eq!(total, 120);
}

async fn full_buckets_are_forgotten(fixture: &Fixture) {
    let now = 1_000_000;
    granted(fixture, vec![take("empty", 60, 0), take("used", 1, 0)], now).await;
    let store = &fixture.store;
    let forgotten = store.delete_full_buckets(at(now + 1_000)).await;
    assert_eq!(forgotten.unwrap(), 1);
    let after = vec![take("empty", 60, 0), take("used", 60, 0)];
    assert_eq!(granted(fixture, after, now + 1_000).await, [1, 60]);
}
