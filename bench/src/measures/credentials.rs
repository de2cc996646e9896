//! P13: what it costs to know who asks, with few and with many keys.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use auth::{
    Authenticator, Credential, EndUserName, KeyHasher, PlainKey, SigningKeys, TokenExchange,
    TokenLifetime,
};
use model::{ApiKeyId, Clock, KeyClass, OsRandom, Random, SystemClock};
use rusqlite::Connection;
use store::{OpenMode, Store, StoreConfig};
use tenancy::{BootstrapOutcome, KeyAdmin, NewWidget, Widgets};
use tokio::time::Instant;
use vault::{MasterKey, MasterKeySource, Vault};

use super::reads::{Reads, round};
use super::rig::{Rig, micros, percentile};
use crate::report::{Goal, Measured};

/// Keys in the database, beside the few that the server makes for itself.
const SIZES: [(usize, &str, &str); 4] = [
    (
        1,
        "request with a key beside /healthz, 1 key",
        "key check, 1 key, p50",
    ),
    (1_000, "the same, 1,000 keys", "the same, 1,000 keys"),
    (100_000, "the same, 100,000 keys", "the same, 100,000 keys"),
    (
        1_000_000,
        "the same, 1,000,000 keys",
        "the same, 1,000,000 keys",
    ),
];
/// Keys that are presented, spread over all of them.
const PRESENTED: usize = 1_000;
/// Checks that are timed one by one.
const CHECKS: usize = 50_000;
/// Tokens; fewer than a server remembers.
const TOKENS: usize = 1_000;
const ROUNDS: usize = 3;

/// The database of a server that is not running, opened as the server opens it.
struct Opened {
    store: Store,
    hasher: KeyHasher,
    signing: Arc<SigningKeys>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Opened {
    async fn at(place: &Path) -> Result<Self> {
        let store = Store::open(&StoreConfig::Sqlite {
            directory: place.to_owned(),
            mode: OpenMode::Serve,
        })
        .await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let master = MasterKeySource::OwnFile(place.join("master.key"));
        let vault = Arc::new(Vault::new(&MasterKey::load(&master, &*random)?));
        let hasher = KeyHasher::load(&store, &vault, &*clock, &*random).await?;
        let signing = SigningKeys::load(
            store.clone(),
            vault,
            Arc::clone(&clock),
            Arc::clone(&random),
        );
        Ok(Self {
            signing: Arc::new(signing.await?),
            store,
            hasher,
            clock,
            random,
        })
    }

    fn authenticator(&self) -> Authenticator {
        let keys = Some(Arc::clone(&self.signing));
        let (store, hasher) = (self.store.clone(), self.hasher.clone());
        Authenticator::new(store, hasher, keys, Arc::clone(&self.clock))
    }

    /// A key of the default project, made now.
    async fn bootstrap(&self) -> Result<BootstrapOutcome> {
        let (store, hasher) = (self.store.clone(), self.hasher.clone());
        let (clock, random) = (Arc::clone(&self.clock), Arc::clone(&self.random));
        let admin = KeyAdmin::new(store, hasher, clock, random);
        Ok(admin
            .bootstrap("bench", &[(KeyClass::Project, "bench")])
            .await?)
    }
}

/// Makes that many more keys, copies of one but for what tells them apart. Answers some of them,
/// spread over all.
fn fill(place: &Path, hasher: &KeyHasher, like: ApiKeyId, count: usize) -> Result<Vec<PlainKey>> {
    let mut database = Connection::open(place.join("sigmic.db"))?;
    database.pragma_update(None, "cache_size", -256 * 1024)?;
    let names: Vec<String> = {
        let mut statement = database.prepare("SELECT name FROM pragma_table_info('api_keys')")?;
        let names = statement.query_map([], |row| row.get(0))?;
        names.collect::<Result<_, _>>()?
    };
    let values = names.iter().map(|name| match name.as_str() {
        "id" | "lineage" => "?1",
        "hash" => "?2",
        "prefix" => "?3",
        other => other,
    });
    let values: Vec<&str> = values.collect();
    let (names, values) = (names.join(", "), values.join(", "));
    let insert =
        format!("INSERT INTO api_keys ({names}) SELECT {values} FROM api_keys WHERE id = ?4");
    let every = count.div_ceil(PRESENTED);
    let mut presented = Vec::new();
    let transaction = database.transaction()?;
    {
        let mut insert = transaction.prepare(&insert)?;
        for number in 0..count {
            let key = PlainKey::mint(&OsRandom);
            let (id, hash) = (ApiKeyId::generate(&OsRandom).to_string(), hasher.hash(&key));
            let made = (id, hash.bytes, key.prefix(), like.to_string());
            ensure!(insert.execute(made)? == 1, "the key to be copied is gone");
            if number % every == 0 {
                presented.push(key);
            }
        }
    }
    transaction.commit()?;
    Ok(presented)
}

/// What was measured of keys, of one number of them.
struct Keys {
    p50: Duration,
    p99: Duration,
    per_second: f64,
    with: Reads,
    bare: Reads,
}

pub(super) async fn measure(rig: &Rig) -> Result<Vec<Measured>> {
    let place = rig.place("credentials")?;
    rig.sigmic(&place)?.process.stop()?;
    let mut sizes = Vec::new();
    let mut there = 0;
    for (size, ..) in SIZES {
        let opened = Opened::at(&place).await?;
        let like = opened.bootstrap().await?.keys.remove(0);
        let hasher = opened.hasher.clone();
        opened.store.close().await;
        // Of so few, the one that was copied.
        let mut keys = fill(
            &place,
            &hasher,
            like.record.id,
            (size - 1).saturating_sub(there),
        )?;
        keys.push(like.key);
        there = size - 1;
        sizes.push(keys_of(rig, &place, &keys).await?);
    }
    let mut rows = report(&sizes);
    rows.extend(tokens(&place).await?);
    Ok(rows)
}

async fn keys_of(rig: &Rig, place: &Path, keys: &[PlainKey]) -> Result<Keys> {
    let opened = Opened::at(place).await?;
    let authenticator = opened.authenticator();
    let credentials: Vec<_> = keys.iter().cloned().map(Credential::ApiKey).collect();
    let mut best: Option<(Duration, Duration, f64)> = None;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let mut times = checks(&authenticator, credentials.iter().cycle().take(CHECKS)).await?;
        let per_second = CHECKS as f64 / started.elapsed().as_secs_f64();
        let (p50, p99) = (percentile(&mut times, 0.5), percentile(&mut times, 0.99));
        best = Some(best.map_or((p50, p99, per_second), |(half, most, rate)| {
            (half.min(p50), most.min(p99), rate.max(per_second))
        }));
    }
    let (p50, p99, per_second) = best.context("at least one round")?;
    opened.store.close().await;
    let sigmic = rig.sigmic(place)?;
    // No id: nothing is looked up but the key.
    let requests: Vec<_> = keys
        .iter()
        .map(|key| sigmic.get_with(key.expose_key(), "/api/v1/tasks/x"))
        .collect();
    let bare = [sigmic.get("/healthz")];
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(round(&sigmic, &bare, 200).await?);
        with.push(round(&sigmic, &requests, 404).await?);
    }
    sigmic.process.stop()?;
    Ok(Keys {
        p50,
        p99,
        per_second,
        with: Reads::best(&with),
        bare: Reads::best(&without),
    })
}

/// How long each check took, one after the other.
async fn checks(
    authenticator: &Authenticator,
    credentials: impl Iterator<Item = &Credential>,
) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(CHECKS);
    for credential in credentials {
        let started = Instant::now();
        authenticator.authenticate(credential, None).await?;
        times.push(started.elapsed());
    }
    Ok(times)
}

/// A row of the table without a limit program.
fn row(measure: &'static str, unit: &'static str, ours: f64, goal: Goal) -> Measured {
    Measured {
        id: "P13",
        measure,
        unit,
        ours,
        limit: None,
        goal,
    }
}

fn report(sizes: &[Keys]) -> Vec<Measured> {
    let mut rows = Vec::new();
    for ((_, _, name), keys) in SIZES.iter().zip(sizes) {
        rows.push(row(name, "µs", micros(keys.p50), Goal::AtMost(20.0)));
    }
    for ((_, name, _), keys) in SIZES.iter().zip(sizes) {
        rows.push(Measured {
            limit: Some(keys.bare.cpu_us),
            ..row(name, "µs of CPU", keys.with.cpu_us, Goal::AtMost(2.0))
        });
    }
    if let [_, few, _, many] = sizes {
        rows.push(row(
            "key check, 1,000,000 keys, p99",
            "µs",
            micros(many.p99),
            Goal::AtMost(150.0),
        ));
        rows.push(row(
            "key checks of a core, 1,000,000 keys",
            "checks/s",
            many.per_second,
            Goal::AtLeast(60_000.0),
        ));
        rows.push(Measured {
            limit: Some(micros(few.p50)),
            ..row(
                "key check, 1,000,000 keys beside 1,000",
                "µs",
                micros(many.p50),
                Goal::AtMost(1.5),
            )
        });
        let cost = |keys: &Keys| keys.with.cpu_us - keys.bare.cpu_us;
        rows.push(Measured {
            limit: Some(cost(few)),
            ..row(
                "a request's authentication, the same",
                "µs of CPU",
                cost(many),
                Goal::AtMost(1.5),
            )
        });
    }
    rows
}

/// Tokens when they are first seen, and after.
async fn tokens(place: &Path) -> Result<Vec<Measured>> {
    let opened = Opened::at(place).await?;
    let first = opened.bootstrap().await?;
    let (store, hasher) = (opened.store.clone(), opened.hasher.clone());
    let (clock, random) = (Arc::clone(&opened.clock), Arc::clone(&opened.random));
    let widgets = Widgets::new(store.clone(), hasher.clone(), clock.clone(), random.clone());
    let new = NewWidget {
        name: "bench".to_owned(),
        ..NewWidget::default()
    };
    let app = widgets
        .create(first.organization.id, first.project.id, new, "bench")
        .await?;
    let exchange = TokenExchange::new(store, hasher, Some(opened.signing.clone()), clock, random);
    let mut credentials = Vec::new();
    for number in 0..TOKENS {
        let user = EndUserName::parse(&format!("user {number}"))?;
        let begun = exchange.begin(
            app.app.app_id.as_str(),
            app.secret.expose_app_secret(),
            &user,
        );
        let issued = exchange
            .issue(begun.await?, TokenLifetime::default(), None)
            .await?;
        credentials.push(Credential::Token(issued.token));
    }
    let mut best = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        // A new one has seen nothing yet.
        let authenticator = opened.authenticator();
        for best in &mut best {
            let mut times = checks(&authenticator, credentials.iter()).await?;
            *best = percentile(&mut times, 0.5).min(*best);
        }
    }
    opened.store.close().await;
    let [first, after] = best.map(micros);
    Ok(vec![
        row(
            "token check at first sight, p50",
            "µs",
            first,
            Goal::AtMost(90.0),
        ),
        row("token check after, p50", "µs", after, Goal::AtMost(20.0)),
    ])
}
