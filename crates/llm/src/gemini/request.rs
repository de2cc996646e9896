//! What a request for a turn holds. Its bytes depend on the turn alone.

use model::ToolStatus;

use super::body::{
    Body, Content, Declaration, FunctionCall, FunctionResponse, GenerationConfig, Outcome, OwnPart,
    Part, Role, System, ThinkingConfig, Tools,
};
use super::provider::NAME;
use super::schema::parameters;
use super::version::{thinks, wants_signatures};
use crate::names::to_wire;
use crate::replay::{Origin, Piece, pieces};
use crate::{Message, ToolSpec, TurnRequest, args};

/// Stands, by the API's documentation, for the signature of a call that its model has not made.
const FOREIGN_SIGNATURE: &str = "skip_thought_signature_validator";

/// The body of the request for `turn`.
pub(super) fn body(turn: &TurnRequest) -> Vec<u8> {
    let function_declarations: Vec<_> = turn.tools.iter().map(declaration).collect();
    let tools = Tools {
        function_declarations,
    };
    let body = Body {
        system_instruction: text(&turn.system, None).map(|part| System { parts: [part] }),
        tools: if turn.tools.is_empty() {
            Vec::new()
        } else {
            vec![tools]
        },
        contents: contents(turn),
        generation_config: GenerationConfig {
            max_output_tokens: turn.max_output_tokens,
            temperature: turn.temperature.filter(|value| value.is_finite()),
            thinking_config: thinks(&turn.model).then_some(ThinkingConfig {
                include_thoughts: true,
            }),
        },
    };
    serde_json::to_vec(&body).expect("a body holds only strings, numbers and JSON values")
}

fn declaration(tool: &ToolSpec) -> Declaration<'_> {
    Declaration {
        name: to_wire(&tool.name),
        description: &tool.description,
        parameters: parameters(&tool.parameters),
    }
}

/// The messages in the shape that the API wants: roles alternate, no message is empty.
fn contents(turn: &TurnRequest) -> Vec<Content<'_>> {
    let origin = Origin {
        provider: NAME,
        model: turn.model.clone(),
    };
    let mut contents: Vec<Content<'_>> = Vec::new();
    for message in &turn.messages {
        let (role, parts) = match message {
            Message::User { text: said } => (Role::User, text(said, None).into_iter().collect()),
            Message::Assistant {
                text,
                tool_calls,
                provider_state,
                ..
            } => {
                let pieces = pieces(&origin, text, tool_calls, provider_state);
                (Role::Model, parts(&turn.model, pieces))
            }
            Message::Tool {
                name,
                output,
                status,
                ..
            } => (Role::User, vec![response(name, output, *status)]),
        };
        if parts.is_empty() {
            continue;
        }
        match contents.last_mut() {
            Some(last) if last.role == role => last.parts.extend(parts),
            Some(_) | None => contents.push(Content { role, parts }),
        }
    }
    contents
}

/// An earlier turn; nothing of one that neither said nor did anything.
fn parts<'a>(model: &str, mut pieces: Vec<Piece<'a>>) -> Vec<Part<'a>> {
    let says = |piece: &Piece<'_>| match piece {
        Piece::Raw(_) => false,
        Piece::Text(text, _) => !text.trim().is_empty(),
        Piece::Call(..) => true,
    };
    if !pieces.iter().any(says) {
        return Vec::new();
    }
    // Of parallel calls only the first is signed. Unsigned at all are those of another model.
    let is_signed = |piece: &Piece<'_>| matches!(piece, Piece::Call(_, Some(_)));
    if wants_signatures(model) && !pieces.iter().any(is_signed) {
        let calls = pieces.iter_mut().find_map(|piece| match piece {
            Piece::Call(_, signature) => Some(signature),
            Piece::Raw(_) | Piece::Text(..) => None,
        });
        if let Some(signature) = calls {
            *signature = Some(FOREIGN_SIGNATURE);
        }
    }
    pieces.into_iter().filter_map(part).collect()
}

fn part(piece: Piece<'_>) -> Option<Part<'_>> {
    match piece {
        Piece::Raw(raw) => Some(Part::Raw(raw)),
        Piece::Text(said, signature) => text(said, signature),
        Piece::Call(call, thought_signature) => Some(Part::Own(OwnPart {
            function_call: Some(FunctionCall {
                name: to_wire(&call.name),
                args: args::object(&call.args),
            }),
            thought_signature,
            ..OwnPart::default()
        })),
    }
}

/// Text, unless it is blank and not signed.
fn text<'a>(text: &'a str, thought_signature: Option<&'a str>) -> Option<Part<'a>> {
    let says_something = !text.trim().is_empty() || thought_signature.is_some();
    says_something.then(|| {
        Part::Own(OwnPart {
            text: Some(text),
            thought_signature,
            ..OwnPart::default()
        })
    })
}

fn response<'a>(name: &'a str, output: &'a str, status: ToolStatus) -> Part<'a> {
    let response = match status {
        ToolStatus::Success => Outcome::Output(output),
        ToolStatus::Error => Outcome::Error(output.into()),
        ToolStatus::Cancelled => Outcome::Error(format!("Cancelled:\n{output}").into()),
    };
    Part::Own(OwnPart {
        function_response: Some(FunctionResponse {
            name: to_wire(name),
            response,
        }),
        ..OwnPart::default()
    })
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
