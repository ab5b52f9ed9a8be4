//! Plays a case.

use super::blow::{Blow, How, Then};
use super::cases::Case;
use super::site::Site;
use super::story::Chapter;
use super::verdict::{self, Kept};
use crate::cli::Run;
use crate::proxy::{Effect, Fault, Injected, On};

/// Calls that fail in a row before a run gives up count from here.
const STUCK: i32 = 4;
const ROLLED_BACK: i32 = 3;
const OPEN: i32 = 6;

impl Case<'_> {
    /// Plays it on a copy of the story's account and project.
    ///
    /// # Errors
    /// With what does not hold.
    pub fn play(&self) -> Result<(), String> {
        let (site, own) = self.story.begin();
        let before = own.as_ref().unwrap_or(&self.story.before);
        match self.blow {
            Blow::Refuse { write, width } => self.refuse(&site, before, write, width),
            Blow::Lose { how, write, width } => self.lose(&site, how, write, width),
            Blow::Kill {
                effect,
                write,
                width,
                then,
            } => self.kill(&site, before, effect, (write, width), then),
            Blow::Storm => self.each_operation(&site, &[Fault::Throttle, Fault::ServerError(Effect::Done)]),
            Blow::Resets => {
                self.each_operation(&site, &[Fault::Reset(Effect::None), Fault::Reset(Effect::Done)])
            }
            Blow::Hangs => self.each_operation(&site, &[Fault::Silence(Effect::Done)]),
            Blow::Silence { write } => self.silence(&site, write),
        }
    }

    fn run(&self, site: &Site, width: u16) -> Result<Run, String> {
        let width = width.to_string();
        site.run(&[self.story.chapter.words(), &["--parallelism", &width]].concat())
    }

    /// The account goes back, or, where a deletion after the commit is refused, the rest is told; the next run ends it.
    fn refuse(&self, site: &Site, before: &Kept, write: usize, width: u16) -> Result<(), String> {
        let refusal = site.proxy.inject(On::writes().nth(write), Fault::access_denied());
        let run = self.run(site, width)?;
        site.proxy.heal();
        if !struck(&refusal, width)? {
            return self.ends_well(site, &run);
        }
        if !run.stderr.contains("not authorized") {
            return Err(format!("no cause is told: {run}"));
        }
        match (run.code, self.story.chapter) {
            (Some(ROLLED_BACK), Chapter::First | Chapter::Update) => {
                verdict::as_before(site, before).map_err(|why| format!("{why}\n{run}"))?;
            }
            (Some(STUCK), Chapter::Update | Chapter::Delete) => {}
            _ => return Err(format!("a refusal ends otherwise: {run}")),
        }
        let run = self.run(site, 32)?;
        self.ends_well(site, &run)
    }

    /// What is lost is found, or sent again.
    fn lose(&self, site: &Site, how: How, write: usize, width: u16) -> Result<(), String> {
        let lost = site.proxy.inject(On::writes().nth(write), how.fault());
        let run = self.run(site, width)?;
        struck(&lost, width)?;
        site.proxy.heal();
        self.ends_well(site, &run)
    }

    fn kill(
        &self,
        site: &Site,
        before: &Kept,
        effect: Effect,
        at: (usize, u16),
        then: Then,
    ) -> Result<(), String> {
        let (write, width) = at;
        let fault = Fault::Silence(effect);
        let name = fault.name();
        let rule = site.proxy.inject(On::writes().nth(write), fault);
        let words = width.to_string();
        let words = [self.story.chapter.words(), &["--parallelism", &words]].concat();
        let mut running = site.start(&words);
        let died = site.proxy.wait_for(name, || running.has_ended());
        let run = running.kill();
        // How long a request is on its way depends on the machine, and late arrivals are tried elsewhere, in order.
        site.proxy.come_to_rest();
        site.proxy.heal();
        if !struck(&rule, width)? {
            return self.ends_well(site, &run);
        }
        if !died || run.code.is_some() {
            return Err(format!("it was not killed: {run}"));
        }
        let deletes = self.story.chapter == Chapter::Delete;
        let words = match then {
            Then::Again => self.story.chapter.words(),
            Then::Back => &["rollback"],
            Then::Otherwise if deletes => &["deploy"],
            Then::Otherwise => &["delete"],
        };
        let run = site.run(words)?;
        if run.code != Some(0) {
            return Err(format!("after the death: {run}"));
        }
        match then {
            Then::Again => verdict::as_desired(site, self.story),
            Then::Back => verdict::as_before(site, before),
            Then::Otherwise if deletes => verdict::as_deployed(site, self.story),
            Then::Otherwise => verdict::nothing_is_left(site, self.story),
        }
        .map_err(|why| format!("{why}\nafter the death: {run}"))
    }

    /// The first writes of each operation suffer these faults, in turn.
    fn each_operation(&self, site: &Site, faults: &[Fault]) -> Result<(), String> {
        let mut operations = self.story.operations.clone();
        operations.sort_unstable();
        operations.dedup();
        let rules: Vec<Injected> = operations
            .iter()
            .map(|name| site.proxy.inject_in_turn(On::operation(name), faults))
            .collect();
        let run = self.run(site, 32)?;
        let missed: Vec<&String> = operations
            .iter()
            .zip(&rules)
            .filter(|(_, rule)| rule.struck() == 0)
            .map(|(name, _)| name)
            .collect();
        site.proxy.heal();
        if !missed.is_empty() {
            return Err(format!("nothing struck {missed:?}: {run}"));
        }
        self.ends_well(site, &run)
    }

    /// Nobody answers any more: grail ends by itself, with an open transaction that the next run takes up.
    fn silence(&self, site: &Site, write: usize) -> Result<(), String> {
        let dead = site
            .proxy
            .inject_after(On::writes(), write, Fault::Silence(Effect::None));
        let run = self.run(site, 32)?;
        site.proxy.heal();
        if dead.struck() == 0 {
            return Err(format!("nothing fell silent: {run}"));
        }
        if !matches!(run.code, Some(STUCK | OPEN)) {
            return Err(format!("silence ends otherwise: {run}"));
        }
        let run = self.run(site, 32)?;
        self.ends_well(site, &run)
    }

    fn ends_well(&self, site: &Site, run: &Run) -> Result<(), String> {
        if run.code != Some(0) {
            return Err(format!("it failed: {run}"));
        }
        verdict::as_desired(site, self.story).map_err(|why| format!("{why}\n{run}"))
    }
}

/// Whether the rule struck. Alone, calls come in the order of the rehearsal, and it must have.
fn struck(rule: &Injected, width: u16) -> Result<bool, String> {
    match (rule.struck(), width) {
        (0, 1) => Err("that write was never made".to_owned()),
        (0, _) => Ok(false),
        _ => Ok(true),
    }
}
