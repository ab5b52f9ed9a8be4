//! Answers that AWS would give when it refuses: each protocol has its own form.

use bytes::Bytes;
use hyper::Response;
use hyper::header::CONTENT_TYPE;

/// An answer of the proxy, whole.
pub(super) type Answer = Response<Bytes>;

/// An error in the form of the service's protocol.
pub(super) fn refusal(service: &str, status: u16, code: &str, message: &str) -> Answer {
    let (kind, body) = match service {
        "iam" | "sts" | "sns" => ("text/xml", query_error(code, message)),
        "ec2" => ("text/xml", ec2_error(code, message)),
        "s3" => ("application/xml", s3_error(code, message)),
        "lambda" => ("application/json", lambda_error(code, message)),
        "apigateway" => (
            "application/json",
            serde_json::json!({ "message": message }).to_string(),
        ),
        _ => (
            "application/x-amz-json-1.1",
            serde_json::json!({ "__type": code, "message": message }).to_string(),
        ),
    };
    let answer = Response::builder()
        .status(status)
        .header(CONTENT_TYPE, kind)
        .header("x-amzn-requestid", "00000000-0000-0000-0000-000000000000")
        .header("x-amzn-errortype", code);
    answer.body(Bytes::from(body)).expect("building an error answer")
}

/// An answer with this JSON text.
pub(super) fn success(text: &str) -> Answer {
    let answer = Response::builder()
        .status(200)
        .header(CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amzn-requestid", "00000000-0000-0000-0000-000000000000");
    answer
        .body(Bytes::from(text.to_owned()))
        .expect("building an answer")
}

/// The throttling answer of a service, as it gives it.
pub(super) fn throttling(service: &str) -> Answer {
    match service {
        "iam" | "sts" | "sns" | "ec2" => refusal(service, 400, "Throttling", "Rate exceeded"),
        "s3" => refusal(service, 503, "SlowDown", "Please reduce your request rate."),
        "logs" | "events" => refusal(service, 400, "ThrottlingException", "Rate exceeded"),
        _ => refusal(service, 429, "TooManyRequestsException", "Rate exceeded"),
    }
}

/// The answer of a service that fails by itself.
pub(super) fn server_error(service: &str) -> Answer {
    let code = match service {
        "iam" | "sts" | "sns" | "ec2" => "ServiceFailure",
        "s3" => "InternalError",
        "logs" | "events" => "ServiceUnavailableException",
        _ => "ServiceException",
    };
    refusal(service, 500, code, "An internal error occurred.")
}

fn query_error(code: &str, message: &str) -> String {
    let message = escaped(message);
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>00000000-0000-0000-0000-000000000000</RequestId></ErrorResponse>"
    )
}

fn ec2_error(code: &str, message: &str) -> String {
    let message = escaped(message);
    format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
         <RequestID>00000000-0000-0000-0000-000000000000</RequestID></Response>"
    )
}

fn s3_error(code: &str, message: &str) -> String {
    let message = escaped(message);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>0000000000000000</RequestId></Error>"
    )
}

fn lambda_error(code: &str, message: &str) -> String {
    serde_json::json!({ "Type": "User", "Code": code, "Message": message, "message": message }).to_string()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
