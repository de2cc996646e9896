//! Second factors of people: a sealed secret that their device computes codes with, recovery codes,
//! and sign-ins that lack them still. A code is used up in the statement that accepts it.

use model::{OrganizationId, Timestamp, UserId};
use serde_json::json;

use super::people_log::record_of_person;
use crate::audit::{AuditAction, ChangedBy, Done};
use crate::store::Read;
use crate::tx::Tx;
use crate::value::{Row, params};
use crate::{Error, Store};

/// Wrong codes in a row after which none works for a while.
const MAX_WRONG_CODES: i64 = 10;
/// That while, milliseconds: an hour. It lets somebody who knows the password try so few of the
/// million codes a day that they would need years.
const LOCK_MS: i64 = 60 * 60 * 1_000;

/// A person's second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecondFactor {
    /// Its secret, sealed.
    pub sealed: Vec<u8>,
    /// Since when it is asked for; `None`: it was never shown that the device has it.
    pub confirmed_at: Option<Timestamp>,
    /// Recovery codes that were not used.
    pub recovery_codes: i64,
}

/// A sign-in that lacks its second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HalfSignIn {
    /// Whose.
    pub user_id: UserId,
    /// The organization that it is to speak for.
    pub organization_id: Option<OrganizationId>,
    /// From when on it does not work.
    pub expires_at: Timestamp,
}

/// What a given code is, as far as it can be told without the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeProof {
    /// That of the device at this step of time.
    Step(i64),
    /// A recovery code, if there is one with this SHA-256.
    RecoveryCode([u8; 32]),
    /// Neither.
    Wrong,
}

impl Store {
    /// The second factor of a person, whether it is confirmed or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_second_factor(&self, user: UserId) -> Result<Option<SecondFactor>, Error> {
        self.read("find_second_factor", Read::Point, user, |tx, user| {
            Box::pin(find(tx, *user))
        })
        .await
    }

    /// Keeps the secret of a second factor that is to be confirmed, in the place of another such.
    ///
    /// # Errors
    /// [`Error::Conflict`] when one is confirmed; [`Error::Unavailable`].
    pub async fn begin_second_factor(
        &self,
        user: UserId,
        sealed: Vec<u8>,
        at: Timestamp,
    ) -> Result<(), Error> {
        let input = (user, sealed, at);
        self.write("begin_second_factor", input, |tx, (user, sealed, at)| {
            Box::pin(begin(tx, *user, sealed, *at))
        })
        .await
    }

    /// Confirms a second factor by the code of this step, and keeps recovery codes.
    ///
    /// # Errors
    /// [`Error::Conflict`] when one is confirmed; [`Error::Unavailable`].
    pub async fn confirm_second_factor(
        &self,
        user: UserId,
        (sealed, step): (Vec<u8>, i64),
        codes: Vec<[u8; 32]>,
        by: ChangedBy,
    ) -> Result<(), Error> {
        let input = (user, sealed, step, codes, by);
        self.write(
            "confirm_second_factor",
            input,
            |tx, (user, sealed, step, codes, by)| {
                Box::pin(confirm(tx, *user, (sealed, *step), codes, by))
            },
        )
        .await
    }

    /// Keeps recovery codes in the place of those that there were.
    ///
    /// # Errors
    /// [`Error::NotFound`] without a second factor; [`Error::Unavailable`].
    pub async fn replace_recovery_codes(
        &self,
        user: UserId,
        codes: Vec<[u8; 32]>,
        by: ChangedBy,
    ) -> Result<(), Error> {
        let input = (user, codes, by);
        self.write("replace_recovery_codes", input, |tx, (user, codes, by)| {
            Box::pin(renew(tx, *user, codes, by))
        })
        .await
    }

    /// Takes the second factor of a person away, with recovery codes and half sign-ins.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`].
    pub async fn delete_second_factor(&self, user: UserId, by: ChangedBy) -> Result<(), Error> {
        self.write("delete_second_factor", (user, by), |tx, (user, by)| {
            Box::pin(delete(tx, *user, by))
        })
        .await
    }

    /// Keeps a half sign-in in the place of the one that the person had.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn replace_half_sign_in(
        &self,
        half: HalfSignIn,
        hash: [u8; 32],
    ) -> Result<(), Error> {
        self.write("replace_half_sign_in", (half, hash), |tx, (half, hash)| {
            Box::pin(replace_half(tx, half, hash))
        })
        .await
    }

    /// The half sign-in with this hash that works at `now`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn unscoped_find_half_sign_in(
        &self,
        hash: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<HalfSignIn>, Error> {
        let name = "unscoped_find_half_sign_in";
        self.read(name, Read::Point, (hash, now), |tx, (hash, now)| {
            Box::pin(find_half(tx, hash, *now))
        })
        .await
    }

    /// Completes a half sign-in if the code is right and was never used, and no lock holds. Says
    /// whether it was; a wrong one is counted.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the half sign-in is gone; [`Error::Unavailable`].
    pub async fn use_second_factor(
        &self,
        hash: [u8; 32],
        proof: CodeProof,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let input = (hash, proof, now);
        self.write("use_second_factor", input, |tx, (hash, proof, now)| {
            Box::pin(complete(tx, hash, *proof, *now))
        })
        .await
    }
}

async fn find(tx: &mut Tx, user: UserId) -> Result<Option<SecondFactor>, Error> {
    let row = tx
        .query_opt(
            "SELECT f.sealed, f.confirmed_at,
                (SELECT COUNT(*) FROM recovery_codes c WHERE c.user_id = f.user_id)
             FROM second_factors f WHERE f.user_id = $1",
            params![user],
        )
        .await?;
    row.map(|mut row: Row| {
        Ok(SecondFactor {
            sealed: row.next("second_factors.sealed")?,
            confirmed_at: row.next("second_factors.confirmed_at")?,
            recovery_codes: row.next("recovery_codes")?,
        })
    })
    .transpose()
}

async fn begin(tx: &mut Tx, user: UserId, sealed: &[u8], at: Timestamp) -> Result<(), Error> {
    let kept = tx
        .execute(
            "INSERT INTO second_factors (user_id, sealed, created_at, confirmed_at, last_step,
                wrong_codes, locked_until)
             VALUES ($1, $2, $3, NULL, 0, 0, 0)
             ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed,
                created_at = excluded.created_at
             WHERE second_factors.confirmed_at IS NULL",
            params![user, sealed, at],
        )
        .await?;
    if kept == 0 {
        return Err(Error::Conflict);
    }
    Ok(())
}

async fn confirm(
    tx: &mut Tx,
    user: UserId,
    (sealed, step): (&[u8], i64),
    codes: &[[u8; 32]],
    by: &ChangedBy,
) -> Result<(), Error> {
    // The one that the code was checked with: another may have been begun meanwhile.
    let confirmed = tx
        .execute(
            "UPDATE second_factors SET confirmed_at = $2, last_step = $3
             WHERE user_id = $1 AND confirmed_at IS NULL AND sealed = $4",
            params![user, by.at, step, sealed],
        )
        .await?;
    if confirmed == 0 {
        return Err(Error::Conflict);
    }
    replace_codes(tx, user, codes).await?;
    let facts = json!({"kind": "totp"});
    let done = Done::made(AuditAction::SecondFactorCreate, user, facts);
    record_of_person(tx, user, by, &done).await
}

async fn replace_codes(tx: &mut Tx, user: UserId, codes: &[[u8; 32]]) -> Result<(), Error> {
    let sql = "DELETE FROM recovery_codes WHERE user_id = $1";
    tx.execute(sql, params![user]).await?;
    for code in codes {
        let sql = "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)";
        tx.execute(sql, params![user, code.as_slice()]).await?;
    }
    Ok(())
}

async fn renew(tx: &mut Tx, user: UserId, codes: &[[u8; 32]], by: &ChangedBy) -> Result<(), Error> {
    let found = find(tx, user).await?;
    let confirmed = found.filter(|factor| factor.confirmed_at.is_some());
    let before = confirmed.ok_or(Error::NotFound)?.recovery_codes;
    replace_codes(tx, user, codes).await?;
    let done = Done::changed(
        AuditAction::RecoveryCodesUpdate,
        user,
        json!({"left": before}),
        json!({"left": codes.len()}),
    );
    record_of_person(tx, user, by, &done).await
}

async fn delete(tx: &mut Tx, user: UserId, by: &ChangedBy) -> Result<(), Error> {
    let sql = "DELETE FROM second_factors WHERE user_id = $1";
    if tx.execute(sql, params![user]).await? == 0 {
        return Err(Error::NotFound);
    }
    replace_codes(tx, user, &[]).await?;
    let sql = "DELETE FROM half_sign_ins WHERE user_id = $1";
    tx.execute(sql, params![user]).await?;
    let facts = json!({"kind": "totp"});
    let done = Done::removed(AuditAction::SecondFactorRemove, user, facts);
    record_of_person(tx, user, by, &done).await
}

async fn replace_half(tx: &mut Tx, half: &HalfSignIn, hash: &[u8; 32]) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO half_sign_ins (user_id, hash, organization_id, expires_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash,
            organization_id = excluded.organization_id, expires_at = excluded.expires_at",
        params![
            half.user_id,
            hash.as_slice(),
            half.organization_id,
            half.expires_at
        ],
    )
    .await
    .map(drop)
}

async fn find_half(
    tx: &mut Tx,
    hash: &[u8; 32],
    now: Timestamp,
) -> Result<Option<HalfSignIn>, Error> {
    let row = tx
        .query_opt(
            "SELECT user_id, organization_id, expires_at FROM half_sign_ins
             WHERE hash = $1 AND expires_at > $2",
            params![hash.as_slice(), now],
        )
        .await?;
    row.map(|mut row: Row| {
        Ok(HalfSignIn {
            user_id: row.next("half_sign_ins.user_id")?,
            organization_id: row.next("half_sign_ins.organization_id")?,
            expires_at: row.next("half_sign_ins.expires_at")?,
        })
    })
    .transpose()
}

async fn complete(
    tx: &mut Tx,
    hash: &[u8; 32],
    proof: CodeProof,
    now: Timestamp,
) -> Result<bool, Error> {
    let half = find_half(tx, hash, now).await?.ok_or(Error::NotFound)?;
    if !accept(tx, half.user_id, proof, now).await? {
        tx.execute(
            "UPDATE second_factors SET
                locked_until = CASE WHEN wrong_codes + 1 >= $2 THEN $3 ELSE locked_until END,
                wrong_codes = CASE WHEN wrong_codes + 1 >= $2 THEN 0 ELSE wrong_codes + 1 END
             WHERE user_id = $1 AND locked_until <= $4",
            params![half.user_id, MAX_WRONG_CODES, now.plus_millis(LOCK_MS), now],
        )
        .await?;
        return Ok(false);
    }
    let sql = "DELETE FROM half_sign_ins WHERE hash = $1";
    // Of two at once the second finds it gone.
    if tx.execute(sql, params![hash.as_slice()]).await? == 0 {
        return Err(Error::NotFound);
    }
    Ok(true)
}

/// Uses a code up, if it is right and no lock holds.
async fn accept(
    tx: &mut Tx,
    user: UserId,
    proof: CodeProof,
    now: Timestamp,
) -> Result<bool, Error> {
    let used = match proof {
        CodeProof::Step(step) => {
            let sql = "UPDATE second_factors SET last_step = $2, wrong_codes = 0
                 WHERE user_id = $1 AND last_step < $2 AND locked_until <= $3
                     AND confirmed_at IS NOT NULL";
            tx.execute(sql, params![user, step, now]).await?
        }
        CodeProof::RecoveryCode(code) => {
            let sql = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2 AND EXISTS
                 (SELECT 1 FROM second_factors WHERE user_id = $1 AND locked_until <= $3)";
            tx.execute(sql, params![user, code.as_slice(), now]).await?
        }
        CodeProof::Wrong => 0,
    };
    Ok(used > 0)
}
