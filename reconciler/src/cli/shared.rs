//! A state that a team shares: `GRAIL_STATE=s3://bucket/prefix` or `[state]` in `grail.toml`, and what goes with it.
//!
//! Below the prefix lies `<app>/<stage>/` for each stage, and `rates/` for what processes owe the rates of an account.

use std::fmt;
use std::sync::Arc;

use grail_providers::aws;
use grail_providers::aws::SharedDebts;
use grail_providers::aws::objects::{Bucket, Encryption};
use grail_state::StackId;
use grail_state::artifacts::Artifacts;
use grail_state::seal::Sealer;
use grail_state::store::object::{ObjectStore, Objects, SealedObjects, Timing};

use super::grail_toml::{FILE, StateTable};
use super::refusal::Refusal;

/// The variable that names the place. It takes precedence over `grail.toml`.
pub const VARIABLE: &str = "GRAIL_STATE";
/// What the variable says where the state is to lie on this machine whatever `grail.toml` says.
const LOCAL: &str = "local";

/// Where a shared state lies, as a URL says:
/// `s3://bucket/prefix?region=eu-west-1&kms_key=alias/team&endpoint=http://127.0.0.1:9000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedState {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
    /// The bucket's region, where it is not the deployment's.
    pub region: Option<String>,
    /// The KMS key that the bucket is to encrypt with, where it is not to be the bucket's own choice.
    pub kms_key: Option<String>,
    /// The endpoint of another store that speaks S3's language.
    pub endpoint: Option<String>,
    /// The AWS profile for the bucket, where it is not the deployment's.
    pub profile: Option<String>,
    /// Whether every object is sealed as a whole.
    pub seals_everything: bool,
}

/// Where the state lies: as the `variable` says, else as `table` does; `None` for this machine.
///
/// # Errors
/// What of it is not as it should be.
pub fn place(variable: Option<&str>, table: &StateTable) -> Result<Option<SharedState>, Refusal> {
    let place = match (variable, table.url.as_deref()) {
        (Some(LOCAL), _) | (None, Some(LOCAL) | None) => return without_place(variable, table),
        // The file describes a bucket of its own, which this need not be.
        (Some(url), Some(_)) => SharedState::parse(url, VARIABLE)?,
        // The file describes the bucket, and leaves it to the variable to name it.
        (Some(url), None) => SharedState::parse(url, VARIABLE)?.filled(table),
        (None, Some(url)) => SharedState::parse(url, "`state.url` in grail.toml")?.filled(table),
    };
    Ok(Some(SharedState {
        seals_everything: table.seals_everything,
        ..place
    }))
}

fn without_place(variable: Option<&str>, table: &StateTable) -> Result<Option<SharedState>, Refusal> {
    let of_a_bucket = table.region.is_some() || table.endpoint.is_some() || table.kms_key.is_some();
    if variable.is_none() && table.url.is_none() && of_a_bucket {
        let said = format!("`[state]` in {FILE} describes a bucket and names none");
        return Err(Refusal::new(said).hint("add `url = \"s3://BUCKET/PREFIX\"`, or set GRAIL_STATE"));
    }
    Ok(None)
}

impl fmt::Display for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        match self.prefix.as_str() {
            "" => Ok(()),
            prefix => write!(f, "/{prefix}"),
        }
    }
}

impl SharedState {
    /// The same with what `table` says besides: what the URL says goes before.
    fn filled(self, table: &StateTable) -> Self {
        Self {
            region: self.region.or_else(|| table.region.clone()),
            kms_key: self.kms_key.or_else(|| table.kms_key.clone()),
            endpoint: self.endpoint.or_else(|| table.endpoint.clone()),
            profile: self.profile.or_else(|| table.profile.clone()),
            ..self
        }
    }

    /// Reads the URL. `origin` names where it stands (`GRAIL_STATE`).
    ///
    /// # Errors
    /// What of it is not as it should be.
    pub fn parse(url: &str, origin: &str) -> Result<Self, Refusal> {
        let wrong = |why: String| {
            Refusal::new(format!("{origin} is no place for a state: {why}"))
                .hint("it is written `s3://BUCKET/PREFIX`, with `?region=REGION` and `&kms_key=KEY` where they are needed")
        };
        let rest = url
            .strip_prefix("s3://")
            .ok_or_else(|| wrong(format!("`{url}` does not begin with `s3://`")))?;
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err(wrong("it names no bucket".to_owned()));
        }
        let mut state = Self {
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            region: None,
            kms_key: None,
            endpoint: None,
            profile: None,
            seals_everything: false,
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let field = match name {
                "region" => &mut state.region,
                "kms_key" => &mut state.kms_key,
                "endpoint" => &mut state.endpoint,
                "profile" => &mut state.profile,
                _ => return Err(wrong(format!("it has no option `{name}`"))),
            };
            if value.is_empty() {
                return Err(wrong(format!("`{name}` has no value")));
            }
            *field = Some(value.to_owned());
        }
        Ok(state)
    }

    /// Reaches the bucket. `settings` say how to reach AWS where this does not, and `sealer` opens what is sealed there.
    ///
    /// # Errors
    /// Where no configuration can be had.
    pub async fn objects(&self, settings: aws::Settings, sealer: Sealer) -> Result<SharedObjects, Refusal> {
        let settings = aws::Settings {
            profile: self.profile.clone().or(settings.profile),
            // The role is the deployment's: who assumes it keeps the state.
            role: None,
            region: self.region.clone().or(settings.region),
            endpoint_url: self.endpoint.clone().or(settings.endpoint_url),
            ..settings
        };
        let clients = aws::context::clients(&settings).await?;
        let encryption = self.kms_key.clone().map_or(Encryption::OfBucket, Encryption::Kms);
        let bucket = Arc::new(Bucket::new(clients, &self.bucket, encryption));
        let objects = match self.seals_everything {
            true => SealedObjects::above(bucket, sealer),
            false => SealedObjects::opening(bucket, sealer),
        };
        Ok(SharedObjects {
            objects: Arc::new(objects),
            prefix: self.prefix.clone(),
        })
    }
}

/// The objects of a shared state.
pub struct SharedObjects {
    objects: Arc<dyn Objects>,
    prefix: String,
}

impl SharedObjects {
    /// The state of `stack` among them. What its journal names in `artifacts`, a store of this machine, is shared as well.
    pub fn store(&self, stack: &StackId, artifacts: Arc<dyn Artifacts>) -> ObjectStore {
        ObjectStore::new(
            Arc::clone(&self.objects),
            &self.key(&format!("{}/{}", stack.app, stack.stage)),
            stack.clone(),
            artifacts,
            Timing::default(),
        )
    }

    /// What processes owe the rates of an account, beside the stages.
    pub fn debts(&self) -> SharedDebts {
        SharedDebts::new(Arc::clone(&self.objects), self.key("rates"))
    }

    /// Where replicas of the service `name` meet, beside the stages: no application's name begins with a dot.
    pub fn meeting(&self, name: &str) -> (Arc<dyn Objects>, String) {
        (Arc::clone(&self.objects), self.key(&format!(".serve/{name}")))
    }

    fn key(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}/{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_with_its_options() {
        let state =
            SharedState::parse("s3://team/grail/?region=eu-west-1&kms_key=alias/x", "GRAIL_STATE").unwrap();
        assert_eq!((state.bucket.as_str(), state.prefix.as_str()), ("team", "grail"));
        assert_eq!(state.region.as_deref(), Some("eu-west-1"));
        assert_eq!(state.kms_key.as_deref(), Some("alias/x"));
        assert_eq!(SharedState::parse("s3://team", "GRAIL_STATE").unwrap().prefix, "");
    }

    #[test]
    fn the_variable_goes_before_the_file() {
        let table = StateTable {
            url: Some("s3://file?region=r1".to_owned()),
            region: Some("r2".to_owned()),
            seals_everything: true,
            ..StateTable::default()
        };
        let of = |variable| place(variable, &table).unwrap();
        let file = of(None).unwrap();
        assert_eq!(
            (file.bucket.as_str(), file.region.as_deref()),
            ("file", Some("r1"))
        );
        let other = of(Some("s3://other/x")).unwrap();
        assert_eq!((other.to_string().as_str(), other.region), ("s3://other/x", None));
        assert!(file.seals_everything && other.seals_everything);
        assert_eq!(of(Some("local")), None);
        assert_eq!(place(None, &StateTable::default()).unwrap(), None);
        let nowhere = StateTable { url: None, ..table };
        assert!(
            place(None, &nowhere).unwrap_err().faults[0]
                .what
                .contains("names none")
        );
    }

    #[test]
    fn a_file_that_names_no_bucket_describes_the_one_of_the_variable() {
        let table = StateTable {
            region: Some("r1".to_owned()),
            kms_key: Some("alias/file".to_owned()),
            endpoint: Some("http://127.0.0.1:9000".to_owned()),
            ..StateTable::default()
        };
        let place = place(Some("s3://team?kms_key=alias/variable"), &table)
            .unwrap()
            .unwrap();
        assert_eq!(place.region.as_deref(), Some("r1"));
        assert_eq!(place.kms_key.as_deref(), Some("alias/variable"));
        assert_eq!(place.endpoint.as_deref(), Some("http://127.0.0.1:9000"));
    }

    #[test]
    fn what_is_wrong_with_a_place_is_said() {
        for (url, part) in [
            ("team/grail", "does not begin with `s3://`"),
            ("s3:///x", "names no bucket"),
            ("s3://team?zone=1", "no option `zone`"),
            ("s3://team?region", "`region` has no value"),
        ] {
            let refusal = SharedState::parse(url, "GRAIL_STATE").unwrap_err();
            assert!(
                refusal.faults[0].what.contains(part),
                "{url}: {}",
                refusal.faults[0].what
            );
        }
    }
}
