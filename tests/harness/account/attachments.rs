//! What a project attaches itself to, made by a test beforehand: buckets, topics, queues, streams, tables, certificates.

use std::hash::{BuildHasher, Hasher, RandomState};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, LayerVersionContentInput, Runtime};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;

use super::Account;
use crate::{fixtures, runtime, web};

/// Who may assume a role that a function runs under.
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

impl Account {
    /// An empty bucket.
    pub fn make_bucket(&self, name: &str) {
        let made = runtime::block_on(self.s3().create_bucket().bucket(name).send());
        made.unwrap_or_else(|error| panic!("making the bucket {name}: {error}"));
    }

    /// A topic; its ARN.
    pub fn make_topic(&self, name: &str) -> String {
        let made = runtime::block_on(self.sns().create_topic().name(name).send());
        let made = made.unwrap_or_else(|error| panic!("making the topic {name}: {error}"));
        made.topic_arn().unwrap_or_default().to_owned()
    }

    /// A queue; its ARN. A name that ends in `.fifo` makes a FIFO queue.
    pub fn make_queue(&self, name: &str) -> String {
        let mut asked = self.sqs().create_queue().queue_name(name);
        if name.ends_with(".fifo") {
            asked = asked.attributes(QueueAttributeName::FifoQueue, "true");
        }
        let made = runtime::block_on(asked.send());
        made.unwrap_or_else(|error| panic!("making the queue {name}: {error}"));
        format!("arn:aws:sqs:{}:{}:{name}", crate::REGION, crate::ACCOUNT)
    }

    /// A Kinesis stream; its ARN.
    pub fn make_stream(&self, name: &str) -> String {
        let asked = self.kinesis().create_stream().stream_name(name).shard_count(1);
        runtime::block_on(asked.send()).unwrap_or_else(|error| panic!("making the stream {name}: {error}"));
        format!(
            "arn:aws:kinesis:{}:{}:stream/{name}",
            crate::REGION,
            crate::ACCOUNT
        )
    }

    /// A table with a stream; the stream's ARN, which ends in the time of its making.
    pub fn make_table(&self, name: &str) -> String {
        let table = json!({
            "TableName": name,
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "BillingMode": "PAY_PER_REQUEST",
            "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
        });
        self.ask("dynamodb", "DynamoDB_20120810.CreateTable", &table);
        self.stream_of_table(name)
            .unwrap_or_else(|| panic!("the table {name} has no stream"))
    }

    /// The ARN of a table's stream, where it has one.
    pub fn stream_of_table(&self, name: &str) -> Option<String> {
        let asked = json!({ "TableName": name });
        let shown = self.ask("dynamodb", "DynamoDB_20120810.DescribeTable", &asked);
        shown["Table"]["LatestStreamArn"].as_str().map(str::to_owned)
    }

    /// A certificate for these names, which moto names by chance: the same `seed` gives the same ARN in every account.
    pub fn issue_certificate(&self, seed: u32, names: &[&str]) -> String {
        self.seed(u64::from(seed));
        let asked = json!({
            "DomainName": names[0],
            "SubjectAlternativeNames": names,
            "ValidationMethod": "DNS",
        });
        let made = self.ask("acm", "CertificateManager.RequestCertificate", &asked);
        // Else two accounts would go on with the same ids.
        self.seed(RandomState::new().build_hasher().finish());
        made["CertificateArn"].as_str().unwrap_or_default().to_owned()
    }

    /// A role that functions can run under; its ARN.
    pub fn make_role(&self, name: &str) -> String {
        let asked = self.iam().create_role().role_name(name);
        let made = runtime::block_on(asked.assume_role_policy_document(TRUST).send());
        let made = made.unwrap_or_else(|error| panic!("making the role {name}: {error}"));
        made.role().map(|role| role.arn().to_owned()).unwrap_or_default()
    }

    /// A function of somebody else's; its ARN.
    pub fn make_function(&self, name: &str) -> String {
        let role = self.make_role(&format!("{name}-role"));
        let archive = fixtures::archive(&[("app.py", "def app(event, context):\n    return {}\n")]);
        let asked = self
            .lambda()
            .create_function()
            .function_name(name)
            .runtime(Runtime::Python312)
            .role(role)
            .handler("app.app")
            .code(FunctionCode::builder().zip_file(Blob::new(archive)).build());
        let made = runtime::block_on(asked.send());
        let made = made.unwrap_or_else(|error| panic!("making the function {name}: {error}"));
        made.function_arn().unwrap_or_default().to_owned()
    }

    /// Lets a bucket call a function.
    pub fn let_bucket_call(&self, bucket: &str, function: &str) {
        let asked = self
            .lambda()
            .add_permission()
            .function_name(function)
            .statement_id(format!("{bucket}-may-call"))
            .action("lambda:InvokeFunction")
            .principal("s3.amazonaws.com")
            .source_arn(format!("arn:aws:s3:::{bucket}"))
            .source_account(crate::ACCOUNT);
        runtime::block_on(asked.send())
            .unwrap_or_else(|error| panic!("letting {bucket} call {function}: {error}"));
    }

    /// A version of a layer; its ARN.
    pub fn publish_layer(&self, name: &str) -> String {
        let content =
            LayerVersionContentInput::builder().zip_file(Blob::new(fixtures::archive(&[("empty", "")])));
        let asked = self
            .lambda()
            .publish_layer_version()
            .layer_name(name)
            .content(content.build());
        let made = runtime::block_on(asked.send());
        let made = made.unwrap_or_else(|error| panic!("publishing the layer {name}: {error}"));
        made.layer_version_arn().unwrap_or_default().to_owned()
    }

    /// Sets the generator from which moto draws its ids.
    fn seed(&self, seed: u64) {
        let url = format!("{}/moto-api/seed?a={seed}", self.endpoint());
        assert_eq!(web::visit("POST", &url, &[], "").status, 200, "seeding moto");
    }
}
