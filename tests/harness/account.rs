//! An emulated account through the AWS SDK: for a test's own preparations and looks, never for the program under test.

mod attachments;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;

use serde_json::Value;

use crate::{DUMMY_KEY, REGION, runtime, web};

/// The SDK's crates, for scenarios that speak to an account themselves.
pub mod sdk {
    pub use aws_sdk_apigateway as apigateway;
    pub use aws_sdk_apigatewayv2 as apigatewayv2;
    pub use aws_sdk_cloudwatchevents as events;
    pub use aws_sdk_cloudwatchlogs as logs;
    pub use aws_sdk_iam as iam;
    pub use aws_sdk_lambda as lambda;
    pub use aws_sdk_s3 as s3;
    pub use aws_sdk_sns as sns;
}

/// Clients of one account at one endpoint.
#[derive(Debug, Clone)]
pub struct Account {
    endpoint: String,
    config: SdkConfig,
}

impl Account {
    /// The account that answers at `endpoint`; behind a proxy use its quiet address.
    pub fn at(endpoint: &str) -> Account {
        let credentials = Credentials::new(DUMMY_KEY, DUMMY_KEY, None, None, "tests");
        let loading = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(credentials)
            .endpoint_url(endpoint)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Account {
            endpoint: endpoint.to_owned(),
            config: runtime::block_on(loading.load()),
        }
    }

    /// The same account, with every call sent once: what fails, fails.
    #[must_use]
    pub fn without_retries(mut self) -> Account {
        self.config = self
            .config
            .into_builder()
            .retry_config(RetryConfig::disabled())
            .build();
        self
    }

    /// Where it answers.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// IAM.
    pub fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    /// Lambda.
    pub fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config)
    }

    /// API Gateway.
    pub fn apigateway(&self) -> aws_sdk_apigateway::Client {
        aws_sdk_apigateway::Client::new(&self.config)
    }

    /// API Gateway, version 2.
    pub fn apigatewayv2(&self) -> aws_sdk_apigatewayv2::Client {
        aws_sdk_apigatewayv2::Client::new(&self.config)
    }

    /// EventBridge.
    pub fn events(&self) -> aws_sdk_cloudwatchevents::Client {
        aws_sdk_cloudwatchevents::Client::new(&self.config)
    }

    /// Kinesis.
    pub fn kinesis(&self) -> aws_sdk_kinesis::Client {
        aws_sdk_kinesis::Client::new(&self.config)
    }

    /// SNS.
    pub fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.config)
    }

    /// SQS.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }

    /// CloudWatch Logs.
    pub fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        aws_sdk_cloudwatchlogs::Client::new(&self.config)
    }

    /// S3, with paths instead of host names.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(true)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }

    /// A call of a JSON service that the harness has no client of: DynamoDB, ACM. `target` is the value of `X-Amz-Target`.
    ///
    /// # Panics
    /// Where the call fails.
    pub fn ask(&self, service: &str, target: &str, body: &Value) -> Value {
        let scope = format!("{DUMMY_KEY}/20200101/{REGION}/{service}/aws4_request");
        let signed = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
        let headers = [
            ("authorization", signed.as_str()),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ];
        let url = format!("{}/", self.endpoint);
        let page = web::visit("POST", &url, &headers, &body.to_string());
        assert_eq!(page.status, 200, "{target} {body}: {page:?}");
        page.json()
    }
}
