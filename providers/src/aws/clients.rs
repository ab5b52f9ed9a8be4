//! The only place that builds SDK clients: for each service one that reads and one that writes, made when first used.
//!
//! Reads are repeated by the SDK (three attempts). Writes are sent once: the SDK repeats what *may* have had an effect, and
//! for calls without a client token (`ImportRestApi`, `CreateDeployment`) that silently makes two. Deadlines are the
//! seam's. Protection against stalled uploads is off, since a slow line is no failure.

use std::sync::LazyLock;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{Region, SdkConfig};

use super::connector::{Access, Stamp};

type Make<C> = Box<dyn FnOnce() -> C + Send>;

/// The two clients of one service.
pub struct Service<C> {
    read: LazyLock<C, Make<C>>,
    write: LazyLock<C, Make<C>>,
}

impl<C> Service<C> {
    /// For calls that change nothing.
    pub fn read(&self) -> &C {
        &self.read
    }

    /// For calls that change something. Never repeated by the SDK.
    pub fn write(&self) -> &C {
        &self.write
    }
}

impl<C> std::fmt::Debug for Service<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

macro_rules! services {
    ($($(#[$meta:meta])* $name:ident: $sdk:ident $(with $tweak:ident)?),+ $(,)?) => {
        /// Every service that the resource types speak to.
        #[derive(Debug)]
        pub struct Clients {
            config: SdkConfig,
            $($(#[$meta])* pub $name: Service<$sdk::Client>,)+
        }

        impl Clients {
            /// Clients under `config`. Nothing is built before it is used.
            pub fn new(config: &SdkConfig) -> Self {
                Self {
                    config: config.clone(),
                    $($name: Service {
                        read: lazily(config, Access::Read, $name),
                        write: lazily(config, Access::Write, $name),
                    },)+
                }
            }

            /// The same clients in another region. They share the seam and the credentials with these.
            pub fn in_region(&self, region: impl Into<String>) -> Self {
                let region = Region::new(region.into());
                Self::new(&self.config.to_builder().region(region).build())
            }
        }

        $(fn $name(config: &SdkConfig, access: Access) -> $sdk::Client {
            let made = $sdk::config::Builder::from(config).interceptor(Stamp(access));
            $(let made = $tweak(config, made);)?
            $sdk::Client::from_conf(made.build())
        })+
    };
}

services! {
    /// AWS Lambda.
    lambda: aws_sdk_lambda,
    /// Identity and Access Management.
    iam: aws_sdk_iam,
    /// API Gateway, first version (REST).
    apigateway: aws_sdk_apigateway,
    /// CloudWatch Logs.
    logs: aws_sdk_cloudwatchlogs,
    /// Simple Storage Service.
    s3: aws_sdk_s3 with path_style,
    /// Certificate Manager.
    acm: aws_sdk_acm,
    /// API Gateway, second version (WebSocket, domains).
    apigatewayv2: aws_sdk_apigatewayv2,
    /// CloudWatch Events, now EventBridge: rules and their targets.
    events: aws_sdk_cloudwatchevents,
    /// CloudWatch: the alarms that a canary asks.
    cloudwatch: aws_sdk_cloudwatch,
    /// DynamoDB: tables.
    dynamodb: aws_sdk_dynamodb,
    /// The streams of DynamoDB tables.
    dynamodbstreams: aws_sdk_dynamodbstreams,
    /// Kinesis streams.
    kinesis: aws_sdk_kinesis,
    /// Simple Notification Service.
    sns: aws_sdk_sns,
    /// Simple Queue Service.
    sqs: aws_sdk_sqs,
    /// Security Token Service.
    sts: aws_sdk_sts,
}

fn lazily<C>(config: &SdkConfig, access: Access, make: fn(&SdkConfig, Access) -> C) -> LazyLock<C, Make<C>>
where
    C: 'static,
{
    let config = config
        .to_builder()
        .retry_config(match access {
            Access::Read => RetryConfig::standard(),
            Access::Write => RetryConfig::disabled(),
        })
        .stalled_stream_protection(
            StalledStreamProtectionConfig::enabled()
                .upload_enabled(false)
                .build(),
        )
        .build();
    LazyLock::new(Box::new(move || make(&config, access)))
}

/// Emulators answer at one address, not at one for each bucket.
fn path_style(config: &SdkConfig, builder: aws_sdk_s3::config::Builder) -> aws_sdk_s3::config::Builder {
    builder.force_path_style(config.endpoint_url().is_some())
}
