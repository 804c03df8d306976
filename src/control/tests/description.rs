//! `openapi.json` against what the code does.

use serde_json::Value;
use serde_json::json;

use crate::config::Role;
use crate::control::answer::OPENAPI;
use crate::control::fixture;
use crate::control::route::ROUTES;
use crate::control::view;
use crate::meters::Pushed;
use crate::meters::Refusal;
use crate::samples::Known;
use crate::samples::KnownPrefix;
use crate::samples::Page;
use crate::samples::Reason;
use crate::samples::Refused;
use crate::samples::Taken;

/// `openapi.json` says of every route what the table says, and of no other.
#[test]
fn the_description_is_the_table() {
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let mut described = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let of = |place: &str| {
                let names = parameters.iter().filter(|p| p["in"] == place);
                let mut names: Vec<String> =
                    names.map(|p| p["name"].as_str().unwrap().to_owned()).collect();
                names.sort();
                names
            };
            let role = operation["x-role"].as_str().unwrap().to_owned();
            let open = operation["security"].as_array().unwrap().contains(&json!({}));
            let is_open = method == "get" || role == "anybody";
            assert_eq!(open, is_open, "{method} {path}: reads are open on loopback");
            let guarded = if role == "anybody" { &[][..] } else { &["401", "403"] };
            for status in guarded.iter().chain(&["429"]) {
                assert!(operation["responses"].get(status).is_some(), "{method} {path}: {status}");
            }
            described.push((path.clone(), method.to_uppercase(), role, of("query"), of("path")));
        }
    }
    let mut table: Vec<_> = ROUTES
        .iter()
        .map(|route| {
            let path = route.path.replace('…', "");
            let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
            let mut names: Vec<String> = names.map(str::to_owned).collect();
            names.sort();
            let query: Vec<String> = route.query.iter().map(|name| (*name).to_owned()).collect();
            (
                path.clone(),
                route.method.to_string(),
                route.role.map_or("anybody", Role::as_str).to_owned(),
                query,
                names,
            )
        })
        .collect();
    described.sort();
    table.sort();
    assert_eq!(described, table);
    let manual = include_str!("../../manual/api.md");
    for (path, method, role, ..) in described {
        let path = path.replace("{target}", "TARGET").replace("{monitor}", "MONITOR");
        let row = format!("| `{method} {path}` | {role} |");
        assert!(manual.lines().any(|line| line.starts_with(&row)), "not in the manual: {row}");
    }
}

/// What the status holds is what its schema says, name by name, all the way down.
#[test]
fn the_schemas_fit_what_is_sent() {
    fn fits(document: &Value, schema: &Value, value: &Value, place: &str) {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.strip_prefix('#').unwrap();
            return fits(document, document.pointer(pointer).unwrap(), value, place);
        }
        if let (Some(properties), Some(object)) =
            (schema["properties"].as_object(), value.as_object())
        {
            let known: Vec<&String> = properties.keys().collect();
            let mut found: Vec<&String> = object.keys().collect();
            found.sort();
            let mut sorted = known.clone();
            sorted.sort();
            assert_eq!(sorted, found, "{place}");
            for (name, schema) in properties {
                fits(document, schema, &value[name], &format!("{place}.{name}"));
            }
        } else if let Some(items) = value.as_array() {
            for item in items {
                fits(document, &schema["items"], item, &format!("{place}[]"));
            }
        } else if let Some(words) = schema["enum"].as_array() {
            assert!(words.contains(value), "{place}: {value}");
        } else {
            let types = &schema["type"];
            let kind = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::Number(number) if number.is_f64() => "number",
                Value::Number(_) => "integer",
                Value::String(_) => "string",
                Value::Array(_) | Value::Object(_) => "nested",
            };
            let takes = types == kind || types.as_array().is_some_and(|t| t.contains(&json!(kind)));
            assert!(takes, "{place}: {value} for {types}");
        }
    }
    let document: Value = serde_json::from_str(OPENAPI).unwrap();
    let status = serde_json::to_value(fixture::status()).unwrap();
    fits(&document, &json!({ "$ref": "#/components/schemas/Status" }), &status, "status");
    let ready = view::readiness(&fixture::status());
    fits(&document, &json!({ "$ref": "#/components/schemas/Readiness" }), &ready, "ready");
    let known = Known {
        region: "eu".into(),
        rtt_ms: 23.4,
        spread: 0.5,
        samples: 3,
        sources: 2,
        last: fixture::at("03:04:05"),
        age_s: 240,
    };
    let prefix = "192.0.2.0/24".to_owned();
    let prefixes = vec![KnownPrefix { prefix: prefix.clone(), regions: vec![known] }];
    let page = serde_json::to_value(Page { prefixes, next: Some(prefix) }).unwrap();
    fits(&document, &json!({ "$ref": "#/components/schemas/LatencyPage" }), &page, "page");
    for reason in Reason::ALL {
        let refused = vec![Refused { line: 1, reason, found: String::new() }];
        let taken = serde_json::to_value(Taken { taken: 1, refused, refused_total: 1 }).unwrap();
        fits(&document, &json!({ "$ref": "#/components/schemas/LatencyTaken" }), &taken, "taken");
    }
    for reason in Refusal::ALL {
        let refused = json!([{ "item": 1, "reason": reason, "found": "" }]);
        let taken = json!({ "taken": 1, "refused": refused, "refused_total": 1 });
        fits(&document, &json!({ "$ref": "#/components/schemas/LoadTaken" }), &taken, "load");
    }
    let taken = serde_json::to_value(Pushed::default()).unwrap();
    fits(&document, &json!({ "$ref": "#/components/schemas/LoadTaken" }), &taken, "load");
}
