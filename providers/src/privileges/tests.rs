use std::path::{Path, PathBuf};

use super::*;

/// Actions that no request of ours is called after: AWS asks for them beside the action of the request.
const BESIDES: [(&str, &str); 14] = [
    (
        "lambda:GetPolicy",
        "a function's statements are read by the type of a permission",
    ),
    ("cloudfront:UpdateDistribution", "a domain that is edge-optimised"),
    ("ec2:DescribeSecurityGroups", "a function in a network"),
    ("ec2:DescribeSubnets", "a function in a network"),
    ("ec2:DescribeVpcs", "a function in a network"),
    ("iam:CreateServiceLinkedRole", "the first domain of an account"),
    ("iam:PassRole", "a function's role; an authorizer's"),
    ("iam:TagRole", "a role that is made with tags"),
    ("events:TagResource", "a rule that is made with tags"),
    ("lambda:GetLayerVersion", "a function with layers"),
    ("lambda:ListTags", "the tags in what GetFunction answers"),
    ("s3:GetObject", "code that Lambda takes out of a bucket"),
    (
        "s3:GetObjectVersion",
        "a zip in a bucket that is named with its version",
    ),
    (
        "apigateway:UpdateRestApiPolicy",
        "a definition with a resource policy",
    ),
];

/// The source of a resource type, without tests and without its own list of actions.
fn source_of(kind: &str) -> String {
    let resources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/resources");
    let mut files = vec![resources.join(format!("{kind}.rs"))];
    files.extend(files_below(&resources.join(kind)));
    let read = |file: &PathBuf| std::fs::read_to_string(file).unwrap();
    let mut text: String = files.iter().map(read).collect();
    // Functions and layers share how code gets to Lambda.
    if text.contains("packages::") {
        text += &read(&resources.join("packages.rs"));
    }
    let (before, rest) = text.split_once("const ACTIONS").unwrap();
    let (_, after) = rest.split_once("];").unwrap();
    format!("{before}{after}")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.is_file() && !path.ends_with("tests.rs"))
        .collect()
}

/// The actions that a source names in its calls. Other texts of this form are events and what is granted to others.
fn named_in(source: &str) -> BTreeSet<&str> {
    const VERBS: [&str; 17] = [
        "Add",
        "Create",
        "Decrease",
        "Delete",
        "Describe",
        "Detach",
        "Get",
        "Increase",
        "List",
        "Publish",
        "Put",
        "Remove",
        "Set",
        "Subscribe",
        "Tag",
        "Un",
        "Update",
    ];
    const METHODS: [&str; 5] = ["DELETE", "GET", "PATCH", "POST", "PUT"];
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let texts = code.flat_map(|line| line.split('"').skip(1).step_by(2));
    let is_action = |text: &&str| match text.split_once(':') {
        Some((_, name)) => {
            let known = VERBS.iter().any(|verb| name.starts_with(verb)) || name == "TagResource";
            scope_of(text).is_some() && !name.contains(' ') && (known || METHODS.contains(&name))
        }
        None => false,
    };
    texts.filter(is_action).collect()
}

#[test]
fn each_type_lists_the_actions_that_its_calls_name_and_no_others() {
    for (kind, listed) in resources::actions_by_kind() {
        let source = source_of(kind.as_str());
        let named = named_in(&source);
        let listed: BTreeSet<&str> = listed.iter().copied().collect();
        let unlisted: Vec<_> = named.difference(&listed).collect();
        assert!(
            unlisted.is_empty(),
            "{kind} calls {unlisted:?} and does not list it"
        );
        let besides: BTreeSet<&str> = BESIDES.iter().map(|(action, _)| *action).collect();
        let idle: Vec<_> = listed
            .difference(&named)
            .filter(|action| !besides.contains(*action))
            .collect();
        assert!(idle.is_empty(), "{kind} lists {idle:?} and calls nothing of it");
    }
}

#[test]
fn what_stands_beside_the_calls_is_listed_somewhere() {
    let listed = resources::actions();
    for (action, why) in BESIDES {
        assert!(listed.contains(action), "{action} ({why}) is listed by nobody");
    }
}

#[test]
fn every_action_has_its_place_and_no_statement_is_wider_than_aws_makes_it() {
    for action in resources::actions() {
        assert!(scope_of(action).is_some(), "nothing says where {action} is used");
    }
    let policy = policy(&Reach::default());
    for statement in policy["Statement"].as_array().unwrap() {
        let everywhere = statement["Resource"] == json!(["*"]);
        let may = statement["Sid"] == "Everything" || statement["Sid"] == "Distributions";
        assert_eq!(everywhere, may, "{statement:#}");
        assert!(!statement["Action"].to_string().contains('*'), "{statement:#}");
    }
}

/// IAM takes 6,144 characters in a managed policy, blanks not counted.
#[test]
fn the_policy_fits_into_one_managed_policy() {
    let stack = StackId {
        app: "a-rather-long-name-of-an-application".to_owned(),
        stage: "production".to_owned(),
    };
    let narrow = Reach {
        stack: Some(stack),
        region: Some("ap-southeast-2".to_owned()),
        things: false,
    };
    let with_things = |reach: &Reach| Reach {
        things: true,
        ..reach.clone()
    };
    for reach in [
        Reach::default(),
        with_things(&narrow),
        with_things(&Reach::default()),
        narrow,
    ] {
        let length = policy(&reach).to_string().len();
        assert!(length <= 6144, "{length} characters");
    }
}

#[test]
fn one_stage_in_one_region_reaches_its_own_names_only() {
    let stack = StackId {
        app: "shop".to_owned(),
        stage: "dev".to_owned(),
    };
    let reach = Reach {
        stack: Some(stack),
        region: Some("cn-north-1".to_owned()),
        things: false,
    };
    let policy = policy(&reach);
    let resources = |sid: &str| {
        let statements = policy["Statement"].as_array().unwrap();
        let statement = statements.iter().find(|statement| statement["Sid"] == sid);
        statement.unwrap()["Resource"].clone()
    };
    assert_eq!(
        resources("Functions"),
        json!([
            "arn:aws-cn:lambda:cn-north-1:*:function:shop-dev",
            "arn:aws-cn:lambda:cn-north-1:*:function:shop-dev-*",
            "arn:aws-cn:lambda:cn-north-1:*:function:shop-dev:*",
        ])
    );
    let roles = json!([
        "arn:aws-cn:iam::*:role/shop-dev",
        "arn:aws-cn:iam::*:role/shop-dev-*"
    ]);
    assert_eq!(
        (resources("Roles"), resources("PassedRoles")),
        (roles.clone(), roles)
    );
    assert_eq!(
        resources("Objects"),
        json!(["arn:aws-cn:s3:::*/grail/shop-dev/*"])
    );
    let things = super::policy(&Reach {
        things: true,
        ..reach
    });
    let queues = things["Statement"].as_array().unwrap().iter();
    let queues: Vec<_> = queues.filter(|one| one["Sid"] == "OwnQueues").collect();
    assert_eq!(
        queues[0]["Resource"],
        json!([
            "arn:aws-cn:sqs:cn-north-1:*:shop-dev",
            "arn:aws-cn:sqs:cn-north-1:*:shop-dev-*"
        ])
    );
    assert!(resources("Queues").to_string().contains(":*"));
    // What others own and what AWS names itself cannot be narrowed by our name.
    assert_eq!(resources("Topics"), json!(["arn:aws-cn:sns:*:*:*"]));
    assert_eq!(
        resources("Gateway")[1],
        "arn:aws-cn:apigateway:cn-north-1::/restapis/*"
    );
}

#[test]
fn a_role_is_passed_to_the_two_services_that_run_with_it() {
    let policy = policy(&Reach::default());
    let statements = policy["Statement"].as_array().unwrap();
    let passing = statements
        .iter()
        .filter(|statement| statement["Action"].to_string().contains("iam:PassRole"));
    let conditions: Vec<_> = passing.map(|statement| &statement["Condition"]).collect();
    let services = json!(["apigateway.amazonaws.com", "lambda.amazonaws.com"]);
    assert_eq!(
        conditions,
        [&json!({"StringEquals": {"iam:PassedToService": services}})]
    );
}

#[test]
fn an_operation_is_allowed_by_the_action_of_its_service() {
    for (service, operation, action) in [
        ("Lambda", "CreateFunction", "lambda:CreateFunction"),
        ("lambda", "GetLayerVersionByArn", "lambda:GetLayerVersion"),
        ("API Gateway", "ImportRestApi", "apigateway:POST"),
        ("apigateway", "PutRestApi", "apigateway:PUT"),
        ("API Gateway", "GetExport", "apigateway:GET"),
        ("API Gateway", "TagResource", "apigateway:PUT"),
        ("ApiGatewayV2", "TagResource", "apigateway:POST"),
        ("ApiGatewayV2", "UntagResource", "apigateway:DELETE"),
        ("ApiGatewayV2", "UpdateRoute", "apigateway:PATCH"),
        ("CloudWatch Logs", "PutRetentionPolicy", "logs:PutRetentionPolicy"),
        ("CloudWatch Events", "PutRule", "events:PutRule"),
        ("DynamoDB Streams", "DescribeStream", "dynamodb:DescribeStream"),
        (
            "S3",
            "PutBucketNotificationConfiguration",
            "s3:PutBucketNotification",
        ),
        ("SQS", "GetQueueUrl", "sqs:GetQueueUrl"),
        ("STS", "GetCallerIdentity", "sts:GetCallerIdentity"),
    ] {
        assert_eq!(action_of(service, operation), action);
    }
}
