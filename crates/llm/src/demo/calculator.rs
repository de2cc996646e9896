//! Arithmetic with a memory: the one thing that the demo works out itself.

use super::lexer::{Operator, Token, Verb, tokens};

/// Deeper parentheses are no arithmetic anybody means.
const MAX_DEPTH: usize = 32;

/// What became of an arithmetic question.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// The whole answer, as `2 + 2 = 4`.
    Result(String),
    /// It builds on an earlier result, and there is none.
    NoMemory,
    /// It divides by zero, or goes beyond what can be counted.
    Undefined,
}

/// A number and how it came about.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    shown: String,
    value: f64,
}

impl Term {
    /// In parentheses, unless it is a single number.
    fn grouped(self) -> Self {
        if self.shown.contains(' ') {
            Self {
                shown: format!("({})", self.shown),
                ..self
            }
        } else {
            self
        }
    }
}

type Parsed<T> = Result<T, Flaw>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    NotArithmetic,
    NoMemory,
}

/// Answers `text` if it is arithmetic and nothing else.
pub(super) fn answer(text: &str, memory: Option<f64>) -> Option<Answer> {
    let tokens = tokens(text)?;
    match work_out(&tokens, memory) {
        Ok(steps) => {
            if steps.iter().any(|step| !step.value.is_finite()) {
                return Some(Answer::Undefined);
            }
            let shown: Vec<_> = steps
                .iter()
                .map(|step| {
                    let value = format_number(step.value);
                    if step.shown == value {
                        format!("The previous result = {value}")
                    } else {
                        format!("{} = {value}", step.shown)
                    }
                })
                .collect();
            Some(Answer::Result(shown.join(", and ")))
        }
        Err(Flaw::NoMemory) => Some(Answer::NoMemory),
        Err(Flaw::NotArithmetic) => None,
    }
}

/// The result that a text ends by: the number after its last `=`.
pub(super) fn result_in(text: &str) -> Option<f64> {
    let (_, after) = text.rsplit_once("= ")?;
    let end = after
        .find(|c: char| !c.is_ascii_digit() && !matches!(c, '-' | '.' | 'e'))
        .unwrap_or(after.len());
    after[..end].trim_end_matches('.').parse().ok()
}

/// A number without the noise of binary fractions.
pub(super) fn format_number(value: f64) -> String {
    // Fifteen significant digits are exact; what is beyond is the machine's own.
    let rounded: f64 = format!("{value:.14e}").parse().unwrap_or(value);
    if rounded == 0.0 {
        return "0".to_owned();
    }
    if (1e-6..1e15).contains(&rounded.abs()) {
        rounded.to_string()
    } else {
        format!("{rounded:e}")
    }
}

fn number(value: f64) -> Term {
    Term {
        shown: format_number(value),
        value,
    }
}

/// The steps: one, or one for each verb.
fn work_out(tokens: &[Token], memory: Option<f64>) -> Parsed<Vec<Term>> {
    let is_verb = |token: &Token| matches!(token, Token::Verb(_));
    let begin = tokens.iter().position(is_verb).unwrap_or(tokens.len());
    let (before, mut rest) = tokens.split_at(begin);
    let before = trim_and(before);
    let mut memory = memory;
    let mut steps = Vec::new();
    // "Take 5 and multiply it by 3": what stands before the verb is what "it" means.
    if !before.is_empty() {
        let term = expression(before, memory)?;
        memory = Some(term.value);
        let is_bare = before.len() == 1;
        if rest.is_empty() && is_bare && before != [Token::Memory] {
            return Err(Flaw::NotArithmetic);
        }
        if !is_bare || rest.is_empty() {
            steps.push(term);
        }
    }
    while let [Token::Verb(verb), after @ ..] = rest {
        let end = after.iter().position(is_verb).unwrap_or(after.len());
        let term = apply(*verb, trim_and(&after[..end]), memory)?;
        memory = Some(term.value);
        steps.push(term);
        rest = &after[end..];
    }
    if steps.is_empty() {
        return Err(Flaw::NotArithmetic);
    }
    Ok(steps)
}

fn trim_and(mut tokens: &[Token]) -> &[Token] {
    while let [Token::And, rest @ ..] | [rest @ .., Token::And] = tokens {
        tokens = rest;
    }
    tokens
}

fn apply(verb: Verb, tokens: &[Token], memory: Option<f64>) -> Parsed<Term> {
    let operands: Vec<&[Token]> = tokens
        .split(|token| matches!(token, Token::By | Token::To | Token::From | Token::And))
        .filter(|operand| !operand.is_empty())
        .collect();
    let terms: Vec<Term> = operands
        .iter()
        .map(|operand| expression(operand, memory).map(Term::grouped))
        .collect::<Parsed<_>>()?;
    let recall = || memory.map(number).ok_or(Flaw::NoMemory);
    // "Add 5", "multiply by 10": the earlier result comes first. "Subtract 5 from it": turned round.
    let pair = || match terms.as_slice() {
        [only] => Ok((recall()?, only.clone())),
        [a, b] if tokens.iter().any(|t| matches!(t, Token::To | Token::From)) => {
            Ok((b.clone(), a.clone()))
        }
        [a, b] => Ok((a.clone(), b.clone())),
        [..] => Err(Flaw::NotArithmetic),
    };
    let single = || match terms.as_slice() {
        [] => recall(),
        [only] => Ok(only.clone()),
        [..] => Err(Flaw::NotArithmetic),
    };
    let fold = |operator| {
        let mut terms = terms.iter().cloned();
        let first = terms.next().ok_or(Flaw::NotArithmetic)?;
        Ok(terms.fold(first, |a, b| join(a, operator, b)))
    };
    match verb {
        Verb::Sum => fold(Operator::Plus),
        Verb::Product => fold(Operator::Times),
        Verb::Add if terms.len() > 2 => fold(Operator::Plus),
        Verb::Add | Verb::Increase => pair().map(|(a, b)| join(a, Operator::Plus, b)),
        Verb::Subtract | Verb::Decrease => pair().map(|(a, b)| join(a, Operator::Minus, b)),
        Verb::Multiply => pair().map(|(a, b)| join(a, Operator::Times, b)),
        Verb::Divide => pair().map(|(a, b)| join(a, Operator::Over, b)),
        Verb::Double => single().map(|a| join(a, Operator::Times, number(2.0))),
        Verb::Halve => single().map(|a| join(a, Operator::Over, number(2.0))),
        Verb::Square => single().map(|a| join(a, Operator::Power, number(2.0))),
    }
}

fn join(a: Term, operator: Operator, b: Term) -> Term {
    let (sign, value) = match operator {
        Operator::Plus => ("+", a.value + b.value),
        Operator::Minus => ("-", a.value - b.value),
        Operator::Times => ("*", a.value * b.value),
        Operator::Over => ("/", a.value / b.value),
        Operator::Power => ("^", a.value.powf(b.value)),
    };
    Term {
        shown: format!("{} {sign} {}", a.shown, b.shown),
        value,
    }
}

fn expression(tokens: &[Token], memory: Option<f64>) -> Parsed<Term> {
    let mut parser = Parser {
        rest: tokens,
        memory,
        depth: 0,
    };
    let term = match tokens {
        // "Times 3", "and plus 5": the earlier result comes first. A minus belongs to its number.
        [Token::Operator(operator), ..] if *operator != Operator::Minus => {
            let first = parser.recall()?;
            parser.continue_from(first, 0)?
        }
        _ => parser.binary(0)?,
    };
    if parser.rest.is_empty() {
        Ok(term)
    } else {
        Err(Flaw::NotArithmetic)
    }
}

struct Parser<'a> {
    rest: &'a [Token],
    memory: Option<f64>,
    depth: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn recall(&self) -> Parsed<Term> {
        self.memory.map(number).ok_or(Flaw::NoMemory)
    }

    /// Operators that bind at least as strongly as `level`.
    fn binary(&mut self, level: u8) -> Parsed<Term> {
        let first = self.operand()?;
        self.continue_from(first, level)
    }

    fn continue_from(&mut self, mut left: Term, level: u8) -> Parsed<Term> {
        while let Some(Token::Operator(operator)) = self.rest.first().copied() {
            let (strength, right_level) = match operator {
                Operator::Plus | Operator::Minus => (1, 2),
                Operator::Times | Operator::Over => (2, 3),
                // From the right: 2 ^ 3 ^ 2 is 2 ^ 9.
                Operator::Power => (3, 3),
            };
            if strength < level {
                break;
            }
            self.next();
            self.deeper()?;
            let right = self.binary(right_level)?;
            self.depth -= 1;
            left = join(left, operator, right);
        }
        Ok(left)
    }

    fn operand(&mut self) -> Parsed<Term> {
        match self.next() {
            Some(Token::Number(value)) => Ok(number(value)),
            Some(Token::Memory) => self.recall(),
            Some(Token::Operator(Operator::Minus)) => {
                self.deeper()?;
                // Weaker than a power: -2 ^ 2 is -4.
                let term = self.binary(3)?;
                self.depth -= 1;
                Ok(Term {
                    shown: format!("-{}", term.shown),
                    value: -term.value,
                })
            }
            Some(Token::Open) => {
                self.deeper()?;
                let term = self.binary(0)?;
                self.depth -= 1;
                match self.next() {
                    Some(Token::Close) => Ok(Term {
                        shown: format!("({})", term.shown),
                        value: term.value,
                    }),
                    Some(_) | None => Err(Flaw::NotArithmetic),
                }
            }
            Some(_) | None => Err(Flaw::NotArithmetic),
        }
    }

    fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Flaw::NotArithmetic);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "calculator_tests.rs"]
mod tests;
