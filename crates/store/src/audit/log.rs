//! Keeping entries, reading them, and checking every chain.

use model::OrganizationId;

use super::chain::{AuditFault, Head, INSTANCE, Walk, hash_of};
use super::entry::{self, ChangedBy, Done};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Row, params};
use crate::{Error, Store, dialect};

/// Rows that are read at a time when a chain is checked.
const PAGE: i64 = 500;

/// An entry as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number in its chain, from 1.
    pub seq: i64,
    /// A line of JSON.
    pub entry: String,
}

impl AuditRow {
    /// What the next entry holds as `previous`: SHA-256 of the line in hexadecimal digits.
    pub fn hash(&self) -> String {
        hash_of(&self.entry)
    }
}

/// What a check of the whole audit log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// Chains that there are.
    pub chains: usize,
    /// Rows that were read.
    pub rows: u64,
    /// The first fault of each chain that is broken, with the name of the chain.
    pub faults: Vec<(String, AuditFault)>,
}

impl Store {
    /// The latest entries of an organization, latest first, and how many there are.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_audit_log(
        &self,
        organization_id: OrganizationId,
        limit: i64,
        offset: i64,
    ) -> Result<(Vec<AuditRow>, i64), Error> {
        self.read(
            "list_audit_log",
            Read::Bulk,
            (organization_id, limit, offset),
            |tx, (organization, limit, offset)| {
                Box::pin(latest(tx, *organization, *limit, *offset))
            },
        )
        .await
    }

    /// The entries of an organization after `seq`, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list_audit_log_after(
        &self,
        organization_id: OrganizationId,
        seq: i64,
        limit: i64,
    ) -> Result<Vec<AuditRow>, Error> {
        self.read(
            "list_audit_log_after",
            Read::Bulk,
            (organization_id, seq, limit),
            |tx, (organization, seq, limit)| {
                Box::pin(async move { after(tx, &organization.to_string(), *seq, *limit).await })
            },
        )
        .await
    }

    /// Checks every chain from its first row to its head.
    ///
    /// # Errors
    /// [`Error::Unavailable`]. A broken chain is no error.
    pub async fn unscoped_verify_audit_log(&self) -> Result<AuditReport, Error> {
        let chains = self
            .read("list_audit_chains", Read::Bulk, (), |tx, ()| {
                Box::pin(chains(tx))
            })
            .await?;
        let mut report = AuditReport {
            chains: chains.len(),
            ..AuditReport::default()
        };
        for chain in chains {
            let mut walk = Walk::new(&chain);
            match self.walk(&mut walk, &chain).await? {
                Ok(()) => {}
                Err(fault) => report.faults.push((chain.clone(), fault)),
            }
            report.rows += u64::try_from(walk.seq()).unwrap_or_default();
        }
        Ok(report)
    }

    async fn walk(
        &self,
        walk: &mut Walk<'_>,
        chain: &str,
    ) -> Result<Result<(), AuditFault>, Error> {
        loop {
            let input = (chain.to_owned(), walk.seq());
            let (rows, head) = self
                .read("read_audit_chain", Read::Bulk, input, |tx, (chain, seq)| {
                    Box::pin(page(tx, chain, *seq))
                })
                .await?;
            if rows.is_empty() {
                return Ok(walk.end(&head));
            }
            for row in rows {
                if let Err(fault) = walk.step(row.seq, &row.entry) {
                    return Ok(Err(fault));
                }
            }
        }
    }
}

/// Keeps an entry of what was done to an organization, or to the instance.
pub(crate) async fn record(
    tx: &mut Tx,
    organization_id: Option<OrganizationId>,
    by: &ChangedBy,
    done: &Done,
) -> Result<(), Error> {
    let chain = organization_id.map_or_else(|| INSTANCE.to_owned(), |id| id.to_string());
    let head = lock_head(tx, &chain).await?;
    let seq = head.seq + 1;
    let line = entry::line(organization_id, seq, &head.hash, by, done);
    tx.execute(
        "INSERT INTO audit_log (chain, seq, entry) VALUES ($1, $2, $3)",
        params![&chain, seq, &line],
    )
    .await?;
    tx.execute(
        "UPDATE audit_heads SET seq = $2, hash = $3 WHERE chain = $1",
        params![&chain, seq, hash_of(&line)],
    )
    .await
    .map(drop)
}

/// The head of a chain, held until the transaction ends.
async fn lock_head(tx: &mut Tx, chain: &String) -> Result<Head, Error> {
    let lock = tx.pick(&dialect::LOCK_AUDIT_HEAD);
    if let Some(row) = tx.query_opt(lock, params![chain]).await? {
        return read_head(row);
    }
    let none = Head::default();
    tx.execute(
        "INSERT INTO audit_heads (chain, seq, hash) VALUES ($1, $2, $3)
         ON CONFLICT (chain) DO NOTHING",
        params![chain, none.seq, &none.hash],
    )
    .await?;
    let row = tx.query_opt(lock, params![chain]).await?;
    read_head(row.ok_or_else(|| Error::corrupt("audit_heads"))?)
}

fn read_head(mut row: Row) -> Result<Head, Error> {
    Ok(Head {
        seq: row.next("audit_heads.seq")?,
        hash: row.next("audit_heads.hash")?,
    })
}

fn read_row(mut row: Row) -> Result<AuditRow, Error> {
    Ok(AuditRow {
        seq: row.next("audit_log.seq")?,
        entry: row.next("audit_log.entry")?,
    })
}

async fn latest(
    tx: &mut Tx,
    organization_id: OrganizationId,
    limit: i64,
    offset: i64,
) -> Result<(Vec<AuditRow>, i64), Error> {
    tx.snapshot().await?;
    let total = tx
        .query_opt(
            "SELECT seq FROM audit_heads WHERE chain = $1",
            params![organization_id],
        )
        .await?;
    let total = total.map_or(Ok(0), |mut row| row.next("audit_heads.seq"))?;
    let rows = tx
        .query(
            "SELECT seq, entry FROM audit_log WHERE chain = $1
             ORDER BY seq DESC LIMIT $2 OFFSET $3",
            params![organization_id, limit, offset],
        )
        .await?;
    let rows = rows.into_iter().map(read_row).collect::<Result<_, _>>()?;
    Ok((rows, total))
}

async fn after(tx: &mut Tx, chain: &str, seq: i64, limit: i64) -> Result<Vec<AuditRow>, Error> {
    let rows = tx
        .query(
            "SELECT seq, entry FROM audit_log WHERE chain = $1 AND seq > $2
             ORDER BY seq LIMIT $3",
            params![chain, seq, limit],
        )
        .await?;
    rows.into_iter().map(read_row).collect()
}

async fn chains(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let rows = tx
        .query(
            "SELECT chain FROM audit_heads UNION SELECT chain FROM audit_log ORDER BY 1",
            &[],
        )
        .await?;
    let chain = |mut row: Row| row.next("audit_heads.chain");
    rows.into_iter().map(chain).collect()
}

/// The next rows of a chain, and its head at the same moment.
async fn page(tx: &mut Tx, chain: &str, seq: i64) -> Result<(Vec<AuditRow>, Head), Error> {
    tx.snapshot().await?;
    let head = tx
        .query_opt(
            "SELECT seq, hash FROM audit_heads WHERE chain = $1",
            params![chain],
        )
        .await?;
    let head = head.map_or_else(|| Ok(Head::default()), read_head)?;
    Ok((after(tx, chain, seq, PAGE).await?, head))
}
