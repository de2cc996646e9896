//! The keys that organizations' values are sealed with. Read each time: nothing here outlives the
//! row.

use model::OrganizationId;
use store::WrappedKey;
use vault::DataKey;

use crate::Error;
use crate::service::Inner;

impl Inner {
    /// An organization's key; made if it has none yet.
    pub(crate) async fn data_key(&self, organization: OrganizationId) -> Result<DataKey, Error> {
        let kept = match self.store.find_data_key(organization).await? {
            Some(kept) => kept,
            None => {
                let fresh = DataKey::generate(&*self.random);
                let wrapped = self.vault.wrap(organization, &fresh, &*self.random);
                let fresh = WrappedKey {
                    organization_id: organization,
                    wrapped,
                    created_at: self.now(),
                };
                // Of two processes that make one at once, both get the first one's.
                self.store.insert_data_key(fresh).await?
            }
        };
        let key = self.vault.unwrap(organization, &kept.wrapped);
        key.map_err(|_| {
            tracing::error!(%organization, "the key of an organization does not open");
            Error::Sealed
        })
    }
}
