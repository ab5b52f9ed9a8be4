//! The rules, one function each. `Ok(false)` where a rule says nothing about the kind.

use std::collections::{BTreeMap, BTreeSet};

use grail_state::template::stand_in;
use grail_state::{Observed, OutputRef, Proof, Record, StepToken, Template};
use serde_json::Value;

use super::Rule;
use super::trial::{Trial, absent, present, same, verify};
use crate::port::Undelete;

type Kept = Result<bool, String>;

/// How a field begins that cannot be read and is not recorded.
const NOT_KNOWN: &str = "not known";

pub(super) async fn keeps(trial: &Trial<'_>, rule: Rule) -> Kept {
    match rule {
        Rule::CreateCreate => create_create(trial).await,
        Rule::CreateRead => create_read(trial).await,
        Rule::UpdateRead => update_read(trial).await,
        Rule::UpdateGone => update_gone(trial).await,
        Rule::DeleteRead => delete_read(trial).await,
        Rule::DeleteDelete => delete_delete(trial).await,
        Rule::DeleteCreate => delete_create(trial).await,
        Rule::Marks => marks(trial).await,
        Rule::LooksOnly => looks_only(trial).await,
        Rule::SecureRestore => secure_restore(trial).await,
        Rule::Foreign => foreign(trial).await,
        Rule::Projection => projection(trial).await,
        Rule::Lenient => lenient(trial).await,
        Rule::Wires => wires(trial).await,
    }
}

async fn create_create(trial: &Trial<'_>) -> Kept {
    let before = trial.ground.strangers().await;
    let first = trial.create().await?;
    let again = trial.create().await?;
    same(&first, &again, "created twice")?;
    let there = present(trial.look(&first).await?, "created twice")?;
    same(&first, &there, "created twice and looked at")?;
    // One deletion takes all of it away: there were not two.
    trial.delete(&first).await?;
    absent(&trial.search().await?, "created twice and deleted once")?;
    strangers_stay(trial, &before).await
}

async fn create_read(trial: &Trial<'_>) -> Kept {
    let made = trial.create().await?;
    let there = present(trial.look(&made).await?, "by its handle")?;
    same(&made, &there, "by its handle")?;
    for (output, value) in &made.outputs {
        let now = there.outputs.get(output);
        // Some outputs only a write can give; then the record keeps them.
        verify(now.is_none_or(|now| now == value), || {
            format!("its output `{output}` is {now:?} and was {value}")
        })?;
    }
    let found = present(trial.search().await?, "without its handle")?;
    verify(found.handle == made.handle, || {
        format!(
            "without its handle {} is found and not {}",
            found.handle, made.handle
        )
    })?;
    Ok(true)
}

async fn update_read(trial: &Trial<'_>) -> Kept {
    let Some(want) = trial.sample.changed.clone() else {
        return Ok(false);
    };
    let before = trial.ground.strangers().await;
    let made = trial.create().await?;
    let diff = trial.diff(&want, &made)?;
    verify(!diff.is_empty() && !diff.replaces(), || {
        format!("the sample shows no change in place: {diff:?}")
    })?;
    let changed = trial.update(&made, &want).await?;
    trial.is_as(&want, &changed, "changed")?;
    let tells = |output: &&str| {
        changed
            .outputs
            .get(*output)
            .and_then(Value::as_str)
            .is_some_and(|now| changed.handle.0.contains(now))
    };
    let told = trial.provider.volatile_outputs().iter().any(tells);
    verify(changed.handle == made.handle || told, || {
        format!("changed it is {} and was {}", changed.handle, made.handle)
    })?;
    let there = present(trial.look(&changed).await?, "changed")?;
    trial.is_as(&want, &there, "changed and looked at")?;
    let again = trial.try_update(&made, &want, &diff).await;
    let again = again.map_err(|failure| format!("the second change failed: {}", failure.chain()))?;
    trial.is_as(&want, &again, "changed twice")?;
    trial.update(&again, &trial.sample.spec).await?;
    let back = present(trial.look(&made).await?, "changed back")?;
    trial.is_as(&trial.sample.spec, &back, "changed back")?;
    strangers_stay(trial, &before).await
}

async fn update_gone(trial: &Trial<'_>) -> Kept {
    let Some(want) = trial.sample.changed.clone() else {
        return Ok(false);
    };
    let made = trial.create().await?;
    let diff = trial.diff(&want, &made)?;
    trial.delete(&made).await?;
    if let Ok(changed) = trial.try_update(&made, &want, &diff).await {
        let there = present(
            trial.look(&changed).await?,
            "a change of what is gone succeeded, and",
        )?;
        trial.is_as(&want, &there, "changed when it was gone")?;
    }
    Ok(true)
}

async fn delete_read(trial: &Trial<'_>) -> Kept {
    let before = trial.ground.strangers().await;
    let made = trial.create().await?;
    trial.delete(&made).await?;
    absent(&trial.look(&made).await?, "deleted")?;
    absent(&trial.search().await?, "deleted, without its handle")?;
    strangers_stay(trial, &before).await
}

async fn delete_delete(trial: &Trial<'_>) -> Kept {
    let made = trial.create().await?;
    trial.delete(&made).await?;
    trial.delete(&made).await?;
    absent(&trial.look(&made).await?, "deleted twice")?;
    Ok(true)
}

async fn delete_create(trial: &Trial<'_>) -> Kept {
    let made = trial.create().await?;
    trial.delete(&made).await?;
    let token = StepToken(format!("{}-again", trial.token.0));
    let again = trial.create_as(&trial.sample.spec, &token).await?;
    trial.is_as(&trial.sample.spec, &again, "made again")?;
    let there = present(trial.look(&again).await?, "made again")?;
    same(&again, &there, "made again and looked at")?;
    Ok(true)
}

async fn marks(trial: &Trial<'_>) -> Kept {
    let made = trial.create().await?;
    let shows = |proof: &Proof, when: &str| {
        let ours = *proof == Proof::Ours || *proof == Proof::Mark(trial.token.clone());
        verify(ours, || {
            format!("{when} all that shows it to be ours is {proof:?}")
        })
    };
    shows(&present(trial.search().await?, "created")?.proof, "created")?;
    if let Some(want) = &trial.sample.changed {
        let changed = trial.update(&made, want).await?;
        let there = trial
            .look_at(Some(&changed.handle), Some(want), None, None)
            .await?;
        shows(&present(there, "changed")?.proof, "changed")?;
    }
    Ok(true)
}

async fn looks_only(trial: &Trial<'_>) -> Kept {
    let mut writes = trial.ground.writes();
    absent(&trial.search().await?, "before it is made")?;
    verify(trial.ground.writes() == writes, || {
        "a look for nothing writes".to_owned()
    })?;
    let made = trial.create().await?;
    writes = trial.ground.writes();
    trial.look(&made).await?;
    trial.search().await?;
    let secured = trial.provider.secure(&made).await;
    secured.map_err(|failure| format!("securing it failed: {}", failure.chain()))?;
    let verified = trial.provider.verify(&trial.sample.spec).await;
    let problems = verified.map_err(|failure| format!("verifying it failed: {}", failure.chain()))?;
    verify(problems.is_empty(), || {
        format!("what it needs is said to be missing: {problems:?}")
    })?;
    verify(trial.ground.writes() == writes, || "a look writes".to_owned())?;
    Ok(true)
}

/// By a change back; and by another birth, where a deletion is ever taken back.
async fn secure_restore(trial: &Trial<'_>) -> Kept {
    let made = trial.create().await?;
    let mut have = present(trial.look(&made).await?, "created")?;
    let secured = trial.provider.secure(&have).await;
    let secured = secured.map_err(|failure| format!("securing it failed: {}", failure.chain()))?;
    if let Some(want) = &trial.sample.changed {
        let changed = trial.update(&have, want).await?;
        have = trial.update(&changed, &secured.spec).await?;
        trial.is_as(&trial.sample.spec, &have, "changed back")?;
        let there = present(trial.look(&have).await?, "changed back")?;
        trial.is_as(&trial.sample.spec, &there, "changed back and looked at")?;
    }
    if trial.provider.undelete() == Undelete::Never {
        return Ok(trial.sample.changed.is_some());
    }
    trial.delete(&have).await?;
    let token = StepToken(format!("{}-back", trial.token.0));
    let restored = trial.create_as(&secured.spec, &token).await?;
    trial.is_as(&trial.sample.spec, &restored, "brought back")?;
    let there = present(trial.look(&restored).await?, "brought back")?;
    trial.is_as(&trial.sample.spec, &there, "brought back and looked at")?;
    Ok(true)
}

async fn foreign(trial: &Trial<'_>) -> Kept {
    if !trial.ground.squat(&trial.sample).await {
        return Ok(false);
    }
    let before = trial.ground.strangers().await;
    match trial.try_create(&trial.sample.spec, &trial.token).await {
        Ok(made) => return Err(format!("somebody else's {} is taken for ours", made.handle)),
        Err(failure) => verify(failure.foreign, || {
            format!("somebody else's thing is refused as `{}`", failure.chain())
        })?,
    }
    if let Observed::Present(there) = trial.search().await? {
        verify(there.proof != Proof::Ours, || {
            "a look takes somebody else's thing for ours".to_owned()
        })?;
    }
    strangers_stay(trial, &before).await
}

async fn projection(trial: &Trial<'_>) -> Kept {
    let wish = Template::Lit(trial.sample.spec.clone());
    let wanted = trial.provider.project(&wish);
    let wanted = wanted.map_err(|problems| format!("the sample is not valid: {problems:?}"))?;
    let made = trial.create().await?;
    trial.is_as(&trial.sample.spec, &made, "just made")?;
    let there = present(trial.look(&made).await?, "just made")?;
    trial.is_as(&trial.sample.spec, &there, "looked at")?;
    let again = trial.provider.project(&wish);
    verify(again.as_ref() == Ok(&wanted), || {
        "a wish has two projections".to_owned()
    })?;
    Ok(true)
}

async fn lenient(trial: &Trial<'_>) -> Kept {
    let blurred = blurred(&trial.sample.spec);
    trial
        .look_at(None, Some(&blurred), Some(&trial.token), None)
        .await?;
    let made = trial.create().await?;
    let record = trial.record(&made);
    let adopted = Record {
        spec: Value::Null,
        token: None,
        ..record.clone()
    };
    for (spec, record, of) in [
        (Some(&blurred), Some(&record), "a wish with stand-ins"),
        (Some(&made.spec), Some(&record), "its projected form"),
        (
            Some(&blurred),
            Some(&adopted),
            "a wish with stand-ins and no form",
        ),
        (None, Some(&record), "no form"),
    ] {
        let seen = trial.look_at(Some(&made.handle), spec, None, record).await;
        let there = present(
            seen.map_err(|error| format!("with {of}, {error}"))?,
            &format!("with {of}"),
        )?;
        verify(there.handle == made.handle, || {
            format!("with {of} {} is found", there.handle)
        })?;
    }
    Ok(true)
}

async fn wires(trial: &Trial<'_>) -> Kept {
    if trial.provider.wires().is_empty() {
        return Ok(false);
    }
    let made = trial.create().await?;
    let id = &trial.sample.id;
    let wires = BTreeMap::from([(id.kind.clone(), trial.provider.wires())]);
    let records = BTreeMap::from([(id.clone(), trial.record(&made))]);
    let file = grail_state::chalice::project(&records, &wires, &[]);
    let promised: BTreeSet<_> = trial
        .provider
        .wires()
        .iter()
        .map(|wire| wire.resource_type)
        .collect();
    for entry in &file.entries {
        verify(promised.contains(entry.resource_type.as_str()), || {
            format!("an entry of type {} is written", entry.resource_type)
        })?;
    }
    if trial.provider.wires().iter().all(|wire| wire.handle.is_none()) {
        return Ok(true);
    }
    let told = file.candidates(&wires).known;
    let [candidate] = told.as_slice() else {
        return Err(format!("Chalice's file leads to {} things", told.len()));
    };
    verify(candidate.id == *id && candidate.handle == made.handle, || {
        format!("Chalice's file leads to {} {}", candidate.id, candidate.handle)
    })?;
    let adopted = Record {
        spec: Value::Null,
        outputs: candidate.outputs.clone(),
        token: None,
        ..trial.record(&made)
    };
    let wish = trial.sample.spec.clone();
    let seen = trial
        .look_at(Some(&candidate.handle), Some(&wish), None, Some(&adopted))
        .await?;
    let there = present(seen, "by way of Chalice's file")?;
    verify(there.handle == made.handle, || {
        format!("Chalice's file leads to {}", there.handle)
    })?;
    // What only our own record can tell, it does not.
    let differs = trial.diff(&trial.sample.spec, &there)?;
    let said = |have: &Option<Value>| {
        have.as_ref()
            .and_then(Value::as_str)
            .is_some_and(|have| have.starts_with(NOT_KNOWN))
    };
    let differs: Vec<_> = differs.fields.iter().filter(|field| !said(&field.have)).collect();
    verify(differs.is_empty(), || {
        format!("by way of Chalice's file it differs from the wish: {differs:?}")
    })?;
    Ok(true)
}

async fn strangers_stay(trial: &Trial<'_>, before: &Value) -> Kept {
    let now = trial.ground.strangers().await;
    verify(now == *before, || {
        format!("what others have was {before} and is {now}")
    })?;
    Ok(true)
}

/// The form with a stand-in for every text that looks like an output: an ARN.
fn blurred(form: &Value) -> Value {
    let unknown = || {
        let of = grail_state::ResourceId::new(grail_state::Kind::new("lambda_function"), "unknown");
        stand_in(&OutputRef {
            of,
            output: "arn".to_owned(),
        })
    };
    match form {
        Value::String(text) if text.starts_with("arn:") => Value::String(unknown()),
        Value::Array(items) => items.iter().map(blurred).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), blurred(value)))
            .collect(),
        other => other.clone(),
    }
}
