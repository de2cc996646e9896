//! Arithmetic in words and signs, taken apart.

/// A piece of an arithmetic phrase.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Operator(Operator),
    Open,
    Close,
    /// "That", "it", "the previous result".
    Memory,
    Verb(Verb),
    By,
    To,
    From,
    /// Also a comma.
    And,
}

/// Something that joins two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    /// May also stand before a single number.
    Minus,
    Times,
    Over,
    Power,
}

/// What to do with numbers that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Subtract,
    Multiply,
    Divide,
    Increase,
    Decrease,
    Double,
    Halve,
    Square,
    Sum,
    Product,
}

/// More than a person writes; working out is quadratic in it.
const MAX_TOKENS: usize = 200;

/// Words that change nothing.
const FILLERS: &str = "what what's whats is was the a please calculate compute evaluate solve \
    work out find how much many can could you me my tell just now then take use using previous \
    last earlier before equals equal up number hi hello hey ok okay thanks";

const NUMBER_WORDS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];

/// The tokens of `text`; `None` as soon as a word has nothing to do with arithmetic, or beyond
/// [`MAX_TOKENS`].
pub(super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut lexer = Lexer::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() {
            let (value, length) = number(rest)?;
            lexer.out.push(Token::Number(value));
            length
        } else if first.is_alphabetic() {
            let length = rest
                .find(|c: char| !c.is_alphabetic() && c != '\'' && c != '’')
                .unwrap_or(rest.len());
            lexer.word(&rest[..length].to_lowercase().replace('’', "'"))?;
            length
        } else {
            lexer.sign(first)?;
            first.len_utf8()
        };
        if lexer.out.len() > MAX_TOKENS {
            return None;
        }
        rest = &rest[length..];
    }
    Some(lexer.out)
}

/// The number that `text` begins with, and its length. Commas are taken as separators of
/// thousands where three digits follow.
fn number(text: &str) -> Option<(f64, usize)> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    let mut in_fraction = false;
    loop {
        match bytes.get(end) {
            Some(b'0'..=b'9') => end += 1,
            Some(b'.') if !in_fraction && digit(end + 1) => {
                in_fraction = true;
                end += 1;
            }
            Some(b',') if !in_fraction && (1..=3).all(|n| digit(end + n)) && !digit(end + 4) => {
                end += 1;
            }
            _ => break,
        }
    }
    let value = text[..end].replace(',', "").parse().ok()?;
    Some((value, end))
}

#[derive(Default)]
struct Lexer {
    out: Vec<Token>,
}

impl Lexer {
    fn sign(&mut self, sign: char) -> Option<()> {
        let operator = match sign {
            '+' => Operator::Plus,
            '-' | '−' | '–' => Operator::Minus,
            '*' | '×' | '·' => Operator::Times,
            '/' | '÷' => Operator::Over,
            '^' => Operator::Power,
            '(' => return self.push(Token::Open),
            ')' => return self.push(Token::Close),
            ',' => return self.push(Token::And),
            '%' => return self.percent(),
            '?' | '!' | '.' | '=' | ':' | ';' => return Some(()),
            _ if sign.is_whitespace() => return Some(()),
            _ => return None,
        };
        self.push(Token::Operator(operator))
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let token = match word {
            "plus" => Token::Operator(Operator::Plus),
            "minus" => return self.minus(),
            "times" | "x" | "multiplied" => Token::Operator(Operator::Times),
            "divided" | "over" => Token::Operator(Operator::Over),
            "percent" => return self.percent(),
            "power" => return self.power(),
            "squared" => {
                self.push(Token::Operator(Operator::Power))?;
                Token::Number(2.0)
            }
            "of" => return self.of(),
            "by" => return self.by(),
            "to" => Token::To,
            "from" => Token::From,
            "and" => Token::And,
            "add" => Token::Verb(Verb::Add),
            "subtract" => Token::Verb(Verb::Subtract),
            "multiply" => Token::Verb(Verb::Multiply),
            "divide" => Token::Verb(Verb::Divide),
            "increase" => Token::Verb(Verb::Increase),
            "decrease" | "reduce" => Token::Verb(Verb::Decrease),
            "double" => Token::Verb(Verb::Double),
            "halve" => Token::Verb(Verb::Halve),
            "square" => Token::Verb(Verb::Square),
            "sum" => Token::Verb(Verb::Sum),
            "product" => Token::Verb(Verb::Product),
            "that" | "it" | "this" | "result" | "answer" => return self.memory(),
            _ => return self.number_word(word),
        };
        self.push(token)
    }

    fn push(&mut self, token: Token) -> Option<()> {
        self.out.push(token);
        Some(())
    }

    /// "Minus 5" goes on from the earlier result; "-5" is a number of its own.
    fn minus(&mut self) -> Option<()> {
        if self.out.iter().all(|token| *token == Token::And) {
            self.push(Token::Memory)?;
        }
        self.push(Token::Operator(Operator::Minus))
    }

    /// "That result" is one thing.
    fn memory(&mut self) -> Option<()> {
        if self.out.last() != Some(&Token::Memory) {
            self.out.push(Token::Memory);
        }
        Some(())
    }

    fn percent(&mut self) -> Option<()> {
        self.push(Token::Operator(Operator::Over))?;
        self.push(Token::Number(100.0))
    }

    /// "To the power of".
    fn power(&mut self) -> Option<()> {
        self.out.pop_if(|token| *token == Token::To);
        self.push(Token::Operator(Operator::Power))
    }

    /// "15 % of 80" multiplies, "the result of 2 + 2" means no earlier result.
    fn of(&mut self) -> Option<()> {
        if self
            .out
            .ends_with(&[Token::Operator(Operator::Over), Token::Number(100.0)])
        {
            return self.push(Token::Operator(Operator::Times));
        }
        self.out.pop_if(|token| *token == Token::Memory);
        Some(())
    }

    /// "Multiplied by" and "divided by" are one sign each.
    fn by(&mut self) -> Option<()> {
        match self.out.last() {
            Some(Token::Operator(Operator::Times | Operator::Over)) => Some(()),
            _ => self.push(Token::By),
        }
    }

    fn number_word(&mut self, word: &str) -> Option<()> {
        if FILLERS.split(' ').any(|filler| filler == word) {
            return Some(());
        }
        let value = NUMBER_WORDS.iter().position(|known| *known == word)?;
        let value = u8::try_from(value).ok()?;
        self.push(Token::Number(f64::from(value)))
    }
}
