//! The passes that replicas told of: whose, from when to when, and that no two of one stage were under way at a time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

/// A pass.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Which process made it.
    pub(crate) by: String,
    /// When it began, as the process said it.
    pub(crate) from: Timestamp,
    /// When it was over; none while it is under way.
    pub(crate) to: Option<Timestamp>,
    /// How it ended; `died` where its process did.
    pub(crate) end: String,
}

/// All passes, by stage.
#[derive(Default)]
pub(crate) struct Passes(BTreeMap<String, Vec<Told>>);

impl Passes {
    /// Takes what a process has said.
    pub(crate) fn take(&mut self, by: &str, events: &[Value]) {
        for event in events {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let at = text("at").parse().unwrap_or(Timestamp::UNIX_EPOCH);
            let told = self.0.entry(format!("{}/{}", text("project"), text("stage")));
            match event["event"].as_str() {
                Some("pass_started") => told.or_default().push(Told {
                    by: by.to_owned(),
                    from: at,
                    to: None,
                    end: String::new(),
                }),
                Some("pass_ended") => {
                    let open = told.or_default().iter_mut().rev();
                    if let Some(open) = open.filter(|pass| pass.by == by).find(|pass| pass.to.is_none()) {
                        (open.to, open.end) = (Some(at), text("end"));
                    }
                }
                _ => {}
            }
        }
    }

    /// A process is dead: what it was at is over. The stages that it was at.
    pub(crate) fn died(&mut self, by: &str, at: Timestamp) -> Vec<String> {
        let mut left = Vec::new();
        for (key, all) in &mut self.0 {
            let mine = all.iter_mut().filter(|pass| pass.by == by && pass.to.is_none());
            for pass in mine {
                (pass.to, pass.end) = (Some(at), "died".to_owned());
                left.push(key.clone());
            }
        }
        left
    }

    /// Those of a stage, in the order in which they were told.
    pub(crate) fn of(&self, key: &str) -> &[Told] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Told)> {
        self.0
            .iter()
            .flat_map(|(key, all)| all.iter().map(move |pass| (key, pass)))
    }

    /// How many ended so.
    pub(crate) fn ended(&self, end: &str) -> usize {
        self.iter().filter(|(_, pass)| pass.end == end).count()
    }

    /// How often each end came.
    pub(crate) fn ends(&self) -> BTreeMap<String, usize> {
        let mut ends = BTreeMap::new();
        for (_, pass) in self.iter() {
            *ends.entry(pass.end.clone()).or_default() += 1;
        }
        ends
    }

    /// Passes of one stage that were under way at a time, but for those that found the stage locked and did nothing.
    pub(crate) fn overlaps(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (key, all) in &self.0 {
            let mut real: Vec<_> = all.iter().filter(|pass| pass.end != "locked").collect();
            real.sort_by_key(|pass| pass.from);
            for pair in real.windows(2) {
                let [one, other] = pair else { continue };
                if one.to.is_none_or(|to| to > other.from) {
                    found.push(format!("{key}: {one:?} and {other:?}"));
                }
            }
        }
        found
    }
}
