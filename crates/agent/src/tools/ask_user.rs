//! `ask_user`: a question to the person behind the task. It waits like an approval, whatever the mode
//! of the task; the answer comes as `args.answers` of the approval.

use async_trait::async_trait;
use llm::ToolSpec;
use model::Effect;
use serde_json::{Value, json};

use super::{Tool, ToolContext, ToolOutcome};

/// Questions in one call at most.
const MAX_QUESTIONS: usize = 4;

#[derive(Debug)]
pub(super) struct AskUser;

#[async_trait]
impl Tool for AskUser {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "ask_user".to_owned(),
            description: "Asks the user one to four questions and waits for the answers. Only for what cannot be found out otherwise.".to_owned(),
            parameters: json!({
                "type": "object",
                "properties": {
                    "questions": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": MAX_QUESTIONS,
                        "items": {
                            "type": "object",
                            "properties": {
                                "question": {"type": "string"},
                                "header": {"type": "string", "description": "A few words."},
                                "type": {"type": "string", "enum": ["choice", "text", "yesno"]},
                                "options": {"type": "array", "items": {"type": "object", "properties": {"label": {"type": "string"}, "description": {"type": "string"}}}},
                                "multiSelect": {"type": "boolean"},
                                "placeholder": {"type": "string"},
                            },
                            "required": ["question"],
                        },
                    },
                },
                "required": ["questions"],
            }),
        }
    }

    fn effect(&self) -> Effect {
        Effect::Read
    }

    fn asks_person(&self) -> bool {
        true
    }

    async fn call(&self, _: &ToolContext<'_>, args: &Value) -> ToolOutcome {
        answers(args).into()
    }
}

/// What the person answered. Without answers the call was approved as one approves a command: the
/// model is told that nobody answered.
fn answers(args: &Value) -> Result<String, String> {
    let questions = args
        .get("questions")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let answers = args.get("answers").ok_or("The user gave no answer.")?;
    let text = |answer: &Value| {
        answer
            .as_str()
            .map_or_else(|| answer.to_string(), str::to_owned)
    };
    let lines: Vec<String> = match answers {
        Value::Array(answers) => answers
            .iter()
            .enumerate()
            .map(|(at, answer)| {
                let question = questions
                    .get(at)
                    .and_then(|question| question.get("question")?.as_str());
                question.map_or_else(
                    || text(answer),
                    |question| format!("{question}: {}", text(answer)),
                )
            })
            .collect(),
        Value::Object(answers) => answers
            .iter()
            .map(|(key, answer)| format!("{key}: {}", text(answer)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![text(answers)],
    };
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_with_their_questions() {
        let asked = json!([{"question": "Which?"}, {"question": "Sure?"}]);
        let table = [
            (
                json!({"questions": asked, "answers": ["red", true]}),
                "Which?: red\nSure?: true",
            ),
            (json!({"answers": {"0": "red"}}), "0: red"),
            (json!({"answers": "red"}), "red"),
        ];
        for (args, told) in table {
            assert_eq!(answers(&args).unwrap(), told);
        }
        assert!(answers(&json!({"questions": asked})).is_err());
    }
}
