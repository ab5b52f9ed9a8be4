//! What the credentials may not do, and what belongs to somebody else.

use grail_tests::account::Account;
use grail_tests::proxy::{Fault, On};

use super::{assert_says, refused};
use crate::stand::Stand;

#[test]
fn a_stranger_under_our_name_is_refused_until_it_is_adopted() {
    let stand = Stand::of_the_shop();
    let account = Account::at(&stand.proxy.quiet_endpoint());
    account.make_function("shop-dev");
    let before = stand.world();
    // The package is built already, so that what follows leaves no new file.
    let says = [
        "lambda_function.api_handler",
        "function:shop-dev exists already",
        "nothing shows that it belongs to this stage",
        "--adopt lambda_function.api_handler",
    ];
    let run = stand.grail.run(&["deploy"]).expect_code(1);
    assert_says(&run, &says);
    refused(&stand, &stand.grail, &["deploy"], &says);
    refused(&stand, &stand.grail, &["plan"], &says);
    refused(&stand, &stand.grail, &["deploy", "--adopt", "door"], &says);
    stand.world().assert_untouched_since(&before);

    let (run, calls) = stand.run(&["deploy", "--adopt", "lambda_function.api_handler"]);
    run.expect_success();
    assert_eq!(calls.named("CreateFunction").len(), 1, "{:?}", calls.names());
    let function = &stand.world().section("functions")["shop-dev"];
    assert_eq!(
        function["configuration"]["role"],
        "arn:aws:iam::123456789012:role/shop-dev"
    );
    assert_eq!(stand.deploy().writes().names(), [""; 0]);
}

#[test]
fn a_missing_right_is_named() {
    let stand = Stand::of_the_shop();
    let empty = stand.world();
    let read = stand
        .proxy
        .inject(On::operation("GetRole"), Fault::access_denied());
    let run = stand.grail.run(&["deploy"]).expect_code(1);
    assert_says(
        &run,
        &["iam_role.default-role", "the credentials lack `iam:GetRole`"],
    );
    assert!(read.struck() > 0);
    stand.proxy.heal();

    let write = stand
        .proxy
        .inject(On::operation("ImportRestApi"), Fault::access_denied());
    let run = stand.grail.run(&["deploy"]).expect_code(3);
    assert_says(
        &run,
        &[
            "rest_api.rest_api",
            "the credentials lack `apigateway:",
            "Everything is as it was before",
        ],
    );
    assert!(write.struck() > 0);
    stand.proxy.heal();
    stand.world().assert_untouched_since(&empty);

    let write = stand.proxy.inject(
        On::operation("CreateFunction").about("shop-dev-door"),
        Fault::refuse(
            403,
            "AccessDeniedException",
            "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: lambda:CreateFunction on resource: x",
        ),
    );
    let run = stand.grail.run(&["deploy"]).expect_code(3);
    assert_says(
        &run,
        &[
            "lambda_function.door",
            "the credentials lack `lambda:CreateFunction`: add it to their policy",
            "`grail policy` prints the whole one (deploy/policy.json)",
        ],
    );
    assert!(write.struck() > 0);
    stand.proxy.heal();
    stand.world().assert_untouched_since(&empty);
    stand.deploy();
}
