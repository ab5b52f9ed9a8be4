//! How a kind appears in Chalice's `deployed/<stage>.json`: plain data, a table for each kind.

/// What one kind contributes to entries of one of Chalice's types (`chalice-deployer.md` 1.2).
///
/// Several kinds may contribute to one entry (`rest_api` gives its id, `api_stage` the URL), one kind to entries of several
/// types ([`Wire::when`]), and one resource to several entries ([`Wire::several`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Chalice's `resource_type`.
    pub resource_type: &'static str,
    /// Pairs of Chalice's key and our output of the same meaning.
    pub keys: &'static [(&'static str, &'static str)],
    /// The key whose value is our handle, where an entry of Chalice's making leads to a resource of this kind.
    pub handle: Option<&'static str>,
    /// Where an entry of Chalice's making leads to a resource of this kind by way of what it lies beneath: the key with the
    /// handle of that, and the key of a list whose first object has, as `key`, what comes behind it (`api.example.com` and
    /// `/v1`).
    pub beneath: Option<(&'static str, &'static str)>,
    /// An output and the text that it has where this wire is the one that counts: a mapping of a queue and one of a stream
    /// are one kind here and two types there.
    pub when: Option<(&'static str, &'static str)>,
    /// Where one resource stands for several entries.
    pub several: Option<Several>,
}

/// How one resource stands for several entries: the notifications of a bucket are one document and many entries.
///
/// The entries that agree in the value of [`Wire::handle`] are one resource, called by that value. Each of them stands
/// right behind the entry that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Several {
    /// The output that holds them: an object of entry names, each with an object of Chalice's keys.
    pub output: &'static str,
    /// The key that names what an entry belongs to: it is the handle of that (`lambda_arn`).
    pub beside: &'static str,
}

impl Wire {
    /// A wire to entries of `resource_type`, named like the resource, with nothing in them.
    pub const fn to(resource_type: &'static str) -> Self {
        Self {
            resource_type,
            keys: &[],
            handle: None,
            beneath: None,
            when: None,
            several: None,
        }
    }
}
