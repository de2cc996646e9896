//! The meters of one process.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{AppId, Clock, Principal, Rate, Timestamp};
use store::Store;

use super::bucket::{Bucket, Source, Standing, source_network};
use super::leases::Leases;
use super::meter::Meter;
use crate::{Authenticated, Exchange};

/// The limits of the instance; absent: none.
#[derive(Debug, Clone, Copy, Default)]
pub struct RateLimitsConfig {
    /// Requests of a key that has no limit of its own.
    pub key: Option<Rate>,
    /// Requests of an end user.
    pub end_user: Option<Rate>,
    /// Requests of a person at the console.
    pub user: Option<Rate>,
    /// Requests of an organization.
    pub organization: Option<Rate>,
    /// Tokens made for an app.
    pub exchange: Option<Rate>,
    /// Refused credentials of a source address, and refused secrets of an app.
    pub failure: Option<Rate>,
    /// Wrong passwords and one-time links of a source address.
    pub sign_in: Option<Rate>,
}

/// Why a request is not let in.
#[derive(Debug, thiserror::Error)]
pub enum RateError {
    /// A limit is reached.
    #[error("the limit `{}` is reached", .0.policy)]
    Limited(Standing),
    /// The database did not answer.
    #[error("meter a request")]
    Store(#[from] store::Error),
}

/// Meters requests. Made once a process.
#[derive(Debug)]
pub struct RateLimits {
    pub(super) config: RateLimitsConfig,
    store: Store,
    pub(super) clock: Arc<dyn Clock>,
    /// Where no other process can meter the same.
    alone: Mutex<Meter<Bucket>>,
    leases: Mutex<Leases>,
    failures: Mutex<Meter<Source>>,
    pub(super) attempts: Mutex<Meter<IpAddr>>,
}

impl RateLimits {
    /// Meters with these limits.
    pub fn new(config: RateLimitsConfig, store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            config,
            store,
            clock,
            alone: Mutex::default(),
            leases: Mutex::default(),
            failures: Mutex::default(),
            attempts: Mutex::default(),
        }
    }

    /// Lets a caller in; says how they stand with the nearest limit, if any holds for them.
    ///
    /// # Errors
    /// [`RateError`]. Nothing is counted then.
    pub async fn admit(&self, who: &Authenticated) -> Result<Option<Standing>, RateError> {
        let (own, organization_id) = match &who.principal {
            Principal::ApiKey(key) => (
                (Bucket::Key(key.key_id), who.rate.or(self.config.key)),
                Some(key.organization_id),
            ),
            Principal::EndUser(user) => (
                (Bucket::EndUser(user.end_user_id), self.config.end_user),
                Some(user.organization_id),
            ),
            Principal::Console(person) => (
                (Bucket::User(person.user_id), self.config.user),
                person.membership.as_ref().map(|of| of.organization_id),
            ),
        };
        let rate = self.config.organization;
        let organization = organization_id.map(|id| (Bucket::Organization(id), rate));
        self.take([own].into_iter().chain(organization)).await
    }

    /// Lets an app have another token made.
    ///
    /// # Errors
    /// [`RateError`].
    pub async fn admit_exchange(&self, of: &Exchange) -> Result<Option<Standing>, RateError> {
        let bucket = Bucket::Exchange(of.widget_app_id());
        self.take([(bucket, self.config.exchange)]).await
    }

    /// Counts a refused credential of this source address.
    ///
    /// # Errors
    /// The limit is reached: this is what to tell instead of why it was refused.
    pub fn refused(&self, address: Option<IpAddr>) -> Result<(), Standing> {
        let source = address.map(|address| Source::Address(source_network(address)));
        source.map_or(Ok(()), |source| self.count_failure(source))
    }

    /// Counts a refused secret of this app, given from this source address.
    ///
    /// # Errors
    /// A limit is reached.
    pub fn refused_exchange(&self, address: Option<IpAddr>, app_id: &str) -> Result<(), Standing> {
        // Both are counted, whichever is told.
        let by_address = self.refused(address);
        let app_id: Option<AppId> = app_id.parse().ok();
        let by_app = app_id.map_or(Ok(()), |id| self.count_failure(Source::App(id)));
        by_address.and(by_app)
    }

    fn count_failure(&self, source: Source) -> Result<(), Standing> {
        let Some(rate) = self.config.failure else {
            return Ok(());
        };
        let now = self.clock.now();
        let mut failures = lock(&self.failures);
        let full_at = failures.full_at(&source);
        match failures.take(source, rate, now) {
            Some(_) => Ok(()),
            None => Err(Standing::new("failure", rate, full_at, now)),
        }
    }

    /// Takes one of each bucket that has a limit, or none of any.
    async fn take(
        &self,
        wanted: impl IntoIterator<Item = (Bucket, Option<Rate>)> + Send,
    ) -> Result<Option<Standing>, RateError> {
        let limited = wanted.into_iter();
        let limited: Vec<(Bucket, Rate)> = limited
            .filter_map(|(bucket, rate)| Some((bucket, rate?)))
            .collect();
        if limited.is_empty() {
            return Ok(None);
        }
        let now = self.clock.now();
        if self.store.is_exclusive() {
            self.take_alone(limited, now).map_err(RateError::Limited)
        } else {
            self.take_shared(&limited, now).await
        }
    }

    fn take_alone(
        &self,
        wanted: Vec<(Bucket, Rate)>,
        now: Timestamp,
    ) -> Result<Option<Standing>, Standing> {
        let mut meter = lock(&self.alone);
        for (bucket, rate) in &wanted {
            let full_at = meter.full_at(bucket);
            if rate.left(full_at, now) < 1 {
                return Err(Standing::new(bucket.policy(), *rate, full_at, now));
            }
        }
        let standing = wanted.into_iter().filter_map(|(bucket, rate)| {
            let policy = bucket.policy();
            let full_at = meter.take(bucket, rate, now)?;
            Some(Standing::new(policy, rate, full_at, now))
        });
        Ok(nearest(standing))
    }

    async fn take_shared(
        &self,
        wanted: &[(Bucket, Rate)],
        now: Timestamp,
    ) -> Result<Option<Standing>, RateError> {
        let missing = lock(&self.leases).spend(wanted, now);
        if !missing.is_empty() {
            let takes = missing.iter().map(|(_, take)| take.clone()).collect();
            let grants = self.store.take_from_buckets(takes, now).await?;
            let refused = lock(&self.leases).settle(wanted, &missing, &grants, now);
            if let Some((bucket, rate)) = refused.and_then(|at| wanted.get(at)) {
                let (full_at, _) = lock(&self.leases).state(bucket);
                let standing = Standing::new(bucket.policy(), *rate, full_at, now);
                return Err(RateError::Limited(standing));
            }
        }
        let leases = lock(&self.leases);
        Ok(nearest(wanted.iter().map(|(bucket, rate)| {
            let (full_at, tokens) = leases.state(bucket);
            let shared = Standing::new(bucket.policy(), *rate, full_at, now);
            Standing {
                left: shared.left + tokens,
                ..shared
            }
        })))
    }
}

/// The limit of which the smallest part is left.
fn nearest(standings: impl Iterator<Item = Standing>) -> Option<Standing> {
    standings.min_by_key(|standing| standing.left * model::Rate::MAX / standing.per_minute)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
