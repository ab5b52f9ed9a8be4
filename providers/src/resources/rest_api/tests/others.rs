//! What others have: their APIs, and what they made in ours.

use super::*;

#[tokio::test]
async fn an_unknown_api_is_ours_only_if_it_calls_our_handler() {
    let foreign = resources("/x", "f")
        .to_string()
        .replace("function:shop-dev/", "function:shop-prod/");
    let list = json!({"item": [
        {"id": "f1", "name": "shop"}, {"id": "g1", "name": "shop-dev"}, {"id": "a1", "name": "shop"},
    ]});
    let mut replies = vec![
        reply(200, list),
        reply(200, foreign),
        reply(200, resources("/items", "x")),
    ];
    replies.extend(look("", "/items", "x"));
    let cloud = Canned::new(replies);
    let (id, wanted) = (id(), spec("/items"));
    let at = Locator {
        id: &id,
        handle: None,
        spec: Some(&wanted),
        token: None,
        record: None,
    };
    let seen = provider(&cloud).observe(at).await.unwrap();
    let remote = seen.remote().unwrap();
    assert_eq!((remote.handle.0.as_str(), &remote.proof), ("a1", &Proof::Ours));
    assert!(
        remote.spec["definition"]
            .as_str()
            .unwrap()
            .starts_with("not known: ")
    );
    assert_eq!(
        cloud.operations(),
        [&["GetRestApis", "GetResources", "GetResources"][..], &LOOK].concat()
    );
}

#[tokio::test]
async fn two_that_could_be_meant_are_named_and_none_is_taken() {
    let list = json!({"item": [{"id": "a1", "name": "shop"}, {"id": "a2", "name": "shop"}]});
    let cloud = Canned::new([
        reply(200, list),
        reply(200, resources("/items", "x")),
        reply(200, resources("/items", "y")),
    ]);
    let (id, wanted) = (id(), spec("/items"));
    let at = Locator {
        id: &id,
        handle: None,
        spec: Some(&wanted),
        token: None,
        record: None,
    };
    let failure = provider(&cloud).observe(at).await.unwrap_err();
    assert!(
        failure.chain().ends_with("a1, a2") && failure.hint.is_some(),
        "{}",
        failure.chain()
    );
}

#[tokio::test]
async fn the_way_back_to_another_s_api_is_rebuilt_from_a_whole_reading() {
    let mut replies = look("", "/items", "x");
    replies.extend(look("", "/items", "x"));
    replies.pop();
    replies.push(reply(
        200,
        json!({"item": [
            {"responseType": "DEFAULT_4XX", "defaultResponse": true},
            {"responseType": "THROTTLED", "statusCode": "420", "defaultResponse": false},
        ]}),
    ));
    replies.push(reply(
        200,
        json!({"item": [{"id": "m", "name": "Item", "contentType": "application/json",
        "schema": "{\"type\":\"object\"}"}]}),
    ));
    replies.push(reply(200, json!({"item": []})));
    let cloud = Canned::new(replies);
    let context = cloud.context();
    let provider = erase(RestApi::new(Arc::clone(&context)), digester());
    let theirs = Remote {
        handle: Handle("a1".into()),
        spec: json!({"name": "shop", "endpoint_type": "EDGE", "definition": "not known: 0"}),
        outputs: BTreeMap::new(),
        proof: Proof::Ours,
        additions: Vec::new(),
    };
    let secured = provider.secure(&theirs).await.unwrap();
    let kept = context.artifacts.get(&secured.artifacts[0]).unwrap().unwrap();
    let document: Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(secured.spec["definition"], json!(Digest::of_value(&document)));
    insta::assert_json_snapshot!(document, @r##"
    {
      "components": {
        "schemas": {
          "Item": {
            "type": "object"
          }
        },
        "securitySchemes": {
          "auth": {
            "in": "header",
            "name": "Authorization",
            "type": "apiKey",
            "x-amazon-apigateway-authorizer": {
              "authorizerUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:shop-dev/invocations",
              "type": "token"
            },
            "x-amazon-apigateway-authtype": "custom"
          }
        }
      },
      "info": {
        "title": "shop",
        "version": "1.0"
      },
      "openapi": "3.0.1",
      "paths": {
        "/items": {
          "get": {
            "responses": {
              "200": {
                "description": "200 response"
              }
            },
            "security": [
              {
                "auth": []
              }
            ],
            "x-amazon-apigateway-integration": {
              "httpMethod": "POST",
              "type": "aws_proxy",
              "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:shop-dev/invocations"
            }
          }
        }
      },
      "x-amazon-apigateway-api-key-source": "HEADER",
      "x-amazon-apigateway-gateway-responses": {
        "THROTTLED": {
          "statusCode": "420"
        }
      }
    }
    "##);
    let asked = cloud.operations();
    assert_eq!(asked[4..], SURVEY);
}

/// What somebody has made in the console beside our routes: a method, and an answer to requests that fail.
fn handmade(path: &str) -> Vec<Reply> {
    let mut resources = resources(path, "h");
    let method = json!({"GET": {"httpMethod": "GET", "authorizationType": "NONE",
        "methodIntegration": {"type": "HTTP_PROXY", "httpMethod": "GET", "uri": "https://example.com"}}});
    let made = json!({"id": "h9", "path": "/status", "resourceMethods": method});
    resources["item"].as_array_mut().unwrap().push(made);
    let answer = json!({"responseType": "DEFAULT_4XX", "statusCode": "418", "defaultResponse": false,
        "responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}});
    vec![
        reply(200, api(&mark("t1", path))),
        reply(200, resources),
        reply(200, authorizers("h")),
        reply(200, json!({"item": [answer]})),
    ]
}

#[tokio::test]
async fn what_others_made_by_hand_is_told_and_no_drift() {
    let mut replies = vec![nothing(), reply(201, api(&mark("t1", "/items")))];
    replies.extend(look(&mark("t1", "/items"), "/items", "x"));
    replies.extend(handmade("/items"));
    let cloud = Canned::new(replies);
    let provider = provider(&cloud);
    let (id, attempt) = (id(), token("t1"));
    let request = Create {
        id: &id,
        spec: &spec("/items"),
        token: &attempt,
        first: false,
    };
    let before = provider.create(request).await.unwrap();
    let before = record(&before);
    let at = Locator {
        id: &id,
        handle: Some(&before.handle),
        spec: Some(&before.spec),
        token: Some(&attempt),
        record: Some(&before),
    };
    let seen = provider.observe(at).await.unwrap();
    let remote = seen.remote().unwrap();
    assert_eq!((&remote.spec, &remote.outputs), (&before.spec, &before.outputs));
    assert_eq!(
        remote.additions,
        ["method GET /status", "gateway response DEFAULT_4XX"]
    );
}

/// Chalice wipes them with each deploy (aws/chalice 787, 123).
#[tokio::test]
async fn what_others_made_by_hand_goes_into_the_document_that_is_put() {
    let before = deployed().await;
    let mut replies = handmade("/items");
    replies.extend([nothing(), nothing(), reply(200, api(&mark("t2", "/more")))]);
    let mut after = handmade("/more");
    after[0] = reply(200, api(&mark("t2", "/more")));
    replies.extend(after);
    let cloud = Canned::new(replies);
    let after = updated(&cloud, &before, &spec("/more")).await.unwrap();
    let sent: Value = cloud.json(6);
    assert_eq!(sent["paths"]["/more"], definition("/more")["paths"]["/more"]);
    assert_eq!(
        sent["paths"].get("/items"),
        None,
        "it called our handler: it was ours"
    );
    assert_eq!(
        sent["paths"]["/status"]["get"]["x-amazon-apigateway-integration"]["uri"],
        "https://example.com"
    );
    let answers = &sent["x-amazon-apigateway-gateway-responses"];
    assert_eq!(answers["DEFAULT_4XX"]["statusCode"], "418");
    assert_eq!(
        after.outputs["definition_digest"],
        json!(digest("/more")),
        "ours alone"
    );
    assert_eq!(after.additions.len(), 2);
    let plain = Canned::new(look("", "/more", "z"));
    let unseen = RestApi::new(plain.context_of::<RestApi>());
    let reading = Reading::take(&unseen.context, "a1", Depth::Core)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(after.outputs["baseline"], json!(reading.baseline(&reading.form)));
}

#[tokio::test]
async fn a_resource_that_has_a_method_by_now_stays() {
    let child = |path: &str| format!("resource without methods {path}");
    let resource = |id: &str, path: &str, methods: Value| json!({"id": id, "parentId": "r", "path": path, "resourceMethods": methods});
    let used = json!({"GET": {"httpMethod": "GET"}});
    let all = json!({"item": [
        {"id": "r", "path": "/"}, resource("h1", "/bare", Value::Null), resource("h2", "/used", used),
    ]});
    let cloud = Canned::new([reply(200, all.clone()), reply(200, all), reply(202, "")]);
    let (id, handle) = (id(), Handle("a1".into()));
    let request = crate::port::Delete {
        id: &id,
        handle: &handle,
        spec: &Value::Null,
        outputs: &BTreeMap::new(),
    };
    let children = [child("/bare"), child("/used")];
    provider(&cloud).prune(request, &children).await.unwrap();
    assert_eq!(
        cloud.operations(),
        ["GetResources", "GetResources", "DeleteResource"]
    );
    assert!(cloud.asked()[2].line.ends_with("/resources/h1"));
}

#[tokio::test]
async fn an_authorizer_is_found_on_any_page() {
    let page = |id: &str, position: Option<&str>| json!({"item": [{"id": id, "name": id, "type": "TOKEN"}], "position": position});
    let cloud = Canned::new([
        reply(200, json!({"item": []})),
        reply(200, page("one", Some("p"))),
        reply(200, page("two", None)),
        reply(202, ""),
    ]);
    let (id, handle) = (id(), Handle("a1".into()));
    let request = crate::port::Delete {
        id: &id,
        handle: &handle,
        spec: &Value::Null,
        outputs: &BTreeMap::new(),
    };
    let children = ["authorizer two".to_owned()];
    provider(&cloud).prune(request, &children).await.unwrap();
    assert!(cloud.asked()[3].line.ends_with("/authorizers/two"));
}
