//! The document says what is served.

use super::super::openapi::document;
use super::super::routes::operations;
use super::*;

/// What is wrong with an instance of a schema of the document.
fn wrong(document: &Value, schema: &Value, instance: &Value) -> Vec<String> {
    let mut whole = schema.clone();
    whole["components"] = document["components"].clone();
    let judge = jsonschema::validator_for(&whole).unwrap();
    judge
        .iter_errors(instance)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[tokio::test]
async fn each_operation_answers_as_the_document_says() {
    let world = World::local();
    let document = world.get("/api/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let mut judged = 0;
    for operation in operations() {
        let described = &document["paths"][operation.path][operation.method];
        assert_eq!(described["operationId"], operation.id);
        if operation.answer.media == "text/event-stream" {
            continue;
        }
        for (project, stage) in [
            ("shop", "dev"),
            ("shop", "stuck"),
            ("none", "none"),
            ("shop", "paused"),
        ] {
            let path = operation
                .path
                .replace("{project}", project)
                .replace("{stage}", stage);
            let reply = world
                .ask(request(&operation.method.to_uppercase(), &path, &[], ""))
                .await;
            let answer = &described["responses"][reply.code.as_str()];
            assert!(answer.is_object(), "{path}: {reply:?} is not described");
            let (media, content) = answer["content"].as_object().unwrap().iter().next().unwrap();
            assert!(
                reply.header("content-type").starts_with(media),
                "{path}: {reply:?}"
            );
            if media.ends_with("json") {
                assert_eq!(
                    wrong(&document, &content["schema"], &reply.json()),
                    [""; 0],
                    "{path}"
                );
                judged += 1;
            }
        }
    }
    assert!(judged > 40, "{judged}");
    // The judge judges.
    let schema =
        &document["paths"]["/healthz"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert!(!wrong(&document, schema, &json!({"status": 1})).is_empty());
}

#[test]
fn no_reference_leads_nowhere_and_every_parameter_is_described() {
    let document = document(true);
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 30);
    for reference in found {
        let place = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(place).is_some(), "{reference} leads nowhere");
    }
    for operation in operations() {
        let described = &document["paths"][operation.path][operation.method];
        let parameters = described["parameters"].as_array().cloned().unwrap_or_default();
        let in_path = parameters.iter().filter(|one| one["in"] == "path").count();
        assert_eq!(in_path, operation.path.matches('{').count(), "{}", operation.path);
    }
}

#[test]
fn notices_are_as_the_document_says() {
    use super::super::forms::{Gap, NoticeForm};
    let document = document(false);
    let schemas = &document["components"]["schemas"];
    let board = board();
    board.remove(&key("shop", "calm"), at(0));
    let (missed, _) = board.listen_after(0);
    let mut kinds = std::collections::BTreeSet::new();
    for notice in &missed.notices {
        let form = serde_json::to_value(NoticeForm::of(notice)).unwrap();
        assert_eq!(wrong(&document, &schemas["NoticeForm"], &form), [""; 0], "{form}");
        kinds.insert(form["notice"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        kinds.iter().map(String::as_str).collect::<Vec<_>>(),
        ["event", "gone", "passed", "planned", "report"]
    );
    let gap = serde_json::to_value(Gap::of(Some(3))).unwrap();
    assert_eq!(wrong(&document, &schemas["Gap"], &gap), [""; 0]);
}
