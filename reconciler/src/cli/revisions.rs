//! Zips in buckets of which a manifest names no version: what they are now becomes part of what is wanted, so that one that was
//! written anew is other code, once.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use grail_providers::aws::Context;
use grail_providers::aws::latest::{Revision, latest};
use grail_state::{DesiredState, Template};
use serde_json::{Value, json};

use super::refusal::Refusal;

/// How many objects are asked for at once.
const AT_ONCE: usize = 16;

/// A bucket and a key.
type Name = (String, String);

/// Says of every open object which one it is.
///
/// # Errors
/// An object that is not there, or that may not be read.
pub(super) async fn settle(desired: &mut DesiredState, context: &Context) -> Result<(), Refusal> {
    let unsaid: BTreeSet<Name> = desired
        .resources
        .values()
        .filter_map(|one| unsaid_in(&one.spec))
        .collect();
    let asked = unsaid.into_iter().map(|name| async move {
        let revision = latest(context, &name.0, &name.1).await;
        let cannot = || {
            format!(
                "the object `{}` of the bucket `{}` cannot be looked at",
                name.1, name.0
            )
        };
        let revision = revision.map_err(|failure| Refusal::new(cannot()).because(failure))?;
        let said = || format!("there is no object `{}` in the bucket `{}`", name.1, name.0);
        let revision = revision.ok_or_else(|| Refusal::new(said()).hint("upload it first"))?;
        Ok::<_, Refusal>((name, revision))
    });
    let found: BTreeMap<Name, Revision> = stream::iter(asked)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    for one in desired.resources.values_mut() {
        if let Some((name, revision)) = unsaid_in(&one.spec).and_then(|name| found.get_key_value(&name))
            && let Template::Map(fields) = &mut one.spec
        {
            fields.insert("code".to_owned(), Template::Lit(code(name, revision)));
        }
    }
    Ok(())
}

/// The object of a form that names no version of it.
fn unsaid_in(spec: &Template) -> Option<Name> {
    let Template::Map(fields) = spec else { return None };
    let Template::Lit(code) = fields.get("code")? else {
        return None;
    };
    let object = code.get("object")?;
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(ToOwned::to_owned);
    match text("version") {
        None => Some((text("bucket")?, text("key")?)),
        Some(_) => None,
    }
}

fn code((bucket, key): &Name, revision: &Revision) -> Value {
    let (which, object) = match revision {
        Revision::Version(version) => (
            version.clone(),
            json!({"bucket": bucket, "key": key, "version": version}),
        ),
        Revision::Etag(etag) => (format!("etag:{etag}"), json!({"bucket": bucket, "key": key})),
    };
    json!({"content": format!("s3://{bucket}/{key}#{which}"), "artifact": "", "size": 0, "object": object})
}
