//! What grail needs around the project: Python, an account, a region, an endpoint, a disk.

use std::net::TcpListener;

use grail_tests::cli::Grail;
use grail_tests::proxy::{Fault, On};

use super::{Spoilt, assert_says, refused};
use crate::stand::Stand;

#[test]
fn without_python_one_is_asked_for_and_without_chalice_one_is_made() {
    let stand = Stand::of_the_shop();
    let says = [
        "found no Python",
        "install Python 3.10 or newer",
        "apt install python3",
    ];
    let grail = stand.grail.clone().without_python(&stand.project);
    refused(&stand, &grail, &["validate"], &says);
    stand.deploy();
    refused(&stand, &grail, &["deploy"], &says);
    grail.run(&["delete"]).expect_success();

    let grail = stand.grail.clone().without_chalice().with_shared_cache();
    let run = grail.run(&["validate"]).expect_success();
    assert_says(&run, &["shop is valid in stage dev: 5 route(s), 2 function(s)"]);
    // A second time it is there.
    let again = grail.run(&["validate"]).expect_success();
    assert!(!again.stderr.contains("making an environment"), "{again}");
}

#[test]
fn without_an_account_a_region_or_an_answer_nothing_begins() {
    let shop = Spoilt::shop();
    let stand = &shop.stand;
    for command in ["deploy", "plan", "delete"] {
        let nobody = stand
            .grail
            .clone()
            .without("AWS_ACCESS_KEY_ID")
            .without("AWS_SECRET_ACCESS_KEY");
        refused(
            stand,
            &nobody,
            &[command],
            &["no AWS credentials could be found", "AWS_PROFILE", "--local"],
        );
        let nowhere = stand.grail.clone().without("AWS_DEFAULT_REGION");
        refused(stand, &nowhere, &[command], &["no AWS region is set", "--region"]);
        // What is recorded lives elsewhere.
        let says = [
            "us-east-1",
            "eu-west-1",
            "use the profile and region that it was deployed with",
        ];
        shop.refused(&[command, "--region", "eu-west-1"], &says);
    }
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    let says = [
        &format!("the AWS endpoint {url} could not be reached"),
        "AWS_ENDPOINT_URL",
    ];
    refused(
        stand,
        &stand.grail.clone().env("AWS_ENDPOINT_URL", &url),
        &["deploy"],
        &says,
    );
    // A profile that is named counts, and not the keys that happen to lie in the environment.
    shop.refused(
        &["deploy", "--profile", "nobody"],
        &["there is no AWS profile `nobody`", "aws configure"],
    );
    let home = stand.project.beside("home").join(".aws");
    std::fs::create_dir_all(&home).unwrap();
    let keys = "aws_access_key_id = testing\naws_secret_access_key = testing\n";
    std::fs::write(
        home.join("config"),
        format!("[profile work]\n{keys}region = us-east-1\n"),
    )
    .unwrap();
    let bare = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"];
    let bare = bare.into_iter().fold(stand.grail.clone(), Grail::without);
    bare.run(&["plan", "--profile", "work"]).expect_success();
    bare.env("AWS_PROFILE", "work").run(&["plan"]).expect_success();
    stand.proxy.inject(
        On::operation("GetCallerIdentity"),
        Fault::refuse(
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
    );
    shop.refused(
        &["deploy"],
        &["AWS refused the credentials", "expired", "sign in again"],
    );
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_is_done() {
    // The tests may run as root, whom no permission stops: a file stands where a folder should be.
    for (file, named) in [
        (".chalice/grail", ".chalice/grail"),
        (".chalice/grail/dev", ".chalice/grail/dev"),
        (".chalice/deployed", ".chalice/deployed"),
    ] {
        let stand = Stand::of_the_shop();
        stand.project.write(".chalice/grail/.gitignore", "*\n");
        let path = stand.project.root().join(file);
        if path.is_dir() {
            std::fs::remove_dir_all(&path).unwrap();
        }
        std::fs::write(&path, "in the way").unwrap();
        refused(&stand, &stand.grail, &["deploy"], &[named]);
    }
}
