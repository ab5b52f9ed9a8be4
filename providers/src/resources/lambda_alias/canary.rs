//! Leading an alias to another version step by step, while alarms are quiet.
//!
//! What is live tells how far it has come: the version that the alias led to before, and the share of the new one. So an update
//! that was cut off goes on where that share stands, and nothing need be remembered. Each move is made at the revision that was
//! just read: who moves the alias in between is not overwritten, and has the last word.
//!
//! Alarms are asked every [`EVERY`], before the first move and at the end of each step. `INSUFFICIENT_DATA` is quiet, since an
//! alarm on errors has no data while nobody calls. An alarm that is gone rings: nobody watches any more.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use tokio::time::{Instant, sleep};

use super::form::{Address, Canary, Other, Shares, percent};
use super::{LambdaAlias, There};
use crate::aws::Outcome;
use crate::aws::outcome::Sequence;
use crate::port::Failure;

/// How often the alarms are asked while a step has its time.
const EVERY: Duration = Duration::from_secs(10);
/// Names that one request takes (`DescribeAlarms`).
const NAMES: usize = 100;

impl LambdaAlias {
    /// Brings the alias to `want` by the steps of `canary`: its ARN.
    ///
    /// # Errors
    /// An alarm that rings, somebody else who moves it, and what a request fails of.
    pub(super) async fn shift(
        &self,
        at: &Address,
        want: &Shares,
        canary: &Canary,
    ) -> Result<String, Failure> {
        let mut requests = Sequence::default();
        let Some(mut there) = requests.look(self.there(at).await)? else {
            return Err(Failure::refused(format!(
                "the alias {} of {} is gone",
                at.alias, at.function
            )));
        };
        if there.shares.version == want.version {
            // It leads there already, and what is left of shares is taken away.
            return requests.step(self.send_update(at, want, there.revision).await);
        }
        requests.look(self.quiet(at, canary).await)?;
        let before = there.shares.version.clone();
        for step in steps_left(&there.shares, want, canary) {
            let shares = Shares {
                version: before.clone(),
                other: Some(Other {
                    version: want.version.clone(),
                    weight: percent(step.weight),
                }),
            };
            if there.shares != shares {
                requests.step(self.send_update(at, &shares, there.revision.take()).await)?;
                tracing::info!(alias = %at.alias, function = %at.function, leads_to = %shares.words(), "a canary's step");
            }
            let end = Instant::now() + Duration::from_secs(step.seconds);
            while Instant::now() < end {
                sleep(EVERY.min(end - Instant::now())).await;
                requests.look(self.quiet(at, canary).await)?;
            }
            there = requests.look(self.still(at, &shares).await)?;
        }
        requests.step(self.send_update(at, want, there.revision).await)
    }

    /// The alias, if it still leads to where this canary left it.
    async fn still(&self, at: &Address, left: &Shares) -> Result<There, Failure> {
        let there = self.there(at).await?;
        let now = there.as_ref().map(|there| there.shares.words());
        match there.filter(|there| there.shares == *left) {
            Some(there) => Ok(there),
            None => Err(Failure::refused(format!(
                "somebody else has moved the alias {} of {} in the middle of its canary: it leads to {}",
                at.alias,
                at.function,
                now.as_deref().unwrap_or("nothing")
            ))),
        }
    }

    /// That no alarm of `canary` rings.
    async fn quiet(&self, at: &Address, canary: &Canary) -> Result<(), Failure> {
        let known = self.alarms(canary).await?;
        for name in canary.names() {
            let why = match known.get(name) {
                Some(StateValue::Alarm) => format!("the alarm `{name}` rings"),
                Some(_) => continue,
                None => format!("there is no alarm `{name}`"),
            };
            let text = format!(
                "the canary of the alias {} of {} ends here: {why}",
                at.alias, at.function
            );
            let hint =
                "the alias goes back to the version before; to go on in spite of it, deploy without `canary`";
            return Err(Failure::refused(text).with_hint(hint));
        }
        Ok(())
    }

    /// The states of the alarms that there are, by name.
    pub(super) async fn alarms(&self, canary: &Canary) -> Result<BTreeMap<String, StateValue>, Failure> {
        let names: Vec<_> = canary.names().map(ToOwned::to_owned).collect();
        let mut known = BTreeMap::new();
        for names in names.chunks(NAMES) {
            let mut next = None;
            loop {
                let request = self.context.clients.cloudwatch.read().describe_alarms();
                // Without the types, alarms that are made of others are left out.
                let answer = request
                    .set_alarm_names(Some(names.to_vec()))
                    .alarm_types(AlarmType::MetricAlarm)
                    .alarm_types(AlarmType::CompositeAlarm)
                    .set_next_token(next)
                    .send()
                    .await
                    .read("cloudwatch:DescribeAlarms")?;
                let plain = answer.metric_alarms.unwrap_or_default().into_iter();
                let plain = plain.map(|alarm| (alarm.alarm_name, alarm.state_value));
                let made = answer.composite_alarms.unwrap_or_default().into_iter();
                let made = made.map(|alarm| (alarm.alarm_name, alarm.state_value));
                known.extend(plain.chain(made).filter_map(|(name, state)| name.zip(state)));
                next = answer.next_token.filter(|next| !next.is_empty());
                if next.is_none() {
                    break;
                }
            }
        }
        Ok(known)
    }
}

/// The steps that are still to be taken, the one among them whose share the alias shows.
fn steps_left<'c>(now: &Shares, want: &Shares, canary: &'c Canary) -> &'c [super::Step] {
    let other = now.other.as_ref();
    let share = other.filter(|other| other.version == want.version);
    let share = share.map_or(0.0, |other| percent(other.weight));
    let done = canary
        .steps
        .iter()
        .take_while(|step| percent(step.weight) < share)
        .count();
    canary.steps.get(done..).unwrap_or_default()
}
