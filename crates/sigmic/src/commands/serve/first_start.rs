//! What the command line needs to call this server: keys of its own and the address.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use auth::PlainKey;
use model::{Caller, KeyClass};

use crate::commands::connect::{KEY_FILE, MANAGEMENT_KEY_FILE, URL_FILE, local_url, read};
use crate::instance::{
    FIRST_OWNER, Instance, Lasting, owner_email, sign_in_link, write_private_file,
};
use crate::output::Output;
use crate::settings::Settings;

/// Longest name of a key that is made of a path.
const MAX_NAME_CHARS: usize = 100;

/// Makes the command line's keys unless those in the data directory are known here; with them, at
/// the first start, organization, owner and default project. A key that the operator disabled or
/// revoked stays as it is. Answers where the one for tasks lies.
pub(super) async fn ensure_keys(instance: &Instance, data_dir: &Path) -> Result<PathBuf> {
    let (tasks, settings) = (data_dir.join(KEY_FILE), data_dir.join(MANAGEMENT_KEY_FILE));
    ensure_key(instance, data_dir, KeyClass::Project, &tasks).await?;
    ensure_key(instance, data_dir, KeyClass::Management, &settings).await?;
    Ok(tasks)
}

async fn ensure_key(
    instance: &Instance,
    data_dir: &Path,
    class: KeyClass,
    path: &Path,
) -> Result<()> {
    let kept = read(path).map_err(anyhow::Error::from)?;
    if let Some(key) = kept.and_then(|text| PlainKey::parse(&text).ok()) {
        let hash = instance.hasher.hash(&key);
        let known = instance.store.unscoped_find_api_key_by_hash(&hash.bytes);
        if known.await?.is_some() {
            return Ok(());
        }
    }
    // Several servers on one database have keys each: the name tells whose they are, and a key
    // that is made again takes the place of its predecessor only.
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    let name: String = format!("command line of {host}:{}", data_dir.display())
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_NAME_CHARS)
        .collect();
    let made = instance
        .admin
        .by(Caller::SERVER)
        .bootstrap(FIRST_OWNER, &[(class, &name)])
        .await?;
    let minted = made.keys.first().context("the key that was asked for")?;
    write_private_file(path, minted.key.expose_key(), Lasting::Durable)
}

/// Prints the link with which the first organization's owner chooses a password, as long as they
/// have neither one nor such a link.
pub(super) async fn tell_owner(
    instance: &Instance,
    settings: &Settings,
    address: SocketAddr,
    output: &mut Output,
) -> Result<()> {
    let Some(organization) = instance.store.find_default_organization().await? else {
        return Ok(());
    };
    let email = owner_email(&organization);
    let owner = instance
        .sign_ins
        .ensure_owner(organization.id, email)
        .await?;
    if owner.password.is_some() || instance.sign_ins.has_link(&owner).await? {
        return Ok(());
    }
    let link = instance.sign_ins.make_link(&owner).await?;
    let own = settings.public_url.as_ref().map(ToString::to_string);
    let base = own.unwrap_or_else(|| local_url(address));
    let link = sign_in_link(&base, &link);
    output.line(format!("  sign in     {link} (once, within a week)"));
    Ok(())
}

/// The file that says where the server listens, for as long as it does.
#[derive(Debug)]
pub(super) struct UrlFile(PathBuf);

impl UrlFile {
    pub(super) fn write(data_dir: &Path, url: &str) -> Result<Self> {
        let path = data_dir.join(URL_FILE);
        write_private_file(&path, url, Lasting::Brief)?;
        Ok(Self(path))
    }
}

impl Drop for UrlFile {
    fn drop(&mut self) {
        // A file that stays is written over by the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}
