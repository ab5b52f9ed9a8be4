//! The versions of a function: which are ours, what their descriptions say, and which have had their day.

use std::collections::BTreeSet;
use std::fmt;

use grail_state::{StackId, StepToken};

use super::LambdaVersion;
use crate::aws::Outcome;
use crate::aws::arn::Arn;
use crate::aws::outcome::Sequence;
use crate::port::Failure;
use crate::resources::rest_api::mark::Mark;

/// A version of a function, in words that `GetFunction` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) function: String,
    pub(super) number: String,
}

impl Number {
    /// From the version's ARN.
    pub(super) fn of(arn: &str) -> Option<Self> {
        let rest = Arn::parse(arn)?.resource.strip_prefix("function:")?;
        let (function, number) = rest.split_once(':')?;
        number.parse::<u64>().ok()?;
        Some(Self {
            function: function.to_owned(),
            number: number.to_owned(),
        })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.number, self.function)
    }
}

/// What the description of a version of ours says: `stage=dev:app=shop keep=5 grail:<attempt>:<digest of the code>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Label {
    owner: String,
    /// How many older ones stay beside it while it is the newest.
    pub(super) keep: u32,
    /// Who published it, and what code is in it.
    pub(super) mark: Mark,
}

/// Before how many are kept.
const KEEP: &str = " keep=";

impl Label {
    pub(super) fn new(stack: &StackId, keep: u32, token: &StepToken, digest: String) -> Self {
        let token = token.clone();
        Self {
            owner: owner(stack),
            keep,
            mark: Mark { token, digest },
        }
    }

    pub(super) fn read(description: &str) -> Option<Self> {
        let mark = Mark::read(description)?;
        let own = description.strip_suffix(&mark.on(""))?;
        let (owner, keep) = own.trim_end().rsplit_once(KEEP)?;
        Some(Self {
            owner: owner.to_owned(),
            keep: keep.parse().ok()?,
            mark,
        })
    }

    /// Whether it is for this stage.
    pub(super) fn is_of(&self, stack: &StackId) -> bool {
        self.owner == owner(stack)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.mark.on(&format!("{}{KEEP}{}", self.owner, self.keep)))
    }
}

fn owner(stack: &StackId) -> String {
    format!("stage={}:app={}", stack.stage, stack.app)
}

/// One of the versions of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) number: u64,
    /// What its description says, if it is ours.
    pub(super) label: Option<Label>,
}

impl Listed {
    /// Whether this attempt has published it.
    pub(super) fn is_by(&self, token: &StepToken) -> bool {
        self.label
            .as_ref()
            .is_some_and(|label| label.mark.token == *token)
    }
}

impl LambdaVersion {
    /// The published versions of a function, the newest first.
    pub(super) async fn versions(&self, function: &str) -> Result<Vec<Listed>, Failure> {
        let (mut all, mut marker) = (Vec::new(), None);
        loop {
            let request = self.read().list_versions_by_function().function_name(function);
            let answer = request.set_marker(marker).send().await;
            let Some(page) = answer.found("lambda:ListVersionsByFunction")? else {
                break;
            };
            for version in page.versions.unwrap_or_default() {
                // `$LATEST` is listed too.
                let Some(number) = version.version.and_then(|number| number.parse().ok()) else {
                    continue;
                };
                let label = version.description.as_deref().and_then(Label::read);
                let label = label.filter(|label| label.is_of(&self.context.stack));
                all.push(Listed { number, label });
            }
            match page.next_marker.filter(|marker| !marker.is_empty()) {
                Some(next) => marker = Some(next),
                None => break,
            }
        }
        all.sort_by_key(|version| std::cmp::Reverse(version.number));
        Ok(all)
    }

    /// The versions that aliases of a function lead to, whoever made them.
    async fn led_to(&self, function: &str) -> Result<BTreeSet<u64>, Failure> {
        let (mut all, mut marker) = (BTreeSet::new(), None);
        loop {
            let request = self.read().list_aliases().function_name(function);
            let answer = request.set_marker(marker).send().await;
            let Some(page) = answer.found("lambda:ListAliases")? else {
                return Ok(all);
            };
            for alias in page.aliases.unwrap_or_default() {
                let weights = alias.routing_config.and_then(|to| to.additional_version_weights);
                let beside = weights.into_iter().flatten().map(|(version, _)| version);
                let versions = beside.chain(alias.function_version);
                all.extend(versions.filter_map(|version| version.parse::<u64>().ok()));
            }
            match page.next_marker.filter(|marker| !marker.is_empty()) {
                Some(next) => marker = Some(next),
                None => return Ok(all),
            }
        }
    }

    /// Takes `version` out of use: the newest of ours is deleted, of the older ones those that are not kept.
    pub(super) async fn retire(&self, version: &Number) -> Result<(), Failure> {
        let listed = self.versions(&version.function).await?;
        let going = retired(&listed, &version.number);
        if going.is_empty() {
            return Ok(());
        }
        let used = self.led_to(&version.function).await?;
        let mut requests = Sequence::default();
        for number in going.into_iter().filter(|number| !used.contains(number)) {
            let call = self.context.clients.lambda.write().delete_function();
            let call = call
                .function_name(&version.function)
                .qualifier(number.to_string());
            requests.step(call.send().await.gone("lambda:DeleteFunction"))?;
        }
        Ok(())
    }
}

/// What goes of `listed` (newest first) when `version` is no longer in use.
fn retired(listed: &[Listed], version: &str) -> Vec<u64> {
    let is_it = |one: &&Listed| one.number.to_string() == version;
    let Some(meant) = listed.iter().find(is_it).filter(|one| one.label.is_some()) else {
        // It is gone, or was never ours to delete.
        return Vec::new();
    };
    let mut ours = listed.iter().filter(|one| one.label.is_some());
    let newest = ours.next();
    if newest == Some(meant) {
        // A newer one of somebody else serves the function as well: then this one is an older one, which its own label keeps.
        let is_superseded = listed.first() != newest;
        let keeps = meant.label.as_ref().is_some_and(|label| label.keep > 0);
        return if is_superseded && keeps {
            Vec::new()
        } else {
            vec![meant.number]
        };
    }
    let keep = newest.and_then(|newest| newest.label.as_ref());
    let keep = keep.map_or(0, |label| usize::try_from(label.keep).unwrap_or(usize::MAX));
    ours.skip(keep).map(|one| one.number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack() -> StackId {
        StackId {
            app: "shop".into(),
            stage: "dev".into(),
        }
    }

    fn label(keep: u32) -> Label {
        Label::new(&stack(), keep, &StepToken("a:1".into()), "0f".repeat(32))
    }

    #[test]
    fn what_a_description_says_is_read_again() {
        let text = label(12).to_string();
        assert!(text.len() <= 256, "{text}");
        assert_eq!(Label::read(&text), Some(label(12)));
        assert!(label(0).is_of(&stack()));
        let other = StackId {
            app: "shop2".into(),
            ..stack()
        };
        assert!(!label(0).is_of(&other));
        for foreign in ["", "by hand", "keep=3", &text.replace("keep=12", "keep=many")] {
            assert_eq!(Label::read(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_version_is_named_by_its_arn_alone() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:shop";
        assert_eq!(
            Number::of(&format!("{arn}:7")).map(|at| at.to_string()),
            Some("7 of shop".into())
        );
        assert_eq!(Number::of(arn), None);
        assert_eq!(Number::of(&format!("{arn}:live")), None);
    }

    #[test]
    fn of_the_older_ones_of_ours_as_many_stay_as_the_newest_keeps() {
        let listed = |keep: u32| -> Vec<Listed> {
            let ours = |number| Listed {
                number,
                label: Some(label(if number == 9 { keep } else { 100 })),
            };
            let theirs = Listed {
                number: 7,
                label: None,
            };
            vec![ours(9), ours(8), theirs, ours(6), ours(5)]
        };
        // Somebody has published the same after us, and that serves us: ours is one to go back to.
        let mut passed = listed(2);
        passed.insert(
            0,
            Listed {
                number: 10,
                label: None,
            },
        );
        assert_eq!(retired(&passed, "9"), Vec::<u64>::new());
        assert_eq!(retired(&listed(2), "9"), [9]);
        assert_eq!(retired(&listed(0), "8"), [8, 6, 5]);
        assert_eq!(retired(&listed(1), "8"), [6, 5]);
        assert_eq!(retired(&listed(9), "8"), [0; 0]);
        assert_eq!(retired(&listed(1), "9"), [9], "the newest is meant itself");
        assert_eq!(retired(&listed(0), "7"), [0; 0], "it is not ours");
        assert_eq!(retired(&listed(0), "4"), [0; 0], "it is gone");
    }
}
