use grail_state::digest::canonical;

use super::*;

#[test]
fn every_kind_of_method_is_rebuilt() {
    let function = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations";
    let form = json!({
        "api": {"name": "shop", "binary_types": ["image/png"], "disabled": true, "vpc_endpoints": ["vpce-1"]},
        "authorizers": {
            "pool": {"type": "COGNITO_USER_POOLS", "providers": ["arn:p"], "identity_source": "method.request.header.Auth"},
            "ask": {"type": "REQUEST", "uri": function, "identity_source": "method.request.querystring.q", "ttl": 0},
        },
        "request_validators": {"strict": {"id": "v1", "body": true}},
        "paths": {"/x/{id}": {
            "GET": {"authorization": "COGNITO_USER_POOLS", "authorizer": "pool", "scopes": ["a/r"], "api_key_required": true,
                "request_parameters": {"method.request.path.id": true, "method.request.querystring.q": false},
                "integration": {"type": "AWS_PROXY", "uri": function, "timeout_ms": 29000}},
            "POST": {"authorization": "AWS_IAM", "request_models": {"application/json": "Item"}, "request_validator": "v1"},
            "ANY": {"authorization": "CUSTOM", "authorizer": "ask"},
            "OPTIONS": {"authorization": "NONE",
                "responses": {"200": {"present": true, "parameters": {"method.response.header.Allow": false}}},
                "integration": {"type": "MOCK", "passthrough": "WHEN_NO_MATCH",
                    "request_templates": {"application/json": "{\"statusCode\": 200}"},
                    "responses": {"200": {"present": true, "parameters": {"method.response.header.Allow": "'*'"}}}}},
        }},
    });
    // In one order, whatever map serde_json was built with.
    let sorted: Value = serde_json::from_str(&canonical(&document(&form))).unwrap();
    insta::assert_json_snapshot!(sorted, @r##"
    {
      "components": {
        "schemas": {
          "Item": {
            "type": "object"
          }
        },
        "securitySchemes": {
          "api_key": {
            "in": "header",
            "name": "x-api-key",
            "type": "apiKey"
          },
          "ask": {
            "in": "header",
            "name": "Unused",
            "type": "apiKey",
            "x-amazon-apigateway-authorizer": {
              "authorizerResultTtlInSeconds": 0,
              "authorizerUri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations",
              "identitySource": "method.request.querystring.q",
              "type": "request"
            },
            "x-amazon-apigateway-authtype": "custom"
          },
          "pool": {
            "in": "header",
            "name": "Auth",
            "type": "apiKey",
            "x-amazon-apigateway-authorizer": {
              "providerARNs": [
                "arn:p"
              ],
              "type": "cognito_user_pools"
            },
            "x-amazon-apigateway-authtype": "cognito_user_pools"
          },
          "sigv4": {
            "in": "header",
            "name": "Authorization",
            "type": "apiKey",
            "x-amazon-apigateway-authtype": "awsSigv4"
          }
        }
      },
      "info": {
        "title": "shop",
        "version": "1.0"
      },
      "openapi": "3.0.1",
      "paths": {
        "/x/{id}": {
          "get": {
            "parameters": [
              {
                "in": "path",
                "name": "id",
                "required": true,
                "schema": {
                  "type": "string"
                }
              },
              {
                "in": "query",
                "name": "q",
                "required": false,
                "schema": {
                  "type": "string"
                }
              }
            ],
            "responses": {},
            "security": [
              {
                "pool": [
                  "a/r"
                ]
              },
              {
                "api_key": []
              }
            ],
            "x-amazon-apigateway-integration": {
              "timeoutInMillis": 29000,
              "type": "aws_proxy",
              "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/f/invocations"
            }
          },
          "options": {
            "responses": {
              "200": {
                "description": "200 response",
                "headers": {
                  "Allow": {
                    "schema": {
                      "type": "string"
                    }
                  }
                }
              }
            },
            "x-amazon-apigateway-integration": {
              "passthroughBehavior": "when_no_match",
              "requestTemplates": {
                "application/json": "{\"statusCode\": 200}"
              },
              "responses": {
                "default": {
                  "responseParameters": {
                    "method.response.header.Allow": "'*'"
                  },
                  "statusCode": "200"
                }
              },
              "type": "mock"
            }
          },
          "post": {
            "requestBody": {
              "content": {
                "application/json": {
                  "schema": {
                    "$ref": "#/components/schemas/Item"
                  }
                }
              },
              "required": true
            },
            "responses": {},
            "security": [
              {
                "sigv4": []
              }
            ],
            "x-amazon-apigateway-request-validator": "strict"
          },
          "x-amazon-apigateway-any-method": {
            "responses": {},
            "security": [
              {
                "ask": []
              }
            ]
          }
        }
      },
      "servers": [
        {
          "url": "/",
          "x-amazon-apigateway-endpoint-configuration": {
            "disableExecuteApiEndpoint": true,
            "vpcEndpointIds": [
              "vpce-1"
            ]
          }
        }
      ],
      "x-amazon-apigateway-binary-media-types": [
        "image/png"
      ],
      "x-amazon-apigateway-request-validators": {
        "strict": {
          "validateRequestBody": true,
          "validateRequestParameters": false
        }
      }
    }
    "##);
}
