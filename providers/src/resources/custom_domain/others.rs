//! The paths that others have opened below a domain of ours, and their tags on it. A tag is told and cannot be removed: others
//! may go by it.

use std::collections::BTreeSet;

use super::{CustomDomain, MARK, Protocol, tag_keys};
use crate::aws::outcome::Sequence;
use crate::port::{Examined, Failure, Kin, Removal, Resource};
use crate::resources::api_mapping::{self, ApiMapping};

pub(super) const MAPPING: &str = "mapping of /";

impl CustomDomain {
    /// Looks for them, and for tags: two calls for a domain, three for a REST domain.
    pub(super) async fn others(&self, have: Removal<'_>, protocol: Protocol, kin: &Kin) -> Examined {
        let mut found = Examined::default();
        let domain = have.handle.0.as_str();
        let (all, there) = futures::join!(
            api_mapping::all(&self.context, domain, protocol),
            self.get(protocol, domain)
        );
        let ours: BTreeSet<_> = tag_keys(Some(have.spec)).chain([MARK]).collect();
        found.add(there.map(|there| {
            let tags = there.into_iter().flat_map(|there| there.tags.into_keys());
            let others = tags.filter(|tag| !ours.contains(tag.as_str()) && !tag.starts_with("aws:"));
            others.map(|tag| format!("tag {tag}")).collect()
        }));
        found.add(all.map(|all| {
            let others = all.iter();
            let others =
                others.filter(|one| !kin.has(&ApiMapping::KIND, &format!("{domain}/{}", one.prefix)));
            others.map(told).collect()
        }));
        found
    }

    /// Removes additions.
    pub(super) async fn prune_others(
        &self,
        domain: &str,
        protocol: Protocol,
        children: &[String],
    ) -> Result<(), Failure> {
        let mut requests = Sequence::default();
        for one in api_mapping::all(&self.context, domain, protocol).await? {
            if children.contains(&told(&one)) {
                let removed = api_mapping::remove(&self.context, domain, protocol, &one).await;
                requests.step(removed)?;
            }
        }
        Ok(())
    }
}

fn told(one: &api_mapping::Mapped) -> String {
    format!("{MAPPING}{} to {}/{}", one.prefix, one.api, one.stage)
}
