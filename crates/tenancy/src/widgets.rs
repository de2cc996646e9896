//! Widget apps: what a customer embeds, and whose tokens work for whom.

use std::sync::Arc;

use auth::{EndUserName, KeyHasher, OriginPattern, PlainAppSecret};
use model::{
    AppId, Caller, Clock, EndUserId, Name, OrganizationId, ProjectId, Random, Timestamp,
    WidgetAppId, WidgetSessionId,
};
use serde_json::Value;
use store::{
    ChangedBy, EndUserStatus, NewWidgetApp, SessionsOf, Store, TenantStatus, WidgetApp,
    WidgetAppPatch, WidgetAppScope, WidgetAppSecret, WidgetSession,
};

use crate::Error;

/// Entries of a list of origins at most.
const MAX_ORIGINS: usize = 100;
/// Bytes of a theme at most.
const MAX_THEME_BYTES: usize = 16 * 1024;
/// Sessions that are listed at most.
const MAX_LISTED: i64 = 1_000;

/// An app to be made.
#[derive(Debug, Clone, Default)]
pub struct NewWidget {
    /// What it is called.
    pub name: String,
    /// The pages that may use its tokens, as patterns of origins.
    pub allowed_origins: Vec<String>,
    /// Whether `Origin: null` may.
    pub allow_null_origin: bool,
    /// Whether a request must come from a page.
    pub require_origin: bool,
    /// How it looks, the owner's own object.
    pub theme: Option<Value>,
}

/// What changes of an app: `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct WidgetChange {
    /// What it is called.
    pub name: Option<String>,
    /// The pages that may use its tokens.
    pub allowed_origins: Option<Vec<String>>,
    /// Whether `Origin: null` may.
    pub allow_null_origin: Option<bool>,
    /// Whether a request must come from a page.
    pub require_origin: Option<bool>,
    /// Whether it is in use.
    pub status: Option<TenantStatus>,
    /// How it looks; `Some(None)` empties it.
    pub theme: Option<Option<Value>>,
}

/// An app that was made, with its secret, to be shown this once.
#[derive(Debug, Clone)]
pub struct MintedApp {
    /// Its record.
    pub app: WidgetApp,
    /// Its secret.
    pub secret: PlainAppSecret,
}

/// What cutting somebody off did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOff {
    /// Who.
    pub end_user_id: EndUserId,
    /// Tokens that worked until now.
    pub sessions: usize,
}

/// Makes and changes widget apps, as the operator or [`by`](Self::by) somebody else. Checks what is
/// asked for, not who asks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Widgets {
    store: Store,
    hasher: KeyHasher,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    caller: Caller,
}

impl Widgets {
    /// Works on this store, as the operator.
    pub fn new(
        store: Store,
        hasher: KeyHasher,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            store,
            hasher,
            clock,
            random,
            caller: Caller::OPERATOR,
        }
    }

    /// The same for somebody else, as the audit log is to name them.
    #[must_use]
    pub fn by(&self, caller: Caller) -> Self {
        Self {
            caller,
            ..self.clone()
        }
    }

    /// Who makes a change now.
    fn changed_by(&self) -> ChangedBy {
        ChangedBy {
            caller: self.caller.clone(),
            at: self.clock.now(),
        }
    }

    /// Makes an app in a project.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create(
        &self,
        organization_id: OrganizationId,
        project_id: ProjectId,
        new: NewWidget,
        created_by: &str,
    ) -> Result<MintedApp, Error> {
        let found = self.store.find_project(organization_id, project_id).await;
        found
            .map_err(Error::Store)?
            .ok_or(Error::NotFound("Project"))?;
        let app = WidgetApp {
            id: WidgetAppId::generate(&*self.random),
            organization_id,
            project_id,
            app_id: AppId::generate(&*self.random),
            name: Name::parse(&new.name)?.into_text(),
            allowed_origins: origins(&new.allowed_origins)?,
            allow_null_origin: new.allow_null_origin,
            require_origin: new.require_origin,
            status: TenantStatus::Active,
            theme: new.theme.map(theme).transpose()?,
            created_by: created_by.to_owned(),
            created_at: self.clock.now(),
        };
        let (secret, kept) = self.mint_secret();
        let kept = NewWidgetApp {
            app: app.clone(),
            secret: kept,
        };
        let made = self.store.insert_widget_app(kept, self.changed_by()).await;
        made.map_err(Error::Store)?;
        Ok(MintedApp { app, secret })
    }

    /// The apps of a project, oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(
        &self,
        organization_id: OrganizationId,
        project_id: ProjectId,
    ) -> Result<Vec<WidgetApp>, Error> {
        let listed = self.store.list_widget_apps(organization_id, project_id);
        listed.await.map_err(Error::Store)
    }

    /// An app.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn get(&self, scope: WidgetAppScope) -> Result<WidgetApp, Error> {
        let found = self.store.find_widget_app(scope).await;
        found
            .map_err(Error::Store)?
            .ok_or(Error::NotFound("Widget app"))
    }

    /// Changes an app; its tokens see that from the answer on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn update(
        &self,
        scope: WidgetAppScope,
        change: WidgetChange,
    ) -> Result<WidgetApp, Error> {
        let name = change.name.as_deref().map(Name::parse).transpose()?;
        let patch = WidgetAppPatch {
            name: name.map(Name::into_text),
            allowed_origins: change.allowed_origins.as_deref().map(origins).transpose()?,
            allow_null_origin: change.allow_null_origin,
            require_origin: change.require_origin,
            status: change.status,
            theme: match change.theme {
                None => None,
                Some(new) => Some(new.map(theme).transpose()?),
            },
        };
        let changed = self
            .store
            .update_widget_app(scope, patch, self.changed_by())
            .await;
        changed.map_err(Error::of("Widget app"))
    }

    /// Gives an app another secret; the old ones work for `grace_ms` more at most, until the
    /// answered moment.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn rotate_secret(
        &self,
        scope: WidgetAppScope,
        grace_ms: i64,
    ) -> Result<(PlainAppSecret, Timestamp), Error> {
        let (secret, kept) = self.mint_secret();
        let until = kept.created_at.plus_millis(grace_ms.max(0));
        let done = self
            .store
            .rotate_widget_app_secret(scope, kept, until, self.changed_by());
        done.await.map_err(Error::of("Widget app"))?;
        Ok((secret, until))
    }

    /// Makes every token of an app invalid; says how many worked until now.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn disable(&self, scope: WidgetAppScope) -> Result<usize, Error> {
        let live = self.sessions(scope).await?.len();
        let disabled = WidgetChange {
            status: Some(TenantStatus::Disabled),
            ..WidgetChange::default()
        };
        self.update(scope, disabled).await?;
        Ok(live)
    }

    /// Deletes an app with its secrets, end users and their variables.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn delete(&self, scope: WidgetAppScope) -> Result<(), Error> {
        let deleted = self.store.delete_widget_app(scope, self.changed_by()).await;
        deleted.map_err(Error::of("Widget app"))
    }

    /// The tokens of an app that work, latest first, a thousand at most.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn sessions(&self, scope: WidgetAppScope) -> Result<Vec<WidgetSession>, Error> {
        let now = self.clock.now();
        let listed = self.store.list_widget_sessions(scope, now, MAX_LISTED);
        listed.await.map_err(Error::of("Widget app"))
    }

    /// Cuts one token off.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn revoke_session(
        &self,
        scope: WidgetAppScope,
        id: WidgetSessionId,
    ) -> Result<CutOff, Error> {
        self.revoke(scope, SessionsOf::Session(id), "Session").await
    }

    /// Cuts every token of an end user off. New ones are given.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn revoke_end_user(
        &self,
        scope: WidgetAppScope,
        end_user: &str,
    ) -> Result<CutOff, Error> {
        let name = EndUserName::parse(end_user)?;
        let of = SessionsOf::EndUser(name.as_str().to_owned());
        self.revoke(scope, of, "End user").await
    }

    /// Cuts an end user's tokens off and refuses new ones.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn block_end_user(
        &self,
        scope: WidgetAppScope,
        end_user: &str,
    ) -> Result<CutOff, Error> {
        self.set_status(scope, end_user, EndUserStatus::Blocked)
            .await?;
        // After that: a token that was made meanwhile is cut off too.
        self.revoke_end_user(scope, end_user).await
    }

    /// Lets an end user get tokens again. Those that were cut off stay dead.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn unblock_end_user(
        &self,
        scope: WidgetAppScope,
        end_user: &str,
    ) -> Result<(), Error> {
        self.set_status(scope, end_user, EndUserStatus::Active)
            .await
    }

    async fn set_status(
        &self,
        scope: WidgetAppScope,
        end_user: &str,
        status: EndUserStatus,
    ) -> Result<(), Error> {
        let name = EndUserName::parse(end_user)?.as_str().to_owned();
        let new_id = EndUserId::generate(&*self.random);
        let done = self
            .store
            .set_end_user_status(scope, name, status, new_id, self.changed_by());
        done.await.map_err(Error::of("Widget app"))
    }

    async fn revoke(
        &self,
        scope: WidgetAppScope,
        of: SessionsOf,
        what: &'static str,
    ) -> Result<CutOff, Error> {
        let done = self
            .store
            .revoke_widget_sessions(scope, of, self.changed_by());
        let (end_user_id, count) = done.await.map_err(Error::of(what))?;
        Ok(CutOff {
            end_user_id,
            sessions: usize::try_from(count).unwrap_or(usize::MAX),
        })
    }

    fn mint_secret(&self) -> (PlainAppSecret, WidgetAppSecret) {
        let secret = PlainAppSecret::mint(&*self.random);
        let kept = WidgetAppSecret {
            hash: self.hasher.hash_app_secret(&secret),
            created_at: self.clock.now(),
            expires_at: None,
        };
        (secret, kept)
    }
}

/// A list of origins in the one spelling that they are compared in.
fn origins(list: &[String]) -> Result<Vec<String>, Error> {
    if list.len() > MAX_ORIGINS {
        return Err(Error::TooManyOrigins(MAX_ORIGINS));
    }
    let pattern = |entry: &String| {
        let pattern = entry.trim().parse::<OriginPattern>();
        let pattern = pattern.map_err(|source| Error::Origin {
            entry: entry.chars().take(200).collect(),
            source,
        })?;
        Ok(pattern.to_string())
    };
    list.iter().map(pattern).collect()
}

fn theme(theme: Value) -> Result<Value, Error> {
    if theme.is_object() && theme.to_string().len() <= MAX_THEME_BYTES {
        Ok(theme)
    } else {
        Err(Error::Theme(MAX_THEME_BYTES))
    }
}
