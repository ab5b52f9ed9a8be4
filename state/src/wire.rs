//! How a kind appears in Chalice's `deployed/<stage>.json`: plain data, one table per kind.

/// What one kind contributes to Chalice's file (`chalice-deployer.md` 1.2).
///
/// Several kinds may contribute to one entry: `rest_api` gives its id, `api_stage` the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Chalice's `resource_type`.
    pub resource_type: &'static str,
    /// The entry's name; `None` means the name part of the resource's id.
    pub entry: Option<&'static str>,
    /// Pairs of Chalice's key and our output of the same meaning.
    pub keys: &'static [(&'static str, &'static str)],
    /// The key whose value is our handle, where an entry of Chalice's making leads to a resource of this kind.
    pub handle: Option<&'static str>,
}
