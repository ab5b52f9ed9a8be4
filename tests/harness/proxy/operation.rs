//! Which AWS operation a request is: its service, its name, and whether it reads or writes.
//!
//! The service is the one of the SigV4 credential scope. Query services name the operation in the field `Action`, JSON
//! services in the header `X-Amz-Target`, REST services by method and path, looked up in `operations.txt`.

use std::sync::OnceLock;

use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method, Uri};

const TABLE: &str = include_str!("operations.txt");

/// Whether a call can change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// It only looks.
    Read,
    /// It may change something.
    Write,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Name in the credential scope: `lambda`, `iam`, `apigateway` (both versions), `logs`, `s3`; empty for unsigned requests.
    pub service: String,
    /// AWS's name of the operation; for a request that no table knows, its method and path.
    pub name: String,
    /// Whether it can change anything.
    pub access: Access,
}

/// Reads the operation off a request.
pub(super) fn identify(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Operation {
    let service = service_of(headers);
    let name = from_target(headers)
        .or_else(|| from_action(headers, body))
        .or_else(|| from_path(&service, method, uri))
        .unwrap_or_else(|| format!("{method} {}", uri.path()));
    let access = if reads(&name) { Access::Read } else { Access::Write };
    Operation {
        service,
        name,
        access,
    }
}

fn service_of(headers: &HeaderMap) -> String {
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    // Credential=<key>/<date>/<region>/<service>/aws4_request
    let scope = header.split("Credential=").nth(1).unwrap_or_default();
    scope
        .split(',')
        .next()
        .unwrap_or_default()
        .split('/')
        .nth(3)
        .unwrap_or_default()
        .to_owned()
}

fn from_target(headers: &HeaderMap) -> Option<String> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    Some(target.rsplit('.').next().unwrap_or(target).to_owned())
}

fn from_action(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let kind = headers.get("content-type")?.to_str().ok()?;
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return None;
    }
    let text = std::str::from_utf8(body).ok()?;
    text.split('&')
        .find_map(|pair| pair.strip_prefix("Action="))
        .map(str::to_owned)
}

fn from_path(service: &str, method: &Method, uri: &Uri) -> Option<String> {
    let asked: Vec<&str> = segments(uri.path());
    let query: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty())
        .collect();
    table()
        .iter()
        .filter(|row| row.method == method.as_str() && row.serves(service) && row.fits(&asked, &query))
        .max_by_key(|row| row.exactness())
        .map(|row| row.name.to_owned())
}

fn reads(name: &str) -> bool {
    const READING: [&str; 10] = [
        "Get", "List", "Describe", "Head", "Filter", "Lookup", "BatchGet", "Simulate", "Select", "Test",
    ];
    READING.iter().any(|verb| name.starts_with(verb)) || name.starts_with("GET ") || name.starts_with("HEAD ")
}

struct Row {
    service: &'static str,
    method: &'static str,
    path: Vec<&'static str>,
    query: Vec<&'static str>,
    name: &'static str,
}

impl Row {
    fn serves(&self, service: &str) -> bool {
        // Both versions of API Gateway sign as `apigateway`; their paths differ.
        self.service == service || (service == "apigateway" && self.service == "apigatewayv2")
    }

    fn fits(&self, asked: &[&str], query: &[&str]) -> bool {
        let greedy = self.path.last() == Some(&"{*}");
        let long_enough = if greedy {
            asked.len() >= self.path.len()
        } else {
            asked.len() == self.path.len()
        };
        let path_fits = self
            .path
            .iter()
            .zip(asked)
            .all(|(want, have)| want.starts_with('{') || want == have);
        let asked_for = |want: &&str| {
            query
                .iter()
                .any(|have| have == want || have.split('=').next() == Some(want))
        };
        long_enough && path_fits && self.query.iter().all(asked_for)
    }

    /// Literal parts count for more than placeholders, and query parts for more than both.
    fn exactness(&self) -> usize {
        let literal = self.path.iter().filter(|part| !part.starts_with('{')).count();
        let greedy = usize::from(self.path.last() == Some(&"{*}"));
        self.query.len() * 100 + literal * 2 + 1 - greedy
    }
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

fn table() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| TABLE.lines().filter_map(row).collect())
}

fn row(line: &'static str) -> Option<Row> {
    if line.starts_with('#') {
        return None;
    }
    let mut words = line.split_whitespace();
    let (service, method, target, name) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').filter(|part| !part.is_empty()).collect();
    Some(Row {
        service,
        method,
        path: segments(path),
        query,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of(service: &str, method: &str, target: &str) -> String {
        let mut headers = HeaderMap::new();
        let scope =
            format!("AWS4-HMAC-SHA256 Credential=k/20200101/us-east-1/{service}/aws4_request, Signature=0");
        headers.insert(AUTHORIZATION, scope.parse().unwrap());
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let operation = identify(&method, &target.parse().unwrap(), &headers, b"");
        assert_eq!(operation.service, service);
        operation.name
    }

    #[test]
    fn rest_operations_are_found_by_method_path_and_query() {
        let cases = [
            ("lambda", "POST", "/2015-03-31/functions", "CreateFunction"),
            ("lambda", "GET", "/2015-03-31/functions/", "ListFunctions"),
            ("lambda", "GET", "/2015-03-31/functions/shop-dev", "GetFunction"),
            (
                "lambda",
                "GET",
                "/2015-03-31/functions/arn%3Aaws%3Alambda/policy",
                "GetPolicy",
            ),
            (
                "lambda",
                "DELETE",
                "/2017-10-31/functions/shop-dev/concurrency",
                "DeleteFunctionConcurrency",
            ),
            (
                "lambda",
                "GET",
                "/2018-10-31/layers?find=LayerVersion&Arn=arn%3Aaws",
                "GetLayerVersionByArn",
            ),
            ("lambda", "GET", "/2018-10-31/layers", "ListLayers"),
            ("apigateway", "POST", "/restapis?mode=import", "ImportRestApi"),
            ("apigateway", "POST", "/restapis", "CreateRestApi"),
            ("apigateway", "PUT", "/restapis/abc?mode=overwrite", "PutRestApi"),
            (
                "apigateway",
                "GET",
                "/restapis/abc/resources?embed=methods",
                "GetResources",
            ),
            (
                "apigateway",
                "GET",
                "/restapis/abc/stages/api/exports/oas30",
                "GetExport",
            ),
            ("apigateway", "POST", "/v2/apis", "CreateApi"),
            (
                "s3",
                "PUT",
                "/bucket?notification",
                "PutBucketNotificationConfiguration",
            ),
            ("s3", "GET", "/bucket?list-type=2&prefix=a", "ListObjectsV2"),
            ("s3", "PUT", "/bucket/a/b/c.zip?x-id=PutObject", "PutObject"),
            ("s3", "PUT", "/bucket/a.zip?partNumber=1&uploadId=u", "UploadPart"),
            ("s3", "GET", "/", "ListBuckets"),
            (
                "lambda",
                "GET",
                "/1999-01-01/unheard-of",
                "GET /1999-01-01/unheard-of",
            ),
        ];
        for (service, method, target, name) in cases {
            assert_eq!(name_of(service, method, target), name, "{method} {target}");
        }
    }

    #[test]
    fn query_and_json_services_name_the_operation_themselves() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-type",
            "application/x-www-form-urlencoded".parse().unwrap(),
        );
        let body = b"Version=2010-05-08&Action=PutRolePolicy&RoleName=r";
        let asked = identify(&Method::POST, &Uri::from_static("/"), &headers, body);
        assert_eq!(
            (asked.name.as_str(), asked.access),
            ("PutRolePolicy", Access::Write)
        );

        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", "Logs_20140328.DescribeLogGroups".parse().unwrap());
        let asked = identify(&Method::POST, &Uri::from_static("/"), &headers, b"{}");
        assert_eq!(
            (asked.name.as_str(), asked.access),
            ("DescribeLogGroups", Access::Read)
        );
    }

    #[test]
    fn no_two_rows_of_the_table_answer_alike() {
        for one in table() {
            let same = |other: &&Row| {
                one.service == other.service
                    && one.method == other.method
                    && one.path == other.path
                    && one.query == other.query
            };
            assert_eq!(
                table().iter().filter(same).count(),
                1,
                "{} {}",
                one.service,
                one.name
            );
        }
    }
}
