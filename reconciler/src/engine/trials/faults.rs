//! Each write and each read fails in every way, alone and with a second failure on the way back; each call comes twice;
//! storms.

use grail_providers::fake::{Cloud, Fault, Physics, Twice};

use super::corpus::{Plan, plans};
use super::ground::{Command, Ground};
use super::oracle::{Worlds, check, check_still, towards, undisturbed};
use super::tally::{Tally, draw, suite};
use crate::event::Outcome;

/// A plan with everything that its cases need.
pub(super) struct Scene {
    pub(super) plan: Plan,
    pub(super) ground: Ground,
    pub(super) command: Command,
    /// What leads back to where it began.
    pub(super) back: Command,
    pub(super) worlds: Worlds,
    /// How many writes it takes when nothing goes wrong.
    pub(super) writes: usize,
    /// How many reads.
    pub(super) reads: usize,
}

impl Scene {
    pub(super) async fn of(plan: &Plan) -> Self {
        Self::on(plan, Physics::default()).await
    }

    pub(super) async fn on(plan: &Plan, physics: Physics) -> Self {
        let ground = Ground::with(physics);
        if let Some(from) = &plan.from {
            assert_eq!(ground.deploy(from).await, Outcome::Done);
        }
        ground.settle().await;
        let ground = match plan.by_chalice {
            true => ground.made_by_chalice(),
            false => ground,
        };
        // Reads and writes are counted from here.
        let ground = ground.fork();
        let command = towards(plan.to.as_ref());
        let worlds = Worlds {
            old: ground.cloud.world().facts(true),
            new: undisturbed(&ground, &command).await,
        };
        let fork = ground.fork();
        fork.run(&command).await.unwrap();
        Self {
            back: towards(plan.from.as_ref()),
            writes: fork.cloud.writes(),
            reads: fork.cloud.reads(),
            plan: plan.clone(),
            ground,
            command,
            worlds,
        }
    }

    /// The case in which `strike` lets something go wrong.
    async fn struck(&self, tally: &mut Tally, case: String, strike: impl FnOnce(&Cloud)) {
        let trial = async {
            let ground = self.ground.fork();
            strike(&ground.cloud);
            self.try_on(&ground, &case).await;
        };
        tally.case(case.clone(), trial).await;
    }

    /// Runs the command on a ground where something will go wrong, and then sees that all is well.
    async fn try_on(&self, ground: &Ground, case: &str) {
        let mut outcome = ground.try_run(&self.command).await;
        ground.settle().await;
        ground.cloud.calm();
        if let Outcome::Unswept { .. } = outcome {
            // Committed, and something could not be deleted: the next command goes on.
            outcome = ground.run(&self.command).await.unwrap();
        }
        let new = check(ground, &outcome, &self.worlds, case);
        if new {
            check_still(ground, &self.command, case).await;
            return;
        }
        check_still(ground, &self.back, case).await;
        let again = ground.run(&self.command).await.unwrap();
        assert!(
            check(ground, &again, &self.worlds, case),
            "{case}: without faults it ends as {again:?}"
        );
    }
}

#[test]
fn each_write_fails_in_every_way() {
    suite(
        "each_write_fails_in_every_way",
        24,
        &plans(),
        async |plan, tally| {
            let scene = Scene::of(plan).await;
            for write in 0..scene.writes {
                for fault in Fault::ALL {
                    let case = format!("{} write {write} {fault:?}", scene.plan.name);
                    scene.struck(tally, case, |cloud| cloud.fail(write, fault)).await;
                }
            }
        },
    );
}

#[test]
fn each_read_fails_in_every_way() {
    suite(
        "each_read_fails_in_every_way",
        40,
        &plans(),
        async |plan, tally| {
            let scene = Scene::of(plan).await;
            for read in 0..scene.reads {
                for fault in Fault::READS {
                    let case = format!("{} read {read} {fault:?}", scene.plan.name);
                    scene
                        .struck(tally, case, |cloud| cloud.fail_read(read, fault))
                        .await;
                }
            }
        },
    );
}

#[test]
fn reads_of_the_way_back_fail_in_every_way() {
    suite(
        "reads_of_the_way_back_fail_in_every_way",
        150,
        &plans(),
        async |plan, tally| {
            let scene = Scene::of(plan).await;
            for refused in 0..scene.writes {
                for later in 0..scene.reads {
                    let pair = format!("{} {refused} {later}", scene.plan.name);
                    let fault = Fault::READS[draw(0, &pair) as usize % Fault::READS.len()];
                    let case = format!(
                        "{} write {refused} refused, read {later} {fault:?}",
                        scene.plan.name
                    );
                    let twice = |cloud: &Cloud| {
                        cloud.fail(refused, Fault::Refuse);
                        cloud.fail_read(scene.reads / 2 + later, fault);
                    };
                    scene.struck(tally, case, twice).await;
                }
            }
        },
    );
}

/// Fresh roles take their time, reads are old.
#[test]
fn each_write_fails_in_the_field() {
    suite(
        "each_write_fails_in_the_field",
        80,
        &plans(),
        async |plan, tally| {
            for seed in 0..3 {
                let scene = Scene::on(plan, Physics::of_the_field(seed)).await;
                for write in 0..scene.writes {
                    for fault in Fault::ALL {
                        let case = format!("{} field {seed} write {write} {fault:?}", scene.plan.name);
                        scene.struck(tally, case, |cloud| cloud.fail(write, fault)).await;
                    }
                }
            }
        },
    );
}

#[test]
fn the_way_back_fails_in_every_way() {
    suite(
        "the_way_back_fails_in_every_way",
        100,
        &plans(),
        async |plan, tally| {
            let scene = Scene::of(plan).await;
            for refused in 0..scene.writes {
                for later in 1..=scene.writes {
                    let pair = format!("{} {refused} {later}", scene.plan.name);
                    let second = Fault::ALL[draw(0, &pair) as usize % Fault::ALL.len()];
                    let case = format!(
                        "{} write {refused} refused, {later} later {second:?}",
                        scene.plan.name
                    );
                    let twice = |cloud: &Cloud| {
                        cloud.fail(refused, Fault::Refuse);
                        cloud.fail(refused + later, second);
                    };
                    scene.struck(tally, case, twice).await;
                }
            }
        },
    );
}

#[test]
fn each_call_comes_twice() {
    suite("each_call_comes_twice", 12, &plans(), async |plan, tally| {
        let scene = Scene::of(plan).await;
        let counter = Twice::only([]);
        let counted = scene.ground.fork().doubling(&counter);
        counted.run(&scene.command).await.unwrap();
        let mut ways: Vec<(String, Twice)> = (0..counter.calls())
            .map(|call| (format!("call {call}"), Twice::only([call])))
            .collect();
        ways.push(("all calls".to_owned(), Twice::all()));
        for (way, twice) in ways {
            for refused in [None, Some(scene.writes / 2), Some(scene.writes - 1)] {
                let case = format!("{} {way} twice, refused {refused:?}", scene.plan.name);
                let trial = async {
                    let ground = scene.ground.fork().doubling(&twice);
                    if let Some(write) = refused {
                        ground.cloud.fail(write, Fault::Refuse);
                    }
                    scene.try_on(&ground, &case).await;
                };
                tally.case(case.clone(), trial).await;
            }
        }
    });
}

#[test]
fn a_storm_passes() {
    storms("a_storm_passes", 6, Physics::default());
}

#[test]
fn a_storm_in_the_field_passes() {
    storms("a_storm_in_the_field_passes", 12, Physics::of_the_field(0));
}

fn storms(name: &'static str, one_in: u64, physics: Physics) {
    suite(name, one_in, &plans(), async |plan, tally| {
        let scene = Scene::on(plan, physics.clone()).await;
        for seed in 0..20 {
            let case = format!("{} {name} {seed}", scene.plan.name);
            let trial = async {
                let ground = scene.ground.fork();
                ground.cloud.storm(0.25, seed);
                let outcome = ground.run(&scene.command).await.unwrap();
                assert_eq!(outcome, Outcome::Done, "{case}: a storm is no refusal");
                ground.settle().await;
                ground.cloud.calm();
                check(&ground, &outcome, &scene.worlds, &case);
                check_still(&ground, &scene.command, &case).await;
            };
            tally.case(case.clone(), trial).await;
        }
    });
}
