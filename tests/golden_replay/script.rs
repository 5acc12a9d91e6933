//! Transcripts as they stand in the files: one scenario a line, JSON, bytes written as latin-1.
//!
//! A step does one thing (`send`, `recv`, `quiet`, `sleep`, `close`, `scan`) and says what must
//! come back. A form that is not known is refused when the file is read: a transcript is never
//! passed because nobody looked at it.

// Files are read here, and only here.
#![allow(clippy::disallowed_methods)]

use std::path::Path;

use serde_json::Value as Json;

/// One recorded exchange.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub family: String,
    pub name: String,
    pub proto: i64,
    pub conns: usize,
    pub needs: Vec<String>,
    pub config: Vec<(String, String)>,
    pub nosync: bool,
    pub steps: Vec<Step>,
}

impl Scenario {
    pub fn title(&self) -> String {
        format!("{}/{}", self.family, self.name)
    }
}

/// One step, on connection `conn`.
#[derive(Clone, Debug)]
pub struct Step {
    pub conn: usize,
    pub action: Action,
    pub expect: Expect,
}

#[derive(Clone, Debug)]
pub enum Action {
    Send(Vec<Arg>),
    /// Bytes as they are, in these pieces.
    Raw(Vec<Arg>),
    /// Read this many more frames.
    Recv(usize),
    /// Nothing may arrive for so many milliseconds.
    Quiet(u64),
    SleepMs(u64),
    Close,
    /// Iterate to the end; `None` stands where the cursor goes.
    Scan {
        args: Vec<Option<Arg>>,
        width: usize,
        elements: Vec<Vec<Vec<u8>>>,
    },
}

/// An argument, perhaps one that is only known when it is sent.
#[derive(Clone, Debug)]
pub enum Arg {
    Bytes(Vec<u8>),
    Var(String),
    NowSeconds(i64),
    NowMs(i64),
}

/// What must come back.
#[derive(Clone, Debug)]
pub struct Expect {
    pub frames: usize,
    pub block: bool,
    pub closed: bool,
    pub took_ms: Option<(u64, u64)>,
    pub save: Vec<(String, String)>,
    pub matcher: Matcher,
    pub reply: Vec<u8>,
    pub kind: Option<u8>,
}

/// How the reply is compared with the recorded one.
#[derive(Clone, Debug)]
pub enum Matcher {
    Exact,
    Any,
    TypeOnly,
    Unordered,
    PairsUnordered,
    DeepUnordered,
    FramesUnordered,
    IntRange(i64, i64),
    Regex(String),
    Prefix(Vec<u8>),
    Float(f64, f64),
    OneOf(Vec<Vec<u8>>),
    SameAs(String),
    DiffersFrom(String),
    Drawn { from: Vec<Vec<Vec<u8>>>, count: usize, distinct: bool, width: usize },
    InfoFields(Vec<Vec<u8>>),
    HasKeys(Vec<Vec<u8>>),
    Contains(Vec<Vec<u8>>),
    Tree { ignore: Vec<Vec<u8>>, wild: Vec<Vec<String>>, unordered: bool, deep: bool },
    Shape(String),
}

/// All scenarios of a folder, file after file in the order of their names.
pub fn load(folder: impl AsRef<Path>) -> Vec<Scenario> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of transcripts is part of the source")
        .map(|entry| entry.expect("a folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let mut scenarios = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a transcript is UTF-8");
        let family = file.file_stem().and_then(|s| s.to_str()).expect("plain names").to_owned();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = format!("{}:{}", file.display(), at + 1);
            let json: Json = serde_json::from_str(line).unwrap_or_else(|e| panic!("{place}: {e}"));
            scenarios.push(scenario(&json, &family).unwrap_or_else(|why| panic!("{place}: {why}")));
        }
    }
    scenarios
}

type Read<T> = Result<T, String>;

fn scenario(json: &Json, family: &str) -> Read<Scenario> {
    let steps = list(&json["steps"])?.iter().map(step).collect::<Read<_>>()?;
    let config = match json["config"].as_object() {
        None => Vec::new(),
        Some(map) => map
            .iter()
            .map(|(name, value)| Ok((name.clone(), string(value)?)))
            .collect::<Read<_>>()?,
    };
    Ok(Scenario {
        family: json["family"].as_str().unwrap_or(family).to_owned(),
        name: string(&json["name"])?,
        proto: json["proto"].as_i64().unwrap_or(2),
        conns: json["conns"].as_u64().unwrap_or(1) as usize,
        needs: match &json["needs"] {
            Json::Null => Vec::new(),
            needs => list(needs)?.iter().map(string).collect::<Read<_>>()?,
        },
        config,
        nosync: json["nosync"].as_bool().unwrap_or(false),
        steps,
    })
}

fn step(json: &Json) -> Read<Step> {
    let action = action(json)?;
    let frames = match &action {
        Action::Recv(n) => *n,
        _ => json["frames"].as_u64().unwrap_or(1) as usize,
    };
    let save = match json["save"].as_object() {
        None => Vec::new(),
        Some(map) => {
            map.iter().map(|(name, path)| Ok((name.clone(), string(path)?))).collect::<Read<_>>()?
        }
    };
    let expect = Expect {
        frames,
        block: json["block"].as_bool().unwrap_or(false),
        closed: json["closed"].as_bool().unwrap_or(false),
        took_ms: match &json["ms"] {
            Json::Null => None,
            both => Some((integer(&both[0])? as u64, integer(&both[1])? as u64)),
        },
        save,
        matcher: matcher(&json["match"])?,
        reply: match &json["reply"] {
            Json::Null => Vec::new(),
            text => bytes(text)?,
        },
        kind: json["type"].as_str().and_then(|t| t.bytes().next()),
    };
    Ok(Step { conn: json["c"].as_u64().unwrap_or(0) as usize, action, expect })
}

fn action(json: &Json) -> Read<Action> {
    if !json["sleep"].is_null() {
        return Ok(Action::SleepMs(integer(&json["sleep"])? as u64));
    }
    if !json["close"].is_null() {
        return Ok(Action::Close);
    }
    if !json["quiet"].is_null() {
        return Ok(Action::Quiet(integer(&json["quiet"])? as u64));
    }
    if !json["scan"].is_null() {
        let args = list(&json["scan"])?
            .iter()
            .map(|a| if a == "{cursor}" { Ok(None) } else { arg(a).map(Some) })
            .collect::<Read<_>>()?;
        let width = json["width"].as_u64().unwrap_or(1) as usize;
        let mut elements = groups(&json["elements"])?;
        elements.sort();
        return Ok(Action::Scan { args, width, elements });
    }
    if !json["recv"].is_null() {
        return Ok(Action::Recv(integer(&json["recv"])? as usize));
    }
    match &json["send"] {
        Json::Array(args) => Ok(Action::Send(args.iter().map(arg).collect::<Read<_>>()?)),
        Json::Object(map) => match map.get("raw") {
            Some(Json::Array(pieces)) => {
                Ok(Action::Raw(pieces.iter().map(arg).collect::<Read<_>>()?))
            }
            Some(piece) => Ok(Action::Raw(vec![arg(piece)?])),
            None => Err(format!("a send without args or raw: {map:?}")),
        },
        _ => Err(format!("a step that does nothing: {json}")),
    }
}

fn arg(json: &Json) -> Read<Arg> {
    let Json::Object(map) = json else { return bytes(json).map(Arg::Bytes) };
    let (form, value) = map.iter().next().ok_or("an empty argument")?;
    Ok(match form.as_str() {
        "var" => Arg::Var(string(value)?),
        "rep" => Arg::Bytes(bytes(&value[0])?.repeat(integer(&value[1])? as usize)),
        "now_s" => Arg::NowSeconds(integer(value)?),
        "now_ms" => Arg::NowMs(integer(value)?),
        _ => return Err(format!("unknown argument {json}")),
    })
}

fn matcher(json: &Json) -> Read<Matcher> {
    match json {
        Json::Null => Ok(Matcher::Exact),
        Json::String(name) => Ok(match name.as_str() {
            "any" => Matcher::Any,
            "type-only" => Matcher::TypeOnly,
            "unordered" => Matcher::Unordered,
            "pairs-unordered" => Matcher::PairsUnordered,
            "deep-unordered" => Matcher::DeepUnordered,
            "frames-unordered" => Matcher::FramesUnordered,
            _ => return Err(format!("unknown match {name}")),
        }),
        Json::Object(map) => {
            let (name, value) = map.iter().next().ok_or("an empty match")?;
            matcher_with(name, value)
        }
        _ => Err(format!("unknown match {json}")),
    }
}

fn matcher_with(name: &str, value: &Json) -> Read<Matcher> {
    let flag = |name: &str| value[name].as_bool().unwrap_or(false);
    Ok(match name {
        "int-range" => Matcher::IntRange(integer(&value[0])?, integer(&value[1])?),
        "regex" => Matcher::Regex(string(value)?),
        "prefix" => Matcher::Prefix(bytes(value)?),
        "float" => Matcher::Float(float(&value[0])?, float(&value[1])?),
        "one-of" => Matcher::OneOf(texts(value)?),
        "same-as" => Matcher::SameAs(string(value)?),
        "differs-from" => Matcher::DiffersFrom(string(value)?),
        "drawn" => Matcher::Drawn {
            from: groups(&value["from"])?,
            count: integer(&value["count"])? as usize,
            distinct: flag("distinct"),
            width: value["width"].as_u64().unwrap_or(1) as usize,
        },
        "info-fields" => Matcher::InfoFields(texts(value)?),
        "has-keys" => Matcher::HasKeys(texts(value)?),
        "contains" => Matcher::Contains(texts(value)?),
        "tree" => Matcher::Tree {
            ignore: texts(&value["ignore"])?,
            wild: texts(&value["wild"])?.iter().map(|w| path_of(w)).collect(),
            unordered: flag("unordered"),
            deep: flag("deep"),
        },
        "shape" => Matcher::Shape(string(value)?),
        _ => return Err(format!("unknown match {name}")),
    })
}

fn path_of(text: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(text).split('.').map(str::to_owned).collect()
}

fn list(json: &Json) -> Read<&Vec<Json>> {
    json.as_array().ok_or_else(|| format!("not a list: {json}"))
}

fn string(json: &Json) -> Read<String> {
    json.as_str().map(str::to_owned).ok_or_else(|| format!("not a text: {json}"))
}

fn integer(json: &Json) -> Read<i64> {
    json.as_i64().ok_or_else(|| format!("not an integer: {json}"))
}

fn float(json: &Json) -> Read<f64> {
    json.as_f64().ok_or_else(|| format!("not a number: {json}"))
}

/// Text in which each character stands for the byte of its number.
fn bytes(json: &Json) -> Read<Vec<u8>> {
    json.as_str()
        .ok_or_else(|| format!("not a text: {json}"))?
        .chars()
        .map(|c| u8::try_from(u32::from(c)).map_err(|_| format!("not a byte: {c:?}")))
        .collect()
}

fn texts(json: &Json) -> Read<Vec<Vec<u8>>> {
    match json {
        Json::Null => Ok(Vec::new()),
        _ => list(json)?.iter().map(bytes).collect(),
    }
}

/// A list of texts or of lists of texts; a text alone is a group of one.
fn groups(json: &Json) -> Read<Vec<Vec<Vec<u8>>>> {
    list(json)?
        .iter()
        .map(|item| if item.is_array() { texts(item) } else { Ok(vec![bytes(item)?]) })
        .collect()
}
