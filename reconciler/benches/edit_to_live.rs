//! From the save of a file to the function that runs it: `grail watch` over MiniStack, with what is local apart.
//!
//! Two projects: a manifest of 100 Python functions with code of their own, of which one is edited at a time; and a Chalice app
//! of 10 functions that share a package, whose shared module is edited. For each round:
//!
//! - *local*: from the end of the quiet time until the first call of the pass is at the proxy. It is what grail does by itself:
//!   read the project, find out what has changed, pack it.
//! - *upload*: from the same moment until the first upload is there: after the account was looked at.
//! - *live*: from the save until the pass is over, the quiet time (50 ms) and the emulator's own time included.
//! - the calls, of which those that write must be exactly one `UpdateFunctionCode` for each function that has changed.
//!
//! Both end with a plan, which must be empty.
//!
//! ```console
//! $ cargo bench -p grail --bench edit_to_live            # GRAIL_ROUNDS=50 for more rounds
//! ```

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot run says why and ends")]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures real time, and is told in the environment how often"
)]

use std::path::Path;
use std::time::{Duration, SystemTime};

use grail_tests::cli::{Grail, Running};
use grail_tests::crowds;
use grail_tests::emulator::{MiniStack, MiniStackSettings};
use grail_tests::patience::until;
use grail_tests::project::Project;
use grail_tests::proxy::{Call, Calls, Fault, On, Proxy, percent_decoded};
use jiff::Timestamp;
use serde_json::Value;

/// Rounds of each project, if `GRAIL_ROUNDS` does not say.
const ROUNDS: usize = 20;
/// Functions of the manifest.
const CROWD: usize = 100;
/// Functions of the Chalice app.
const CHOIR: usize = 10;
/// What an upload of the Chalice app takes at least, so that it shows how many are under way at a time.
const UPLOAD: Duration = Duration::from_millis(100);
/// What the local share may be at the median, in an optimised build.
const LIMIT: Duration = Duration::from_millis(150);

/// What came of one edit.
struct Round {
    local: Duration,
    upload: Duration,
    live: Duration,
    calls: Calls,
}

/// An account, the way to it, a project, and a watch of it.
struct Ground {
    _stack: MiniStack,
    proxy: Proxy,
    project: Project,
    grail: Grail,
    watch: Running,
}

impl Ground {
    /// The project is deployed by the first pass of the watch.
    fn new(project: Project) -> Self {
        let stack = MiniStack::start(&MiniStackSettings::default());
        let proxy = Proxy::before(&stack.endpoint());
        let grail = Grail::new(env!("CARGO_BIN_EXE_grail"), &project, &proxy.endpoint());
        let watch = grail.start(&["watch", "--output", "json", "--interval", "1h"]);
        let ground = Self {
            _stack: stack,
            proxy,
            project,
            grail,
            watch,
        };
        ground.rests_after(1);
        ground
    }

    /// Waits until so many passes are over, and it waits itself; what it has said by then.
    fn rests_after(&self, passes: usize) -> Vec<Value> {
        let what = format!("pass {passes}: {}{}", self.watch.said(), self.watch.told());
        let events = until(&what, || {
            let events = self.watch.events();
            let ended = of(&events, "pass_ended").count();
            (ended >= passes && events.last()?["event"] == "watching").then_some(events)
        });
        let last = of(&events, "pass_ended").last();
        let end = last.map(|event| event["end"].clone());
        let told: Vec<_> = of(&events, "error").collect();
        let told = (told, self.watch.told());
        assert_eq!(end, Some("converged".into()), "{last:?}: {told:?}");
        events
    }

    /// Edits a file, and waits until that is live. `passes` are over by then.
    fn edit(&self, passes: usize, file: &str, text: &str) -> Round {
        // What a watch says comes before what it notices: the follower has settled, and no event of the last save is left.
        std::thread::sleep(Duration::from_millis(200));
        self.proxy.forget_calls();
        let beside = self.project.beside("saving").join("file");
        std::fs::write(&beside, text).expect("writing a file");
        let saved = SystemTime::now();
        std::fs::rename(&beside, self.project.root().join(file)).expect("renaming a file");
        let events = self.rests_after(passes);
        let started = of(&events, "pass_started").last().expect("a pass has begun");
        let ended = of(&events, "pass_ended").last().expect("a pass is over");
        let calls = self.proxy.calls();
        let first = |calls: &Calls| {
            let arrived = calls.iter().map(|call| call.arrived).min();
            arrived.expect("a pass makes calls")
        };
        let late = Duration::from_secs_f64(started["late"].as_f64().expect("how late it was") / 1e3);
        let quiet = at(started) - late;
        Round {
            local: since(quiet, first(&calls)),
            upload: since(quiet, first(&calls.writes())),
            live: since(saved, at(ended)),
            calls,
        }
    }

    fn end_at_rest(self) {
        self.watch.interrupt();
        self.watch.wait().expect_success();
        self.grail.run(&["plan", "--detailed-exitcode"]).expect_success();
    }
}

fn of<'e>(events: &'e [Value], kind: &str) -> impl Iterator<Item = &'e Value> {
    let kind = Value::from(kind);
    events.iter().filter(move |event| event["event"] == kind)
}

/// When an event was said.
fn at(event: &Value) -> SystemTime {
    let text = event["at"].as_str().expect("an event has a time");
    text.parse::<Timestamp>().expect("a time").into()
}

fn since(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).expect("one comes after the other")
}

/// Fails unless these functions, and nothing else, were written, each by one upload.
fn assert_uploads(calls: &Calls, functions: &[String]) {
    let writes = calls.writes();
    let name = |call: &Call| {
        let path = percent_decoded(&call.path);
        let function = path
            .strip_suffix("/code")
            .and_then(|path| path.rsplit([':', '/']).next());
        function.unwrap_or(&path).to_owned()
    };
    let mut uploaded: Vec<_> = writes.iter().map(|call| (call.name(), name(call))).collect();
    uploaded.sort_unstable();
    let mut wanted: Vec<_> = functions
        .iter()
        .map(|name| ("UpdateFunctionCode", name.clone()))
        .collect();
    wanted.sort_unstable();
    assert_eq!(uploaded, wanted);
}

/// The time that this share of the rounds did not exceed.
fn quantile(times: &mut [Duration], share: f64) -> Duration {
    times.sort_unstable();
    let place = (times.len() as f64 * share).ceil() as usize;
    times[place.clamp(1, times.len()) - 1]
}

fn print(project: &str, rounds: &[Round]) {
    let mut local: Vec<_> = rounds.iter().map(|round| round.local).collect();
    let mut upload: Vec<_> = rounds.iter().map(|round| round.upload).collect();
    let mut live: Vec<_> = rounds.iter().map(|round| round.live).collect();
    let shown = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
    let last = &rounds[rounds.len() - 1].calls;
    println!(
        "| {project} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
        rounds.len(),
        shown(quantile(&mut local, 0.5)),
        shown(quantile(&mut local, 0.95)),
        shown(quantile(&mut upload, 0.5)),
        shown(quantile(&mut live, 0.5)),
        shown(quantile(&mut live, 0.95)),
        last.reads().len(),
        last.writes().len(),
        last.named("UpdateFunctionCode").max_in_flight(),
    );
}

fn crowd(rounds: usize) -> Vec<Round> {
    let ground = Ground::new(crowds::functions_of_their_own(CROWD));
    let edit = |round: usize| {
        let number = round * 37 % CROWD;
        let name = crowds::name_of(number);
        let text = crowds::code_of(number, round + 1);
        let round = ground.edit(round + 2, &format!("{name}/work.py"), &text);
        assert_uploads(&round.calls, &[format!("crowd-dev-{name}")]);
        round
    };
    let done = (0..rounds).map(edit).collect();
    ground.end_at_rest();
    done
}

fn choir(rounds: usize) -> Vec<Round> {
    let ground = Ground::new(crowds::functions_of_one_package(CHOIR));
    let slow = Fault::Delay(UPLOAD);
    ground.proxy.inject(On::operation("UpdateFunctionCode"), slow);
    let names: Vec<_> = (0..CHOIR)
        .map(|number| format!("choir-dev-voice_{number}"))
        .collect();
    let edit = |round: usize| {
        let text = crowds::shared_code(round + 1);
        let round = ground.edit(round + 2, "chalicelib/shared.py", &text);
        assert_uploads(&round.calls, &names);
        let together = round.calls.named("UpdateFunctionCode").max_in_flight();
        assert_eq!(together, CHOIR, "so many uploads were under way at a time");
        round
    };
    let done = (0..rounds).map(edit).collect();
    ground.end_at_rest();
    done
}

fn main() {
    let rounds = std::env::var("GRAIL_ROUNDS").ok();
    let rounds = rounds.map_or(ROUNDS, |text| {
        text.parse().expect("GRAIL_ROUNDS is a number of rounds")
    });
    assert!(rounds > 0, "GRAIL_ROUNDS is a number of rounds");
    let binary = Path::new(env!("CARGO_BIN_EXE_grail"));
    assert!(binary.is_file(), "grail is built with its benchmarks");

    let crowd = crowd(rounds);
    let choir = choir(rounds);
    println!(
        "| Project | rounds | local p50 | local p95 | upload p50 | live p50 | live p95 | reads | writes | uploads at a time |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    print(&format!("{CROWD} functions, one edited"), &crowd);
    print(&format!("{CHOIR} functions of one package"), &choir);
    let mut local: Vec<_> = crowd.iter().map(|round| round.local).collect();
    let median = quantile(&mut local, 0.5);
    let word = if median <= LIMIT { "within" } else { "beyond" };
    println!(
        "\nBoth plans are empty afterwards. The local share of the first is {word} {LIMIT:?} at the median."
    );
    if cfg!(debug_assertions) {
        println!("This is no optimised build.");
    }
}
