//! What an edit of one function sends where there are many: the upload of that function, and nothing else that writes.

use grail_tests::crowds;
use grail_tests::proxy::{On, percent_decoded};

use super::{Watch, save};
use crate::stand::{Stand, counts};

#[test]
fn an_edit_of_one_function_of_many_uploads_that_function_alone() {
    // More than a cache keeps that forgets what was packed a moment ago.
    const FUNCTIONS: usize = 24;
    let stand = Stand::of(crowds::functions_of_their_own(FUNCTIONS));
    let watch = Watch::of(&stand, &["--interval", "1h"]);
    for (passes, number) in [(2, 7), (3, 0), (4, FUNCTIONS - 1)] {
        let name = crowds::name_of(number);
        stand.proxy.forget_calls();
        save(
            &stand,
            &format!("{name}/work.py"),
            &crowds::code_of(number, passes),
        );
        watch.until_ended("converged", passes);
        watch.rests();
        let writes = stand.proxy.calls().writes();
        assert_eq!(writes.counts(), counts(&[("UpdateFunctionCode", 1)]), "{name}");
        let only = writes.iter().next().expect("there is one");
        let path = percent_decoded(&only.path);
        assert!(path.ends_with(&format!("crowd-dev-{name}/code")), "{path}");
    }
    watch.stop().expect_success();
    stand.grail.run(&["plan", "--detailed-exitcode"]).expect_success();
}

#[test]
fn an_edit_of_what_functions_share_uploads_each_once_and_all_at_a_time() {
    const FUNCTIONS: usize = 6;
    let stand = Stand::of(crowds::functions_of_one_package(FUNCTIONS));
    let watch = Watch::of(&stand, &["--interval", "1h"]);
    let gate = stand.proxy.hold(On::operation("UpdateFunctionCode"), FUNCTIONS);
    save(&stand, "chalicelib/shared.py", &crowds::shared_code(1));
    watch.until_ended("converged", 2);
    watch.rests();
    gate.assert_met();
    let writes = stand.proxy.calls().writes();
    assert_eq!(writes.counts(), counts(&[("UpdateFunctionCode", FUNCTIONS)]));
    let functions: std::collections::BTreeSet<_> = writes.iter().map(|call| &call.path).collect();
    assert_eq!(functions.len(), FUNCTIONS, "{functions:?}");
    watch.stop().expect_success();
    stand.grail.run(&["plan", "--detailed-exitcode"]).expect_success();
}
