//! Preferences between answers, in the format preference data sets come in.
//!
//! One JSON object a line with `chosen` and `rejected`, and usually `prompt`. Each is a string or a list of messages
//! `{"role": …, "content": …}`; other fields are ignored. The turns which `chosen` and `rejected` open with in common
//! are the prompt, unless there is a `prompt` of its own; the rest is the answer. Without messages or a `prompt`, a
//! dialogue of the form `\n\nHuman: … \n\nAssistant: …` is taken apart in the same way. Blank lines are allowed.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Map, Value};

use super::features::{STYLE, columns, features};
use super::preferences::{DataSet, Preferences};

const ASSISTANT: &str = "\n\nAssistant:";

/// Loads a file. Pairs of identical answers say nothing and are left out, with a note of how many there were.
///
/// # Errors
/// `FILE:LINE: message` for whatever is wrong with a line.
pub fn load(path: &Path, hash_bits: u32) -> Result<DataSet> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut preferences = Preferences::new(columns(hash_bits));
    let mut prompts = HashMap::new();
    let mut identical = 0;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let at = || format!("{}:{}", path.display(), index + 1);
        let line = line.with_context(at)?;
        if line.trim().is_empty() {
            continue;
        }
        let Pair { prompt, chosen, rejected } =
            parse(&line).map_err(|error| anyhow!("{}: {error:#}", at()))?;
        if chosen == rejected {
            identical += 1;
            continue;
        }
        let [chosen, rejected] =
            [chosen, rejected].map(|answer| features(&prompt, &answer, hash_bits));
        // Where nothing is known about the prompt, a line stands for itself.
        let key = if prompt.is_empty() { Err(index) } else { Ok(prompt) };
        let next = prompts.len();
        let group = *prompts.entry(key).or_insert(next);
        preferences.push(&chosen, &rejected, 1.0, group);
    }
    if preferences.is_empty() && identical > 0 {
        bail!("{}: in every pair ({identical}) the answers are identical", path.display());
    }
    ensure!(!preferences.is_empty(), "{}: no comparison in the file", path.display());

    let mut notes = vec![format!(
        "{} comparisons of answers to {} prompts ({}).",
        preferences.len(),
        prompts.len(),
        path.display()
    )];
    if identical > 0 {
        notes.push(format!("Warning: {identical} pairs of identical answers are left out."));
    }
    Ok(DataSet {
        notes,
        preferences,
        names: STYLE.map(str::to_owned).to_vec(),
        items: 0,
        baseline_columns: 1,
        baseline_name: "length of the answer only",
        model_name: "style and n-grams",
        group_name: "prompt",
        groups: prompts.len(),
    })
}

#[derive(Debug)]
struct Pair {
    prompt: String,
    chosen: String,
    rejected: String,
}

/// A text field: a string, or the turns of a conversation.
enum Text {
    Plain(String),
    Turns(Vec<Turn>),
}

#[derive(PartialEq)]
struct Turn {
    role: String,
    content: String,
}

fn parse(line: &str) -> Result<Pair> {
    let value: Value = serde_json::from_str(line.trim_start_matches('\u{feff}'))
        .map_err(|error| without_line(&error))?;
    let Value::Object(fields) = value else {
        bail!("expected a JSON object, found {}", kind(&value));
    };
    let prompt = match fields.get("prompt") {
        None | Some(Value::Null) => None,
        Some(_) => Some(text(&fields, "prompt")?.joined()),
    };
    let (shared, chosen, rejected) = split(text(&fields, "chosen")?, text(&fields, "rejected")?)?;
    Ok(Pair { prompt: prompt.unwrap_or(shared), chosen, rejected })
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Text> {
    match fields.get(name) {
        None => bail!("the field `{name}` is missing"),
        Some(Value::String(text)) => Ok(Text::Plain(text.clone())),
        Some(Value::Array(turns)) => {
            let turns = turns.iter().enumerate().map(|(k, turn)| {
                let part = |part| match turn.get(part) {
                    Some(Value::String(text)) => Ok(text.clone()),
                    Some(other) => {
                        bail!("`{name}[{k}].{part}` must be a string, found {}", kind(other))
                    }
                    None => bail!("`{name}[{k}]` must be an object with `role` and `content`"),
                };
                Ok(Turn { role: part("role")?, content: part("content")? })
            });
            Ok(Text::Turns(turns.collect::<Result<_>>()?))
        }
        Some(other) => {
            bail!("`{name}` must be a string or a list of messages, found {}", kind(other))
        }
    }
}

/// What both have in common at the start, and the two answers.
fn split(chosen: Text, rejected: Text) -> Result<(String, String, String)> {
    match (chosen, rejected) {
        (Text::Plain(chosen), Text::Plain(rejected)) => Ok(split_dialogue(&chosen, &rejected)),
        (Text::Turns(chosen), Text::Turns(rejected)) => {
            let shared = chosen.iter().zip(&rejected).take_while(|(a, b)| a == b).count();
            Ok((joined(&chosen[..shared]), joined(&chosen[shared..]), joined(&rejected[shared..])))
        }
        _ => bail!("`chosen` and `rejected` must both be strings or both be lists of messages"),
    }
}

fn split_dialogue(chosen: &str, rejected: &str) -> (String, String, String) {
    let shared = chosen.bytes().zip(rejected.bytes()).take_while(|(a, b)| a == b).count();
    // An ASCII marker found in the common bytes ends at a character boundary of both.
    let common = &chosen.as_bytes()[..shared];
    let marker = common.windows(ASSISTANT.len()).rposition(|window| window == ASSISTANT.as_bytes());
    let start = marker.map_or(0, |at| at + ASSISTANT.len());
    (chosen[..start].to_owned(), chosen[start..].to_owned(), rejected[start..].to_owned())
}

impl Text {
    fn joined(self) -> String {
        match self {
            Self::Plain(text) => text,
            Self::Turns(turns) => joined(&turns),
        }
    }
}

fn joined(turns: &[Turn]) -> String {
    turns.iter().map(|turn| turn.content.as_str()).collect::<Vec<_>>().join("\n")
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The parser sees one line at a time, so that its own line number is always 1.
fn without_line(error: &serde_json::Error) -> anyhow::Error {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    anyhow!("not valid JSON: {message} at column {}", error.column())
}
