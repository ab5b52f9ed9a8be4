//! Random histories of several processes on one state, in every weather, with holders that sleep past their lease; and a
//! checker of what must hold in each.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use super::super::*;
use super::simulated::{Dice, Effect, Simulated, Weather};
use super::{asleep, entries, holder};
use crate::digest::Digest;

/// How many histories are tried in an ordinary run; `GRAIL_HISTORIES` says otherwise.
const CASES: u64 = 300;

/// What the processes have been told.
#[derive(Debug, Default)]
struct Told {
    /// Epochs that were opened, with how many writes had taken effect by the time the holder knew.
    opened: Vec<(u64, usize)>,
    /// Marks of swaps that were answered, in order, and of those that may have happened.
    swapped: Vec<String>,
    maybe_swapped: Vec<String>,
    /// Numbers of entries that were answered since the last answered swap, and of those that may be there.
    appended: Vec<usize>,
    maybe_appended: Vec<usize>,
    /// Writes whose outcome their writer waits for: of a holder who has lost the lock meanwhile they may have been made.
    under_way: usize,
}

struct History {
    objects: Simulated,
    told: Arc<Mutex<Told>>,
    numbers: Arc<Mutex<usize>>,
    seed: u64,
}

impl History {
    fn number(&self) -> usize {
        let mut numbers = self.numbers.lock().unwrap();
        *numbers += 1;
        *numbers
    }

    /// Whether a state with this mark was ever written: a conflict may have come after it.
    fn was_written(&self, mark: &str) -> bool {
        let mark = format!("\"{mark}\"");
        let effects = self.objects.effects();
        effects
            .iter()
            .any(|effect| String::from_utf8_lossy(&effect.bytes).contains(&mark))
    }

    /// The newest epoch whose holder knows of it.
    fn newest(&self) -> u64 {
        let told = self.told.lock().unwrap();
        told.opened.iter().map(|(epoch, _)| *epoch).max().unwrap_or(0)
    }

    /// One process: takes the lock, writes, sleeps now and then, and commits or dies.
    async fn process(&self, place: u64) {
        let mut dice = Dice::new(self.seed * 31 + place);
        let store = super::store(&self.objects);
        for _ in 0..2 {
            sleep(Duration::from_millis(dice.below(20_000))).await;
            let wait = Wait::AtMost(Duration::from_secs(dice.below(60)));
            let Ok(lease) = store.acquire(holder(&format!("process {place}")), wait).await else {
                continue;
            };
            let effects = self.objects.effects().len();
            self.told.lock().unwrap().opened.push((lease.epoch, effects));
            self.work(&store, lease, &mut dice).await;
        }
    }

    /// Looks without the lock, as a plan does: whatever the others are doing, nothing is damaged.
    async fn reader(&self) {
        let mut dice = Dice::new(self.seed * 31 + 17);
        let store = super::store(&self.objects);
        for _ in 0..40 {
            sleep(Duration::from_millis(dice.below(4000))).await;
            let loaded = store.load().await;
            assert!(
                !matches!(loaded, Err(StoreError::Corrupt { .. })),
                "seed {}: {loaded:?}",
                self.seed
            );
        }
    }

    async fn work(&self, store: &ObjectStore, mut lease: Lease, dice: &mut Dice) {
        let Ok(loaded) = store.load().await else { return };
        self.check_journal(lease.epoch, &loaded);
        for seq in 0..dice.below(4) {
            if dice.chance(10) {
                lease = asleep(lease);
                sleep(Duration::from_millis(dice.below(90_000))).await;
            }
            let number = self.number();
            let newest = self.newest();
            self.told.lock().unwrap().under_way += 1;
            let appended = store.append(&lease, seq, &entries(number..number + 1)).await;
            self.told.lock().unwrap().under_way -= 1;
            match appended {
                Ok(()) => {
                    assert!(
                        newest <= lease.epoch,
                        "seed {}: epoch {} appends after {newest}",
                        self.seed,
                        lease.epoch
                    );
                    self.told.lock().unwrap().appended.push(number);
                }
                // It may have been there before the epoch was closed: then it counts, and its writer goes no further.
                Err(_) => return self.told.lock().unwrap().maybe_appended.push(number),
            }
        }
        if dice.chance(25) {
            // Dies: the lock is not given back, and nothing is committed.
            return drop(asleep(lease));
        }
        let mark = format!("{}-{}", lease.epoch, self.number());
        let mut next = loaded.snapshot.clone();
        next.remember_projection(Digest(mark.clone()));
        let newest = self.newest();
        self.told.lock().unwrap().under_way += 1;
        let swapped = store.swap(&lease, &loaded.version, &next).await;
        self.told.lock().unwrap().under_way -= 1;
        match swapped {
            Ok(_) => {
                assert!(newest <= lease.epoch, "seed {}: a swap after {newest}", self.seed);
                let later = self.newest() > lease.epoch;
                let mut told = self.told.lock().unwrap();
                told.swapped.push(mark.clone());
                match later {
                    // Others have gone on since it was made: which entries it folded in is not told here.
                    true => told.maybe_swapped.push(mark),
                    false => {
                        told.appended.clear();
                        told.maybe_appended.clear();
                    }
                }
            }
            Err(StoreError::Conflict) if !self.was_written(&mark) => return,
            Err(_) => return self.told.lock().unwrap().maybe_swapped.push(mark),
        }
        store.release(lease).await;
    }

    /// Nobody else writes now: everything that was answered is there, in its order, and nothing that nobody wrote.
    fn check_journal(&self, epoch: u64, loaded: &Loaded) {
        let told = self.told.lock().unwrap();
        let unknown = told.under_way > 0 || !told.maybe_swapped.is_empty();
        if unknown || told.opened.iter().any(|(newer, _)| *newer > epoch) {
            return;
        }
        let seed = self.seed;
        let found: Vec<_> = loaded.journal.iter().collect();
        let mut at = 0;
        for number in &told.appended {
            let entry = conformance_entry(*number);
            match found[at..].iter().position(|there| **there == entry) {
                Some(place) => at += place + 1,
                None => panic!("seed {seed}: entry {number} was answered and is not there"),
            }
        }
        let known = told.appended.len() + told.maybe_appended.len();
        assert!(found.len() <= known, "seed {seed}: entries that nobody wrote");
    }

    fn check_fences(&self) {
        let seed = self.seed;
        let told = self.told.lock().unwrap();
        let effects = self.objects.effects();
        // What comes late, long after its place was folded in and emptied, writes history: nobody reads that, and whoever
        // sent it is not told that it was done ([`History::work`]).
        let mut folded = Folded::default();
        let mut fences = Vec::new();
        for effect in effects.iter() {
            folded = folded_by(effect).unwrap_or(folded);
            let history = place_of(effect).is_some_and(|place| place < (folded.epoch, folded.seq));
            fences.push(fence_of(effect).filter(|_| !history));
        }
        for (epoch, known) in &told.opened {
            for (effect, written) in effects.iter().zip(&fences).skip(*known) {
                if let Some(written) = written {
                    assert!(
                        written >= epoch,
                        "seed {seed}: epoch {written} wrote {} after {epoch}",
                        effect.key
                    );
                }
            }
        }
        let mut epochs: Vec<_> = told.opened.iter().map(|(epoch, _)| *epoch).collect();
        let count = epochs.len();
        epochs.sort_unstable();
        epochs.dedup();
        assert_eq!(epochs.len(), count, "seed {seed}: two holders of one epoch");
    }

    fn check_updates(&self, snapshot: &Snapshot) {
        let (told, seed) = (self.told.lock().unwrap(), self.seed);
        let there: Vec<_> = snapshot
            .projections
            .iter()
            .map(|digest| digest.0.clone())
            .collect();
        for mark in &told.swapped {
            assert!(there.contains(mark), "seed {seed}: the update {mark} is lost");
        }
        for mark in &there {
            let known = told.swapped.contains(mark) || told.maybe_swapped.contains(mark);
            assert!(known, "seed {seed}: nobody wrote {mark}");
        }
    }
}

fn conformance_entry(number: usize) -> Entry {
    crate::store::conformance::entry(number)
}

/// The epoch in whose name something was written: a state, or entries. What closes an epoch is its closer's.
fn fence_of(effect: &Effect) -> Option<u64> {
    let text = String::from_utf8_lossy(&effect.bytes).into_owned();
    let line: serde_json::Value = serde_json::from_str(text.lines().next()?).ok()?;
    if effect.key.ends_with("/lock") {
        return None;
    }
    line["closed"].as_u64().or(line["epoch"].as_u64())
}

/// The place of a part of the journal.
fn place_of(effect: &Effect) -> Option<(u64, u64)> {
    let (_, place) = effect.key.split_once("/journal/")?;
    let (epoch, seq) = place.split_once('/')?;
    Some((epoch.parse().ok()?, seq.parse().ok()?))
}

/// Up to where the journal is folded in, where that is what was written.
fn folded_by(effect: &Effect) -> Option<Folded> {
    let text = String::from_utf8_lossy(&effect.bytes).into_owned();
    let (_, snapshot) = text.split_once('\n').filter(|_| effect.key.ends_with("/state"))?;
    let snapshot: serde_json::Value = serde_json::from_str(snapshot).ok()?;
    serde_json::from_value(snapshot["folded"].clone()).ok()
}

async fn history(seed: u64) -> usize {
    let mut dice = Dice::new(seed);
    let weather = Weather {
        lost: dice.below(6),
        unanswered: dice.below(10),
        late: dice.below(5),
        twice: dice.below(8),
        slow: 1 + dice.below(400),
    };
    let history = History {
        objects: Simulated::new(seed, weather),
        told: Arc::default(),
        numbers: Arc::default(),
        seed,
    };
    let processes = join_all((0..3).map(|place| history.process(place)));
    futures::join!(processes, history.reader());
    // Whatever was late has arrived by now.
    sleep(Duration::from_secs(120)).await;
    let store = super::store(&history.objects);
    let loaded = loop {
        if let Ok(loaded) = store.load().await {
            break loaded;
        }
    };
    history.check_fences();
    history.check_updates(&loaded.snapshot);
    let told = history.told.lock().unwrap();
    told.swapped.len()
}

#[tokio::test(start_paused = true)]
async fn no_history_has_an_old_fence_or_a_lost_update() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a longer run is asked for in the environment"
    )]
    let asked = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (first, cases) = match asked("GRAIL_SEED") {
        Some(seed) => (seed, 1),
        None => (0, asked("GRAIL_HISTORIES").unwrap_or(CASES)),
    };
    let mut swaps = 0;
    for seed in first..first + cases {
        println!("GRAIL_SEED={seed}");
        swaps += history(seed).await;
    }
    println!("{cases} histories with {swaps} commits: no old fence, no lost update");
    assert!(
        cases == 1 || swaps as u64 > cases,
        "hardly anything was committed: {swaps}"
    );
}
