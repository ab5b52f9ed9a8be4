//! A process dies while it writes a line.

use super::each_plan;
use super::filed::Filed;
use crate::engine::trials::crashes::nexts;
use crate::engine::trials::faults::Scene;
use crate::engine::trials::tally::Tally;

async fn tear_every_line(scene: &Scene, tally: &mut Tally) {
    let nexts = nexts(scene).await;
    let whole = scene.ground.fork();
    whole.run(&scene.command).await.unwrap();
    for appends in 0..whole.store.appends() {
        for eighths in [0, 1, 4, 7, 8] {
            for next in nexts.iter().map(Some).chain([None]) {
                let then = next.map_or("rollback", |next| next.name);
                let case = format!(
                    "{} died with {eighths} eighths of line {appends} then {then}",
                    scene.plan.name
                );
                let trial = async {
                    let left = Filed::before(scene).await;
                    left.die_in(&scene.command, appends, eighths).await;
                    left.go_on(scene, next, &case).await;
                };
                tally.case(case.clone(), trial).await;
            }
        }
    }
}

#[test]
fn a_line_that_was_never_finished_was_never_written() {
    each_plan("a_line_that_was_never_finished", 120, tear_every_line);
}
