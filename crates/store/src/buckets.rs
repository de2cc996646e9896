//! Rate limits that several processes share: taking out of buckets, in one transaction.

use model::{FullAt, Rate, Timestamp, micros};

use crate::tx::Tx;
use crate::value::params;
use crate::{Error, Store, dialect};

/// What is to be taken out of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketTake {
    /// Its name.
    pub bucket: String,
    /// What it holds and how it refills.
    pub rate: Rate,
    /// How many at most.
    pub wanted: i64,
    /// How many of those taken before were not needed.
    pub returned: i64,
}

/// What was taken out of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BucketGrant {
    /// How many.
    pub granted: i64,
    /// When it is full again.
    pub full_at: FullAt,
}

impl Store {
    /// Takes out of several buckets what there is; answers in the order of `takes`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn take_from_buckets(
        &self,
        takes: Vec<BucketTake>,
        at: Timestamp,
    ) -> Result<Vec<BucketGrant>, Error> {
        self.write("take_from_buckets", (takes, at), |tx, (takes, at)| {
            Box::pin(take_all(tx, takes, *at))
        })
        .await
    }

    /// Forgets buckets that are full again; says how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_full_buckets(&self, at: Timestamp) -> Result<u64, Error> {
        self.write("delete_full_buckets", at, |tx, at| {
            Box::pin(async move {
                let full = params![micros(*at)];
                tx.execute("DELETE FROM rate_buckets WHERE full_at <= $1", full)
                    .await
            })
        })
        .await
    }
}

async fn take_all(
    tx: &mut Tx,
    takes: &[BucketTake],
    at: Timestamp,
) -> Result<Vec<BucketGrant>, Error> {
    // One order for everybody: no two commands wait for each other's rows.
    let mut order: Vec<usize> = (0..takes.len()).collect();
    order.sort_by_key(|place| &takes[*place].bucket);
    let mut grants = vec![None; takes.len()];
    for place in order {
        grants[place] = Some(take(tx, &takes[place], at).await?);
    }
    Ok(grants.into_iter().flatten().collect())
}

async fn take(tx: &mut Tx, wanted: &BucketTake, at: Timestamp) -> Result<BucketGrant, Error> {
    let full_at = lock(tx, &wanted.bucket, at).await?;
    let taken = wanted
        .rate
        .take(full_at, at, wanted.wanted, wanted.returned);
    tx.execute(
        "UPDATE rate_buckets SET full_at = $2 WHERE bucket = $1",
        params![&wanted.bucket, taken.full_at],
    )
    .await?;
    Ok(BucketGrant {
        granted: taken.granted,
        full_at: taken.full_at,
    })
}

async fn lock(tx: &mut Tx, bucket: &String, at: Timestamp) -> Result<FullAt, Error> {
    let lock = tx.pick(&dialect::LOCK_RATE_BUCKET);
    if let Some(mut row) = tx.query_opt(lock, params![bucket]).await? {
        return row.next("rate_buckets.full_at");
    }
    tx.execute(
        "INSERT INTO rate_buckets (bucket, full_at) VALUES ($1, $2)
         ON CONFLICT (bucket) DO NOTHING",
        params![bucket, micros(at)],
    )
    .await?;
    let row = tx.query_opt(lock, params![bucket]).await?;
    row.ok_or_else(|| Error::corrupt("rate_buckets"))?
        .next("rate_buckets.full_at")
}
