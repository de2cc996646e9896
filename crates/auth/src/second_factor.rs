//! The second factor of people: codes that their device computes (TOTP, RFC 6238: SHA-1, six digits,
//! 30 seconds, which is what every authenticator app speaks), and recovery codes for when the device
//! is gone. A password alone then opens a *half* sign-in, which is good for giving a code and
//! nothing else.

use std::sync::Arc;

use model::{Caller, Clock, ConsolePrincipal, OrganizationId, Random, UserId};
use sha2::{Digest as _, Sha256};
use store::{CodeProof, HalfSignIn, SecondFactor, Store, User, UserStatus};
use totp_rs::Totp;
use vault::{MasterKey, Record, Secret, Vault};
use zeroize::Zeroizing;

use crate::hasher::instance_secret;
use crate::sign_in::{caller_of, missing};
use crate::{Device, NewSignIn, PlainToken, SetupError, SignInError, SignIns};

/// Milliseconds that a half sign-in works: five minutes.
const HALF_MS: i64 = 5 * 60 * 1_000;
/// Bytes of a device's secret: those of a SHA-1, as RFC 4226 advises.
const SECRET_BYTES: usize = 20;
/// Bytes of a recovery code: 80 bits, of which a plain hash gives nothing away.
const RECOVERY_BYTES: usize = 10;
/// Recovery codes that somebody has.
const RECOVERY_CODES: usize = 10;
/// What authenticator apps show beside the address.
const ISSUER: &str = "Sigmic";

/// The instance secret that secrets of devices are sealed under.
const KEY: &str = "second-factor-key";

/// What seals the secrets of devices: a secret of the instance, so that another master key seals that
/// one anew and none of these.
///
/// # Errors
/// [`SetupError::Sealed`], [`SetupError::Store`].
pub async fn second_factor_vault(
    store: &Store,
    vault: &Vault,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<Arc<Vault>, SetupError> {
    let secret = instance_secret(store, vault, KEY, clock, random).await?;
    let bytes = secret.key.as_slice().try_into();
    let bytes: [u8; 32] = bytes.map_err(|_| SetupError::Sealed(KEY))?;
    Ok(Arc::new(Vault::new(&MasterKey::from_bytes(bytes))))
}

/// What a right password leads to.
#[derive(Debug, Clone)]
pub enum Entry {
    /// A sign-in.
    Whole(Box<NewSignIn>),
    /// Half a one: the token that goes with a code.
    Half(PlainToken),
}

/// How the second factor of a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecondFactorState {
    /// Whether it is asked for.
    pub enabled: bool,
    /// Recovery codes that were not used.
    pub recovery_codes: i64,
}

impl SignIns {
    /// Lets somebody in who gave what they must know: at once, or half where they have a second
    /// factor.
    ///
    /// # Errors
    /// [`SignInError::NotFound`] when they do not belong to the wanted organization;
    /// [`SignInError::Store`].
    pub async fn enter(
        &self,
        user: User,
        wanted: Option<OrganizationId>,
        device: Device,
    ) -> Result<Entry, SignInError> {
        if self.confirmed_factor(user.id).await?.is_none() {
            let made = self.open(user, wanted, None, device).await?;
            return Ok(Entry::Whole(Box::new(made)));
        }
        let token = PlainToken::mint(&*self.random);
        let half = HalfSignIn {
            user_id: user.id,
            organization_id: wanted,
            expires_at: self.clock.now().plus_millis(HALF_MS),
        };
        self.store.replace_half_sign_in(half, token.hash()).await?;
        Ok(Entry::Half(token))
    }

    /// Completes a half sign-in with a code of the device or a recovery code; each works once.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] for whatever is wrong; [`SignInError::Store`].
    pub async fn complete(
        &self,
        token: &str,
        code: &str,
        device: Device,
    ) -> Result<NewSignIn, SignInError> {
        let refused = || SignInError::InvalidCredentials;
        let token = PlainToken::parse(token).ok_or_else(refused)?;
        let now = self.clock.now();
        let half = self.store.unscoped_find_half_sign_in(token.hash(), now);
        let half = half.await?.ok_or_else(refused)?;
        let user = self.user(half.user_id).await?;
        let factor = self.confirmed_factor(user.id).await?.ok_or_else(refused)?;
        let proof = self.prove(user.id, &factor, code)?;
        let used = self.store.use_second_factor(token.hash(), proof, now);
        let right = match used.await {
            Err(store::Error::NotFound) => return Err(refused()),
            right => right?,
        };
        if !right || user.status != UserStatus::Active {
            self.refusals.note(user.id);
            return Err(refused());
        }
        self.open(user, half.organization_id, None, device).await
    }

    /// How the second factor of a person stands.
    ///
    /// # Errors
    /// [`SignInError::Store`].
    pub async fn second_factor(&self, user: UserId) -> Result<SecondFactorState, SignInError> {
        let factor = self.confirmed_factor(user).await?;
        Ok(SecondFactorState {
            enabled: factor.is_some(),
            recovery_codes: factor.map_or(0, |factor| factor.recovery_codes),
        })
    }

    /// Makes the secret of a second factor: a URL that an authenticator app reads. It is asked for
    /// once it is confirmed.
    ///
    /// # Errors
    /// [`SignInError::HasSecondFactor`], [`SignInError::Store`].
    pub async fn begin_second_factor(&self, user: UserId) -> Result<Secret, SignInError> {
        let user = self.user(user).await?;
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        self.random.fill(secret.as_mut_slice());
        let sealed = self.vault.seal(
            &record(&user.id.to_string()),
            secret.as_slice(),
            &*self.random,
        );
        let kept = self
            .store
            .begin_second_factor(user.id, sealed, self.clock.now());
        kept.await.map_err(has_one)?;
        let totp = totp(&user, secret.as_slice());
        let url = totp.to_url().expect("the label has no colon");
        Ok(Secret::new(url))
    }

    /// Confirms a second factor by a code of the device, under a new cookie. Answers the recovery
    /// codes, which are kept nowhere.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`] for a wrong code; [`SignInError::NotFound`] when there is
    /// nothing to confirm; [`SignInError::HasSecondFactor`]; [`SignInError::Store`].
    pub async fn confirm_second_factor(
        &self,
        person: &ConsolePrincipal,
        code: &str,
        device: Device,
    ) -> Result<(NewSignIn, Vec<Secret>), SignInError> {
        let user = self.user(person.user_id).await?;
        let found = self.store.find_second_factor(user.id).await?;
        let factor = found.ok_or(SignInError::NotFound("Second factor"))?;
        if factor.confirmed_at.is_some() {
            return Err(SignInError::HasSecondFactor);
        }
        let CodeProof::Step(step) = self.prove(user.id, &factor, code)? else {
            return Err(SignInError::InvalidCredentials);
        };
        let (shown, kept) = recovery_codes(&*self.random);
        let by = self.changed_by(caller_of(&user, &device));
        let done =
            self.store
                .confirm_second_factor(user.id, (factor.sealed.clone(), step), kept, by);
        done.await.map_err(has_one)?;
        let membership = person.membership.as_ref();
        let wanted = membership.map(|membership| membership.organization_id);
        let made = self.open(user, wanted, Some(person.session_id), device);
        Ok((made.await?, shown))
    }

    /// Makes other recovery codes for who knows the password.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`], [`SignInError::NotFound`], [`SignInError::Store`].
    pub async fn renew_recovery_codes(
        &self,
        user: UserId,
        password: Secret,
        device: &Device,
    ) -> Result<Vec<Secret>, SignInError> {
        let user = self.with_password(user, password).await?;
        let (shown, kept) = recovery_codes(&*self.random);
        let by = self.changed_by(caller_of(&user, device));
        let done = self.store.replace_recovery_codes(user.id, kept, by).await;
        done.map_err(missing("Second factor"))?;
        Ok(shown)
    }

    /// Takes the second factor away from who knows the password.
    ///
    /// # Errors
    /// [`SignInError::InvalidCredentials`], [`SignInError::NotFound`], [`SignInError::Store`].
    pub async fn remove_second_factor(
        &self,
        user: UserId,
        password: Secret,
        device: &Device,
    ) -> Result<(), SignInError> {
        let user = self.with_password(user, password).await?;
        self.delete_factor(&user, caller_of(&user, device)).await
    }

    /// Takes it away from somebody who lost it; who does so is [`by`](Self::by) whom this works.
    ///
    /// # Errors
    /// [`SignInError::NotFound`], [`SignInError::Store`].
    pub async fn reset_second_factor(&self, user: &User) -> Result<(), SignInError> {
        self.delete_factor(user, self.caller.clone()).await
    }

    async fn delete_factor(&self, user: &User, caller: Caller) -> Result<(), SignInError> {
        let by = self.changed_by(caller);
        let done = self.store.delete_second_factor(user.id, by).await;
        done.map_err(missing("Second factor"))
    }

    async fn with_password(&self, user: UserId, password: Secret) -> Result<User, SignInError> {
        let user = self.user(user).await?;
        if !self
            .passwords
            .verify(password, user.password.as_ref())
            .await?
        {
            return Err(SignInError::InvalidCredentials);
        }
        Ok(user)
    }

    async fn confirmed_factor(&self, user: UserId) -> Result<Option<SecondFactor>, SignInError> {
        let found = self.store.find_second_factor(user).await?;
        Ok(found.filter(|factor| factor.confirmed_at.is_some()))
    }

    /// What a given code is.
    fn prove(
        &self,
        user: UserId,
        factor: &SecondFactor,
        code: &str,
    ) -> Result<CodeProof, SignInError> {
        let code: String = code
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            let hash = Sha256::digest(code.as_bytes()).into();
            return Ok(CodeProof::RecoveryCode(hash));
        }
        let secret = self.vault.open(&record(&user.to_string()), &factor.sealed);
        let secret = secret.map_err(|_| SignInError::Sealed)?;
        let seconds = self.clock.now().as_millis().div_euclid(1_000);
        let seconds = u64::try_from(seconds).unwrap_or_default();
        let step = bare_totp(secret.as_slice()).check(&code, seconds);
        let step = step.and_then(|step| i64::try_from(step).ok());
        Ok(step.map_or(CodeProof::Wrong, CodeProof::Step))
    }
}

fn record(user: &str) -> Record<'_> {
    Record {
        table: "second_factors",
        row: user,
        organization: None,
        version: 1,
    }
}

/// What computes codes: one step of 30 seconds to either side counts, for clocks that are not right.
fn bare_totp(secret: &[u8]) -> Totp {
    builder(secret)
        .with_account_name("-")
        .build()
        .expect("the secret is long enough")
}

fn totp(user: &User, secret: &[u8]) -> Totp {
    // A colon ends the issuer in the label.
    let name = user.email.as_str().replace(':', "_");
    builder(secret)
        .with_account_name(name)
        .build()
        .expect("the label has no colon and the secret is long enough")
}

fn builder(secret: &[u8]) -> totp_rs::Builder {
    totp_rs::Builder::new()
        .with_secret(secret.to_vec())
        .with_skew(1)
        .with_issuer(Some(ISSUER))
}

/// Fresh recovery codes, as they are shown and as they are kept.
fn recovery_codes(random: &dyn Random) -> (Vec<Secret>, Vec<[u8; 32]>) {
    let made = (0..RECOVERY_CODES).map(|_| {
        let mut bytes = Zeroizing::new([0; RECOVERY_BYTES]);
        random.fill(bytes.as_mut_slice());
        let text = totp_rs::Secret::from(bytes.to_vec()).to_base32();
        let text = text.trim_end_matches('=').to_ascii_lowercase();
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        let groups: Vec<&str> = (0..text.len())
            .step_by(4)
            .map(|at| &text[at..at + 4])
            .collect();
        (Secret::new(groups.join("-")), hash)
    });
    made.unzip()
}

fn has_one(error: store::Error) -> SignInError {
    if matches!(error, store::Error::Conflict) {
        SignInError::HasSecondFactor
    } else {
        SignInError::Store(error)
    }
}
