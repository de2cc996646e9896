//! Calling a tool by its name: "call weather_today with city=Bern".

use serde_json::{Map, Value};

use super::intent::Intent;
use super::phrase::{after_any, split_word, unquote};
use crate::ToolSpec;

/// The call that `text` asks for in so many words.
pub(super) fn named_call(text: &str, tools: &[ToolSpec]) -> Option<Intent> {
    let rest = after_any(text, &["call ", "use ", "invoke "])?;
    let rest = after_any(rest, &["the "]).unwrap_or(rest);
    let (rest, said_tool) = match after_any(rest, &["mcp tool ", "tool "]) {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (word, rest) = split_word(rest);
    let (name, rest) = match word.split_once('(') {
        // "call add(…)": the brace is part of the arguments.
        Some((name, _)) => (name, &text[text.find('(')?..]),
        None => (word, rest),
    };
    let name = unquote(name.trim_end_matches([',', ':', '.', '?', '!']));
    let after_name = after_any(rest, &["tool", "mcp tool"]);
    let Some(tool) = find(name, tools) else {
        return (said_tool || after_name.is_some()).then(|| Intent::NoSuchTool {
            tool: name.to_owned(),
        });
    };
    Some(Intent::Call {
        tool: tool.name.clone(),
        args: arguments(after_name.unwrap_or(rest).trim(), tool),
    })
}

/// The offered tool of that name, or the only one whose name ends by it: tools of MCP servers
/// bear their server's name in front.
fn find<'a>(name: &str, tools: &'a [ToolSpec]) -> Option<&'a ToolSpec> {
    if name.is_empty() {
        return None;
    }
    if let Some(tool) = tools.iter().find(|tool| tool.name == name) {
        return Some(tool);
    }
    let mut ending = tools.iter().filter(|tool| {
        tool.name
            .strip_suffix(name)
            .is_some_and(|server| server.ends_with(['_', '.', ':', '/', '-']))
    });
    let tool = ending.next()?;
    ending.next().is_none().then_some(tool)
}

/// A JSON object, pairs of `name=value`, or the one text that the tool wants.
fn arguments(text: &str, tool: &ToolSpec) -> Value {
    if let Some(begin) = text.find('{')
        && let Some(end) = text.rfind('}')
        && let Some(object) = text.get(begin..=end)
        && let Ok(Value::Object(args)) = serde_json::from_str(object)
    {
        return Value::Object(args);
    }
    let text = after_any(text, &["with ", "on ", "for ", ": "]).unwrap_or(text);
    let text = unquote(text.trim_end_matches('.'));
    let pairs: Map<_, _> = text
        .split([' ', ',', '(', ')'])
        .filter_map(|pair| pair.split_once('='))
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, value)| (name.to_owned(), scalar(unquote(value))))
        .collect();
    if !pairs.is_empty() || text.is_empty() {
        return Value::Object(pairs);
    }
    match required(tool).as_slice() {
        [only] => Value::Object(Map::from_iter([((*only).to_owned(), scalar(text))])),
        [..] => Value::Object(Map::new()),
    }
}

fn required(tool: &ToolSpec) -> Vec<&str> {
    let names = tool.parameters["required"].as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect()
}

/// A number or a truth value where it is one, else text.
fn scalar(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value @ (Value::Number(_) | Value::Bool(_))) => value,
        Ok(_) | Err(_) => Value::String(text.to_owned()),
    }
}
