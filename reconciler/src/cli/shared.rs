//! A state that a team shares: `GRAIL_STATE=s3://bucket/prefix`, and what goes with it.

use std::sync::Arc;

use grail_providers::aws;
use grail_providers::aws::objects::{Bucket, Encryption};
use grail_state::StackId;
use grail_state::artifacts::Artifacts;
use grail_state::store::object::{ObjectStore, Timing};

use super::refusal::Refusal;

/// Where a shared state lies, as a URL says:
/// `s3://bucket/prefix?region=eu-west-1&kms-key=alias/team&endpoint=http://127.0.0.1:9000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedState {
    /// The bucket.
    pub bucket: String,
    /// What every key begins with; may be empty.
    pub prefix: String,
    /// The bucket's region, where it is not the deployment's.
    pub region: Option<String>,
    /// The KMS key that the bucket is to encrypt with, where it is not to be one of S3's own.
    pub kms_key: Option<String>,
    /// The endpoint of another store that speaks S3's language.
    pub endpoint: Option<String>,
}

impl SharedState {
    /// Reads the URL. `origin` names where it stands (`GRAIL_STATE`).
    ///
    /// # Errors
    /// What of it is not as it should be.
    pub fn parse(url: &str, origin: &str) -> Result<Self, Refusal> {
        let wrong = |why: String| {
            Refusal::new(format!("{origin} is no place for a state: {why}"))
                .hint("it is written `s3://BUCKET/PREFIX`, with `?region=REGION` and `&kms-key=KEY` where they are needed")
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
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let field = match name {
                "region" => &mut state.region,
                "kms-key" => &mut state.kms_key,
                "endpoint" => &mut state.endpoint,
                _ => return Err(wrong(format!("it has no option `{name}`"))),
            };
            if value.is_empty() {
                return Err(wrong(format!("`{name}` has no value")));
            }
            *field = Some(value.to_owned());
        }
        Ok(state)
    }

    /// Opens the state of `stack` there. `settings` say how to reach AWS.
    ///
    /// # Errors
    /// Where no configuration or credentials can be had.
    pub async fn open(
        &self,
        settings: aws::Settings,
        stack: &StackId,
        artifacts: Arc<dyn Artifacts>,
    ) -> Result<ObjectStore, Refusal> {
        let settings = aws::Settings {
            region: self.region.clone().or(settings.region),
            endpoint_url: self.endpoint.clone().or(settings.endpoint_url),
            // The bucket's requests are few, and its own limits far above them.
            rates: None,
            ..settings
        };
        let clients = aws::context::clients(&settings).await?;
        let encryption = self
            .kms_key
            .clone()
            .map_or(Encryption::OfBucket, Encryption::Kms);
        let prefix = [&self.prefix, &stack.app, &stack.stage]
            .into_iter()
            .filter(|part| !part.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join("/");
        let bucket = Bucket::new(clients, &self.bucket, encryption);
        Ok(ObjectStore::new(
            Arc::new(bucket),
            &prefix,
            stack.clone(),
            artifacts,
            Timing::default(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_with_its_options() {
        let state = SharedState::parse("s3://team/grail/?region=eu-west-1&kms-key=alias/x", "GRAIL_STATE").unwrap();
        assert_eq!((state.bucket.as_str(), state.prefix.as_str()), ("team", "grail"));
        assert_eq!(state.region.as_deref(), Some("eu-west-1"));
        assert_eq!(state.kms_key.as_deref(), Some("alias/x"));
        assert_eq!(SharedState::parse("s3://team", "GRAIL_STATE").unwrap().prefix, "");
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
            assert!(refusal.faults[0].what.contains(part), "{url}: {}", refusal.faults[0].what);
        }
    }
}
