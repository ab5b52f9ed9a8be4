//! Which kinds there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use grail_state::{Kind, Wire};

use super::provider::Provider;
use super::rules::Rules;

/// The pure face of a [`Catalog`]: rules by kind, for the planner.
pub trait RuleBook {
    /// The rules of `kind`.
    fn rules(&self, kind: &Kind) -> Option<&dyn Rules>;
}

/// All providers, by kind.
#[derive(Clone, Default)]
pub struct Catalog {
    providers: BTreeMap<Kind, Arc<dyn Provider>>,
}

impl Catalog {
    /// A catalogue of the given providers. A later one of the same kind takes the place of an earlier.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Self {
        Self {
            providers: providers
                .into_iter()
                .map(|provider| (provider.kind(), provider))
                .collect(),
        }
    }

    /// The provider of `kind`.
    pub fn provider(&self, kind: &Kind) -> Option<&Arc<dyn Provider>> {
        self.providers.get(kind)
    }

    /// Every provider, in order of kind.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.providers.values()
    }

    /// How each kind appears in Chalice's file.
    pub fn wires(&self) -> BTreeMap<Kind, &'static [Wire]> {
        self.providers
            .iter()
            .map(|(kind, provider)| (kind.clone(), provider.wires()))
            .filter(|(_, wires)| !wires.is_empty())
            .collect()
    }
}

impl RuleBook for Catalog {
    fn rules(&self, kind: &Kind) -> Option<&dyn Rules> {
        self.providers
            .get(kind)
            .map(|provider| provider.as_ref() as &dyn Rules)
    }
}
