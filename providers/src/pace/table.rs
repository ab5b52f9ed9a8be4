//! Which rates a call is under. From AWS's pages on quotas, as `field-notes.md` 1 collects them; where AWS publishes none
//! (IAM, STS, most of CloudWatch Logs) a cautious guess, which throttling corrects.

use std::time::Duration;

use super::Operation;
use super::bucket::Rate;

/// The name of a bucket, unique in an account and region.
pub(super) type Name = String;

const fn per_second(requests: u32, burst: u32) -> Rate {
    Rate {
        every: Duration::from_nanos(1_000_000_000 / requests as u64),
        burst,
    }
}

const fn one_in(seconds: u64) -> Rate {
    Rate {
        every: Duration::from_secs(seconds),
        burst: 1,
    }
}

/// The buckets, by name, that a request of `operation` takes from, the narrowest first. Empty for what needs no pace.
pub fn buckets(operation: &Operation) -> Vec<(String, Rate)> {
    let name = operation.name.as_str();
    match operation.service.as_str() {
        "Lambda" => vec![lambda(name)],
        "API Gateway" | "ApiGatewayV2" => gateway(name)
            .map(|rate| (format!("apigateway:{}", family(name)), rate))
            .into_iter()
            .chain([("apigateway".to_owned(), per_second(10, 40))])
            .collect(),
        "SNS" if name.ends_with("TagsForResource") || name.ends_with("agResource") => {
            vec![(format!("sns:{name}"), per_second(10, 10))]
        }
        "SNS" if name.starts_with("List") => vec![("sns:List".to_owned(), per_second(30, 30))],
        "SNS" => vec![(format!("sns:{name}"), per_second(100, 100))],
        // Of tables and streams themselves; nobody here asks for items and records.
        "DynamoDB" => vec![(format!("dynamodb:{name}"), per_second(10, 10))],
        "Kinesis" if name == "DescribeStreamSummary" => vec![(format!("kinesis:{name}"), per_second(20, 20))],
        "Kinesis" => vec![(format!("kinesis:{name}"), per_second(5, 5))],
        "CloudWatch Events" => vec![(format!("events:{name}"), per_second(50, 50))],
        "CloudWatch Logs" if name.starts_with("Describe") || name.starts_with("Filter") => {
            vec![(format!("logs:{name}"), per_second(5, 5))]
        }
        "CloudWatch Logs" => vec![(format!("logs:{name}"), per_second(10, 10))],
        "CloudWatch" => vec![("cloudwatch".to_owned(), per_second(9, 9))],
        "IAM" | "STS" => vec![(operation.service.to_ascii_lowercase(), per_second(20, 40))],
        _ => Vec::new(),
    }
}

/// The rate of a bucket that one process leaves debts in to the next.
pub(super) fn slow(name: &str) -> Option<Rate> {
    gateway(name.strip_prefix("apigateway:")?)
}

fn lambda(name: &str) -> (Name, Rate) {
    match name {
        "GetFunction" => ("lambda:GetFunction".to_owned(), per_second(100, 100)),
        "GetPolicy" => ("lambda:GetPolicy".to_owned(), per_second(15, 15)),
        _ => ("lambda".to_owned(), per_second(15, 15)),
    }
}

fn gateway(name: &str) -> Option<Rate> {
    Some(match name {
        "CreateDeployment" => one_in(5),
        // Edge-optimised ones are ten times slower, which the request does not show here: throttling tells.
        "CreateRestApi" | "ImportRestApi" => one_in(3),
        "PutRestApi" => one_in(1),
        "DeleteRestApi" | "CreateDomainName" | "UpdateDomainName" | "DeleteDomainName" => one_in(30),
        _ => return None,
    })
}

/// Calls that share one rate have one name.
fn family(name: &str) -> &str {
    match name {
        "ImportRestApi" => "CreateRestApi",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pace::Access;

    fn names(service: &str, name: &str) -> Vec<String> {
        let operation = Operation {
            service: service.to_owned(),
            name: name.to_owned(),
            access: Access::Write,
        };
        buckets(&operation).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn the_rest_of_lambda_shares_one_bucket() {
        assert_eq!(
            names("Lambda", "CreateFunction"),
            names("Lambda", "AddPermission")
        );
        assert_ne!(names("Lambda", "GetFunction"), names("Lambda", "GetPolicy"));
    }

    #[test]
    fn each_call_about_a_stream_or_a_tag_has_a_rate_of_its_own() {
        assert_eq!(names("Kinesis", "CreateStream"), ["kinesis:CreateStream"]);
        assert_ne!(names("Kinesis", "CreateStream"), names("Kinesis", "DeleteStream"));
        assert_eq!(names("DynamoDB", "UpdateTable"), ["dynamodb:UpdateTable"]);
        assert_eq!(names("SNS", "UntagResource"), ["sns:UntagResource"]);
        assert_eq!(names("SNS", "ListTagsForResource"), ["sns:ListTagsForResource"]);
        assert_eq!(names("SQS", "CreateQueue"), [""; 0]);
    }

    #[test]
    fn slow_calls_of_api_gateway_count_for_the_whole_as_well() {
        assert_eq!(
            names("API Gateway", "ImportRestApi"),
            ["apigateway:CreateRestApi", "apigateway"]
        );
        assert_eq!(names("ApiGatewayV2", "GetApis"), ["apigateway"]);
        assert_eq!(names("S3", "PutObject"), [""; 0]);
    }
}
