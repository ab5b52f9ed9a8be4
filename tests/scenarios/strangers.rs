//! Somebody else at work in the same bucket, on the same topics, rules and functions, between any two of our calls: on both
//! emulators what is theirs stays to the byte, and ours is as wished. Two projects on one bucket come to rest.
//!
//! The stranger does what the one of the model kinds does, in fewer cases. One loss is S3's and not ours: what is written
//! into a bucket between our read and our put. The stranger writes there too, and counts what is lost so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use grail::event::Outcome;
use grail_tests::account::Account;
use grail_tests::account::sdk::events::types::Target;
use grail_tests::account::sdk::s3::types::{
    Event, FilterRule, FilterRuleName, LambdaFunctionConfiguration, NotificationConfiguration,
    NotificationConfigurationFilter, S3KeyFilter,
};
use grail_tests::proxy::Call;
use grail_tests::runtime::block_on;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::contract::strangers::FUNCTION;
use crate::emulated::{Cloud, Emulator, function_arn};
use crate::inside::Stage;
use crate::mall::{BUCKET, Mall, Part, TOPIC, prepare};

/// The parts that share something with others.
const SHARED: [Part; 4] = [Part::Bucket, Part::Topic, Part::Queue, Part::Clock];
/// How many strangers come by at each emulator.
const CASES: u64 = 2;

/// What others have in what is shared, as it is told, to the byte.
#[derive(Clone, Debug, Default, PartialEq)]
struct Theirs {
    entries: Vec<String>,
    targets: BTreeMap<String, Vec<String>>,
    statements: BTreeMap<String, Vec<Value>>,
    subscriptions: Vec<String>,
}

impl Theirs {
    fn of(account: &Account) -> Theirs {
        Theirs {
            entries: notifications(account).1,
            targets: targets(account),
            statements: statements(account),
            subscriptions: subscriptions(account),
        }
    }
}

/// The bucket's configuration, and what of it is told to others.
fn notifications(account: &Account) -> (NotificationConfiguration, Vec<String>) {
    let asked = account
        .s3()
        .get_bucket_notification_configuration()
        .bucket(BUCKET)
        .send();
    let got = block_on(asked).unwrap();
    let functions = got.lambda_function_configurations.clone().unwrap_or_default();
    let others = functions.iter().filter(|one| !is_ours(one.lambda_function_arn()));
    let mut told: Vec<String> = others.map(|one| format!("{one:?}")).collect();
    told.push(format!("{:?}", got.queue_configurations()));
    told.push(format!("{:?}", got.topic_configurations()));
    told.push(format!("{:?}", got.event_bridge_configuration()));
    let whole = NotificationConfiguration::builder()
        .set_lambda_function_configurations(got.lambda_function_configurations)
        .set_queue_configurations(got.queue_configurations)
        .set_topic_configurations(got.topic_configurations)
        .set_event_bridge_configuration(got.event_bridge_configuration);
    (whole.build(), told)
}

fn is_ours(function: &str) -> bool {
    function.contains(":function:mall-dev") || function.contains(":function:forum-dev")
}

fn rules(account: &Account) -> Vec<String> {
    let listed = block_on(account.events().list_rules().send()).unwrap();
    listed
        .rules()
        .iter()
        .filter_map(|rule| rule.name().map(str::to_owned))
        .collect()
}

fn targets(account: &Account) -> BTreeMap<String, Vec<String>> {
    let each = rules(account).into_iter().map(|rule| {
        let listed = block_on(account.events().list_targets_by_rule().rule(&rule).send()).unwrap();
        let others = listed.targets().iter().filter(|target| !is_ours(target.arn()));
        (
            rule,
            others.map(|target| format!("{target:?}")).collect::<Vec<_>>(),
        )
    });
    each.filter(|(_, targets)| !targets.is_empty()).collect()
}

fn functions(account: &Account) -> Vec<String> {
    let listed = block_on(account.lambda().list_functions().send()).unwrap();
    let named = listed.functions().iter().filter_map(|one| one.function_name());
    named.map(str::to_owned).collect()
}

fn statements(account: &Account) -> BTreeMap<String, Vec<Value>> {
    let each = functions(account).into_iter().map(|function| {
        let got = block_on(account.lambda().get_policy().function_name(&function).send());
        let policy = got.ok().and_then(|got| got.policy).unwrap_or_default();
        let policy: Value = serde_json::from_str(&policy).unwrap_or_default();
        let all = policy["Statement"].as_array().into_iter().flatten();
        let others = all.filter(|one| !one["Sid"].as_str().unwrap_or_default().starts_with("grail-"));
        (function, others.cloned().collect::<Vec<_>>())
    });
    each.filter(|(_, statements)| !statements.is_empty()).collect()
}

fn subscriptions(account: &Account) -> Vec<String> {
    let listed = block_on(account.sns().list_subscriptions().send()).unwrap();
    let all = listed.subscriptions().iter();
    let others = all.filter(|one| !is_ours(one.endpoint().unwrap_or_default()));
    let mut others: Vec<_> = others.map(|one| format!("{one:?}")).collect();
    others.sort();
    others
}

/// Somebody else.
struct Stranger {
    account: Account,
    rng: ChaCha8Rng,
    left: Theirs,
    /// Whether it wrote into the bucket since we read it last.
    between: bool,
    /// The rules that it aimed since we read their targets last.
    aimed: BTreeSet<String>,
    /// Whether a rule that has targets can be deleted: MiniStack lets it go, where EventBridge refuses (so does moto).
    rules_go_with_targets: bool,
    visits: usize,
    lost: usize,
    /// What of its own was not as it had left it. From then on it stays away.
    complaints: Vec<String>,
}

impl Stranger {
    fn new(seed: u64, account: &Account, emulator: Emulator) -> Stranger {
        Stranger {
            left: Theirs::of(account),
            aimed: BTreeSet::new(),
            rules_go_with_targets: emulator == Emulator::MiniStack,
            account: account.clone(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            between: false,
            visits: 0,
            lost: 0,
            complaints: Vec::new(),
        }
    }

    /// Comes by, right before a call of ours.
    fn come_by(&mut self, call: &Call) {
        if !self.complaints.is_empty() {
            return;
        }
        if self.rng.random_bool(0.35) {
            self.see_that_all_stays(call.name());
            self.act();
            self.left = Theirs::of(&self.account);
            self.visits += 1;
        }
        match call.name() {
            "GetBucketNotificationConfiguration" => {
                self.see_that_all_stays(call.name());
                self.between = false;
            }
            "ListTargetsByRule" => {
                self.see_that_all_stays(call.name());
                self.aimed.remove(call.body["Rule"].as_str().unwrap_or_default());
            }
            _ => {}
        }
    }

    fn see_that_all_stays(&mut self, when: &str) {
        let there = functions(&self.account);
        // With a function or a rule of ours goes what hung on it.
        self.left
            .statements
            .retain(|function, _| there.contains(function));
        if self.rules_go_with_targets {
            let rules = rules(&self.account);
            let stays = |rule: &String| rules.contains(rule) || !self.aimed.contains(rule);
            self.left.targets.retain(|rule, _| stays(rule));
        }
        let now = Theirs::of(&self.account);
        if now.entries != self.left.entries && self.between {
            self.lost += 1;
            self.left.entries = now.entries.clone();
        }
        if self.left != now {
            let complaint = format!(
                "before {when} what others have was {:?} and is {now:?}",
                self.left
            );
            self.complaints.push(complaint);
        }
    }

    fn act(&mut self) {
        let mark = self.visits;
        match self.rng.random_range(0..4) {
            0 => self.tell_another(mark),
            1 => self.aim_a_rule(mark),
            2 => self.let_another_call(mark),
            _ => self.subscribe_another(mark),
        }
    }

    /// One more function is told of the bucket, at any place among the others, or one less.
    fn tell_another(&mut self, mark: usize) {
        self.between = true;
        let (mut whole, _) = notifications(&self.account);
        let entries = whole.lambda_function_configurations.get_or_insert_default();
        let id = format!("theirs{}", self.rng.random_range(0..2));
        let before = entries.len();
        entries.retain(|one| one.id() != Some(id.as_str()));
        if before == entries.len() {
            let prefix = FilterRule::builder()
                .name(FilterRuleName::Prefix)
                .value(format!("others/{id}/{mark}/"));
            let key = S3KeyFilter::builder().filter_rules(prefix.build()).build();
            let entry = LambdaFunctionConfiguration::builder()
                .id(&id)
                .lambda_function_arn(function_arn(FUNCTION))
                .events(Event::S3ObjectCreated)
                .filter(NotificationConfigurationFilter::builder().key(key).build());
            let place = self.rng.random_range(0..=entries.len());
            entries.insert(place, entry.build().unwrap());
        }
        let asked = self
            .account
            .s3()
            .put_bucket_notification_configuration()
            .bucket(BUCKET);
        block_on(asked.notification_configuration(whole).send()).unwrap();
    }

    /// A rule of ours gets another target, or loses it.
    fn aim_a_rule(&mut self, mark: usize) {
        let rules = rules(&self.account);
        let Some(rule) = pick(&mut self.rng, &rules) else {
            return;
        };
        let events = self.account.events();
        if self.left.targets.contains_key(&rule) {
            block_on(events.remove_targets().rule(&rule).ids("theirs").send()).unwrap();
            return;
        }
        self.aimed.insert(rule.clone());
        let input = json!({"by": "theirs", "visit": mark}).to_string();
        let target = Target::builder()
            .id("theirs")
            .arn(function_arn(FUNCTION))
            .input(input);
        block_on(
            events
                .put_targets()
                .rule(&rule)
                .targets(target.build().unwrap())
                .send(),
        )
        .unwrap();
    }

    /// Somebody may call a function of ours, or not any more.
    fn let_another_call(&mut self, mark: usize) {
        let all = functions(&self.account);
        let ours: Vec<_> = all.into_iter().filter(|name| name != FUNCTION).collect();
        let Some(function) = pick(&mut self.rng, &ours) else {
            return;
        };
        let lambda = self.account.lambda();
        if self.left.statements.contains_key(&function) {
            let asked = lambda
                .remove_permission()
                .function_name(&function)
                .statement_id("theirs");
            block_on(asked.send()).unwrap();
            return;
        }
        let asked = lambda
            .add_permission()
            .function_name(&function)
            .statement_id("theirs")
            .action("lambda:InvokeFunction")
            .principal("s3.amazonaws.com")
            .source_arn(format!("arn:aws:s3:::theirs-{mark}"));
        block_on(asked.send()).unwrap();
    }

    fn subscribe_another(&mut self, mark: usize) {
        let topic = format!(
            "arn:aws:sns:{}:{}:{TOPIC}",
            grail_tests::REGION,
            grail_tests::ACCOUNT
        );
        let asked = self.account.sns().subscribe().topic_arn(topic).protocol("sqs");
        let queue = format!(
            "arn:aws:sqs:{}:{}:theirs{}",
            grail_tests::REGION,
            grail_tests::ACCOUNT,
            mark % 3
        );
        block_on(asked.endpoint(queue).send()).unwrap();
    }
}

fn pick(rng: &mut ChaCha8Rng, from: &[String]) -> Option<String> {
    let place = rng.random_range(0..from.len().max(1));
    from.get(place).cloned()
}

/// Brings the stage there with the stranger at work, and sees that everybody has what they want.
fn among_strangers(
    cloud: &Cloud,
    stage: &Stage,
    stranger: &Arc<Mutex<Stranger>>,
    to: Option<&Mall>,
    case: &str,
) {
    let at_work = Arc::clone(stranger);
    cloud
        .proxy
        .beside(move |call| at_work.lock().unwrap().come_by(call));
    let outcome = stage.bring(to);
    cloud.proxy.alone();
    let complaints = stranger.lock().unwrap().complaints.clone();
    assert_eq!(complaints, [""; 0], "{case}");
    assert!(
        matches!(outcome, Ok(Outcome::Done | Outcome::Unchanged)),
        "{case}: {outcome:?}"
    );
    stranger.lock().unwrap().see_that_all_stays("the end");
    assert_eq!(stranger.lock().unwrap().complaints, [""; 0], "{case}");
    assert_at_rest(cloud, stage, to, case);
    assert_eq!(
        stranger.lock().unwrap().left,
        Theirs::of(&cloud.account),
        "{case}: after the second run"
    );
}

/// The same again writes nothing.
fn assert_at_rest(cloud: &Cloud, stage: &Stage, to: Option<&Mall>, case: &str) {
    cloud.proxy.forget_calls();
    let again = stage.bring(to);
    let writes = cloud.proxy.calls().writes();
    assert!(
        matches!(again, Ok(Outcome::Unchanged)),
        "{case}, again: {again:?}"
    );
    assert_eq!(writes.names(), [""; 0], "{case}");
}

#[expect(clippy::print_stdout, reason = "what was tried is told")]
fn strangers_keep_what_is_theirs(emulator: Emulator) {
    let first = Mall::of("mall", &SHARED);
    for seed in 0..CASES {
        let cloud = Cloud::start(emulator);
        prepare(&cloud.account);
        let stage = Stage::of(first.stack(), &cloud);
        let stranger = Arc::new(Mutex::new(Stranger::new(seed, &cloud.account, emulator)));
        let legs = [
            ("the first deploy", Some(first.clone())),
            ("a change", Some(first.clone().changed().moved())),
            ("the end", None),
        ];
        for (leg, to) in legs {
            among_strangers(
                &cloud,
                &stage,
                &stranger,
                to.as_ref(),
                &format!("{emulator:?}, seed {seed}, {leg}"),
            );
        }
        let stranger = stranger.lock().unwrap();
        println!(
            "{emulator:?}, seed {seed}: {} visits, S3 lost {}",
            stranger.visits, stranger.lost
        );
        assert!(stranger.visits > 10, "seed {seed}: nobody came by");
    }
}

#[test]
fn strangers_between_our_calls_keep_what_is_theirs_on_moto() {
    strangers_keep_what_is_theirs(Emulator::Moto);
}

#[test]
fn strangers_between_our_calls_keep_what_is_theirs_on_ministack() {
    strangers_keep_what_is_theirs(Emulator::MiniStack);
}

/// Two stages deploy at once, until both have nothing left to do.
fn two_projects_on_one_bucket_come_to_rest(emulator: Emulator) {
    let cloud = Cloud::start(emulator);
    prepare(&cloud.account);
    let before = Theirs::of(&cloud.account);
    let malls = ["mall", "forum"].map(|app| Mall::of(app, &[Part::Bucket, Part::Topic]));
    let stages = malls.each_ref().map(|mall| Stage::of(mall.stack(), &cloud));
    std::thread::scope(|scope| {
        for (mall, stage) in malls.iter().zip(&stages) {
            scope.spawn(move || stage.must(Some(mall), mall.app));
        }
    });
    // Who put last may have lost what the other put between its read and its put. Once more each, and both are at rest.
    for (mall, stage) in malls.iter().zip(&stages) {
        stage.must(Some(mall), mall.app);
    }
    for (mall, stage) in malls.iter().zip(&stages) {
        assert_at_rest(&cloud, stage, Some(mall), mall.app);
    }
    assert_eq!(Theirs::of(&cloud.account), before);
    assert_eq!(
        told(&cloud.account),
        [
            "forum-dev-paper",
            "forum-dev-scrap",
            "mall-dev-paper",
            "mall-dev-scrap"
        ]
    );

    stages[1].must(None, "the other goes");
    assert_eq!(told(&cloud.account), ["mall-dev-paper", "mall-dev-scrap"]);
    stages[0].must(None, "and the first");
    assert_eq!(Theirs::of(&cloud.account), before);
}

/// Which functions of ours the bucket tells.
fn told(account: &Account) -> Vec<String> {
    let (whole, _) = notifications(account);
    let entries = whole.lambda_function_configurations();
    let ours = entries
        .iter()
        .map(|one| one.lambda_function_arn())
        .filter(|arn| is_ours(arn));
    let mut ours: Vec<_> = ours
        .filter_map(|arn| arn.rsplit(':').next().map(str::to_owned))
        .collect();
    ours.sort();
    ours
}

#[test]
fn two_projects_on_one_bucket_come_to_rest_on_moto() {
    two_projects_on_one_bucket_come_to_rest(Emulator::Moto);
}

#[test]
fn two_projects_on_one_bucket_come_to_rest_on_ministack() {
    two_projects_on_one_bucket_come_to_rest(Emulator::MiniStack);
}
