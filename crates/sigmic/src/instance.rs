//! What the server and the operator's commands open alike: database, master key, hash key.

use std::fs::DirBuilder;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use auth::{
    KeyHasher, Passwords, PlainToken, SetupError, SignIns, SigningKeys, check_master_key,
    second_factor_vault,
};
use model::{Clock, Email, OsRandom, Random, SystemClock};
use store::{OpenMode, Organization, Store, StoreConfig};
use tenancy::{KeyAdmin, People, Widgets};
use vault::{MasterKey, MasterKeySource, Vault};

use crate::settings::{Database, Settings, Signing};

/// The owner of the organization that a first start makes.
pub(crate) const FIRST_OWNER: &str = "owner@localhost";

/// Whose address the owner of the first organization signs in with.
pub(crate) fn owner_email(organization: &Organization) -> Email {
    Email::parse(&organization.owner_name)
        .or_else(|_| Email::parse(FIRST_OWNER))
        .expect("the first owner's address is one")
}

/// A link whose holder chooses a password. The token stands where no server and no log sees it.
pub(crate) fn sign_in_link(base: &str, token: &PlainToken) -> String {
    format!("{base}/setup#token={}", token.expose_token())
}

/// What a process may do about an old schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schema {
    /// Bring it up to this version's.
    Migrate,
    /// Refuse: another command is meant for that.
    Require,
}

/// An opened instance.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) hasher: KeyHasher,
    /// Absent where signing is switched off.
    pub(crate) signing: Option<Arc<SigningKeys>>,
    pub(crate) admin: KeyAdmin,
    pub(crate) widgets: Widgets,
    pub(crate) sign_ins: SignIns,
    pub(crate) people: People,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Instance {
    /// Opens everything; makes what a first start needs.
    ///
    /// # Errors
    /// When the database cannot be opened, has another schema, or has another master key.
    pub(crate) async fn open(settings: &Settings, mode: OpenMode, schema: Schema) -> Result<Self> {
        make_private_directory(&settings.data_dir)?;
        let store = open_store(settings, mode).await?;
        match (store.is_migrated().await?, schema) {
            (true, _) => {}
            (false, Schema::Migrate) => store.migrate().await.context("migrate the database")?,
            (false, Schema::Require) => anyhow::bail!(
                "the database is not set up for this version: run `sigmic admin migrate` \
                 (or `sigmic serve`, which does it too)"
            ),
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let vault = Arc::new(open_vault(&store, &settings.master_key, &*clock, &*random).await?);
        let hasher = KeyHasher::load(&store, &vault, &*clock, &*random).await?;
        let admin = KeyAdmin::new(
            store.clone(),
            hasher.clone(),
            Arc::clone(&clock),
            Arc::clone(&random),
        );
        let widgets = Widgets::new(
            store.clone(),
            hasher.clone(),
            Arc::clone(&clock),
            Arc::clone(&random),
        );
        let passwords = Passwords::load(&store, &vault, &*clock, &random).await?;
        let people = People::new(
            store.clone(),
            passwords.clone(),
            Arc::clone(&clock),
            Arc::clone(&random),
        );
        let factors = second_factor_vault(&store, &vault, &*clock, &*random).await?;
        let sign_ins = SignIns::new(
            store.clone(),
            factors,
            passwords,
            Arc::clone(&clock),
            Arc::clone(&random),
        );
        let signing = signing_keys(settings, &store, &vault, &clock, &random).await?;
        Ok(Self {
            store,
            vault,
            hasher,
            signing,
            admin,
            widgets,
            sign_ins,
            people,
            clock,
            random,
        })
    }
}

/// The keys that tokens are signed with, unless that is switched off.
async fn signing_keys(
    settings: &Settings,
    store: &Store,
    vault: &Arc<Vault>,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> Result<Option<Arc<SigningKeys>>> {
    match settings.signing {
        Signing::Off => Ok(None),
        Signing::On => {
            let keys = SigningKeys::load(
                store.clone(),
                Arc::clone(vault),
                Arc::clone(clock),
                Arc::clone(random),
            );
            Ok(Some(Arc::new(keys.await?)))
        }
    }
}

/// The vault of the database's master key. A change of the key's own file that was cut off after
/// the database had changed is finished.
async fn open_vault(
    store: &Store,
    source: &MasterKeySource,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Vault> {
    let vault = Vault::new(&MasterKey::load(source, random)?);
    let wrong = match check_master_key(store, &vault, clock.now()).await {
        Ok(()) => return Ok(vault),
        Err(error) => error,
    };
    if let (SetupError::WrongMasterKey(_), MasterKeySource::OwnFile(path)) = (&wrong, source)
        && next_master_key(path).exists()
    {
        let next = MasterKeySource::OwnFile(next_master_key(path));
        let vault = Vault::new(&MasterKey::load(&next, random)?);
        check_master_key(store, &vault, clock.now()).await?;
        take_next_master_key(path)?;
        return Ok(vault);
    }
    Err(wrong.into())
}

/// Where the next key of a key file lies while the database is changed.
pub(crate) fn next_master_key(path: &Path) -> PathBuf {
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    PathBuf::from(next)
}

/// Puts the next key in the place of the present one.
///
/// # Errors
/// When the file cannot be renamed, durably.
pub(crate) fn take_next_master_key(path: &Path) -> Result<()> {
    let rename = || {
        std::fs::rename(next_master_key(path), path)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        std::fs::File::open(directory)?.sync_all()
    };
    rename().with_context(|| format!("put the next master key in {}", path.display()))
}

/// Opens the database alone.
///
/// # Errors
/// When it is not reachable or another server holds it.
pub(crate) async fn open_store(settings: &Settings, mode: OpenMode) -> Result<Store> {
    let config = match &settings.database {
        Database::Sqlite(directory) => StoreConfig::Sqlite {
            directory: directory.clone(),
            mode,
        },
        Database::Postgres(url) => StoreConfig::Postgres {
            url: url.expose_secret().to_owned(),
        },
    };
    Store::open(&config).await.context("open the database")
}

/// Makes a directory that only this user may enter, with those above it.
pub(crate) fn make_private_directory(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("make the directory {}", path.display()))
}

/// How long a file must last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lasting {
    /// Through a power cut.
    Durable,
    /// As long as this process: the next one writes it anew.
    Brief,
}

/// Writes a file that only this user may read; it appears whole, in the place of an older one.
pub(crate) fn write_private_file(path: &Path, text: &str, lasting: Lasting) -> Result<()> {
    let write = || {
        let draft = path.with_extension("draft");
        match std::fs::remove_file(&draft) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        if lasting == Lasting::Durable {
            file.sync_all()?;
        }
        std::fs::rename(&draft, path)
    };
    write().with_context(|| format!("write {}", path.display()))
}
