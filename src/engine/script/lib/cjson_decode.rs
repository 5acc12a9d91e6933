//! `cjson.decode`: JSON text to Lua values. It reads more than JSON: leading zeroes, hexadecimal
//! numbers, infinities. A zero byte ends the text.

use super::super::lua::number::prefix;
use super::super::lua::{Lua, Raise};
use super::cjson::{DECODE_DEPTH, DECODE_INVALID, DEPTH_MAX, setting};
use super::{Pace, check_string};

/// What a text is made of.
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

impl Token {
    /// How messages call it.
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Wrong(what) => what,
        }
    }
}

struct Parser {
    text: Vec<u8>,
    at: usize,
    /// Where the last token began, or was found wrong.
    began: usize,
    depth: i64,
    depth_max: i64,
    invalid_numbers: bool,
    pace: Pace,
}

/// The function of scripts.
pub fn decode(lua: &mut Lua) -> Result<i32, Raise> {
    if lua.top() != 1 {
        return Err(Raise::arg(1, "expected 1 argument"));
    }
    check_string(lua, 1)?;
    let text = lua.bytes(1).unwrap_or(b"").to_vec();
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(Raise::text("JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut parser = Parser {
        text,
        at: 0,
        began: 0,
        depth: 0,
        depth_max: setting(lua, DECODE_DEPTH).min(DEPTH_MAX),
        invalid_numbers: setting(lua, DECODE_INVALID) != 0,
        pace: Pace::of(lua),
    };
    let token = parser.next();
    parser.value(lua, token)?;
    match parser.next() {
        Token::End => Ok(1),
        token => Err(parser.expected("the end", &token)),
    }
}

impl Parser {
    fn expected(&self, what: &str, found: &Token) -> Raise {
        let (found, at) = (found.name(), self.began + 1);
        Raise::texts(format!("Expected {what} but found {found} at character {at}"))
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    fn wrong(&mut self, what: &'static str) -> Token {
        self.began = self.at;
        Token::Wrong(what)
    }

    fn next(&mut self) -> Token {
        while matches!(self.byte(self.at), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        self.began = self.at;
        let single = match self.byte(self.at) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b':' => Token::Colon,
            b',' => Token::Comma,
            0 => return Token::End,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' => {
                if !self.invalid_numbers && self.is_invalid_number() {
                    return self.wrong("invalid number");
                }
                return self.number();
            }
            _ => return self.word(),
        };
        self.at += 1;
        single
    }

    fn word(&mut self) -> Token {
        let rest = &self.text[self.at..];
        let (token, len) = match rest {
            [b't', b'r', b'u', b'e', ..] => (Token::Boolean(true), 4),
            [b'f', b'a', b'l', b's', b'e', ..] => (Token::Boolean(false), 5),
            [b'n', b'u', b'l', b'l', ..] => (Token::Null, 4),
            [b'i' | b'I' | b'n' | b'N' | b'+', ..]
                if self.invalid_numbers && self.is_invalid_number() =>
            {
                return self.number();
            }
            _ => return self.wrong("invalid token"),
        };
        self.at += len;
        token
    }

    /// Whether C would read a number here that JSON does not know.
    fn is_invalid_number(&self) -> bool {
        let mut at = self.at;
        if self.byte(at) == b'+' {
            return true;
        }
        if self.byte(at) == b'-' {
            at += 1;
        }
        let (first, second) = (self.byte(at), self.byte(at + 1));
        if first == b'0' {
            return second | 0x20 == b'x' || second.is_ascii_digit();
        }
        if first <= b'9' {
            return false;
        }
        let word = &self.text[at..self.text.len().min(at + 3)];
        word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
    }

    fn number(&mut self) -> Token {
        let (value, len) = prefix(&self.text[self.at..]);
        if len == 0 {
            return self.wrong("invalid number");
        }
        self.at += len;
        Token::Number(value)
    }

    fn string(&mut self) -> Token {
        let mut text = Vec::new();
        self.at += 1;
        loop {
            match self.byte(self.at) {
                b'"' => break,
                0 => return self.wrong("unexpected end of string"),
                b'\\' => {
                    let escaped = match self.byte(self.at + 1) {
                        c @ (b'"' | b'\\' | b'/') => c,
                        b'b' => 0x08,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 0x0c,
                        b'r' => b'\r',
                        b'u' => {
                            let Some((code, len)) = self.code_point() else {
                                return self.wrong("invalid unicode escape code");
                            };
                            push_utf8(&mut text, code);
                            self.at += len;
                            continue;
                        }
                        _ => return self.wrong("invalid escape code"),
                    };
                    text.push(escaped);
                    self.at += 2;
                }
                c => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        Token::Text(text)
    }

    /// The code point of a `\u` escape, or of two that form a pair, and how long it is.
    fn code_point(&self) -> Option<(u32, usize)> {
        let first = self.hex4(self.at + 2)?;
        if first & 0xF800 != 0xD800 {
            return Some((first, 6));
        }
        let low_first = first & 0x400 != 0;
        if low_first || (self.byte(self.at + 6), self.byte(self.at + 7)) != (b'\\', b'u') {
            return None;
        }
        let second = self.hex4(self.at + 8)?;
        if second & 0xFC00 != 0xDC00 {
            return None;
        }
        Some((((first & 0x3FF) << 10 | second & 0x3FF) + 0x10000, 12))
    }

    fn hex4(&self, at: usize) -> Option<u32> {
        (at..at + 4).try_fold(0, |code, at| {
            let digit = char::from(self.byte(at)).to_digit(16)?;
            Some(code << 4 | digit)
        })
    }

    /// Pushes the value that begins with this token.
    fn value(&mut self, lua: &mut Lua, token: Token) -> Result<(), Raise> {
        self.pace.part(lua, 0, 0)?;
        match token {
            Token::Text(text) => lua.push(&text),
            Token::Number(value) => lua.push_number(value),
            Token::Boolean(value) => lua.push_bool(value),
            Token::Null => lua.push_pointer(0),
            Token::ObjectBegin => return self.object(lua),
            Token::ArrayBegin => return self.array(lua),
            other => return Err(self.expected("value", &other)),
        }
        Ok(())
    }

    fn descend(&mut self, lua: &mut Lua) -> Result<(), Raise> {
        self.depth += 1;
        if self.depth <= self.depth_max && lua.reserve(6) {
            return Ok(());
        }
        let (depth, at) = (self.depth, self.at);
        Err(Raise::texts(format!(
            "Found too many nested data structures ({depth}) at character {at}"
        )))
    }

    fn object(&mut self, lua: &mut Lua) -> Result<(), Raise> {
        self.descend(lua)?;
        lua.new_table(0, 0);
        let mut token = self.next();
        if matches!(token, Token::ObjectEnd) {
            self.depth -= 1;
            return Ok(());
        }
        loop {
            let Token::Text(key) = token else {
                return Err(self.expected("object key string", &token));
            };
            lua.push(&key);
            token = self.next();
            if !matches!(token, Token::Colon) {
                return Err(self.expected("colon", &token));
            }
            token = self.next();
            self.value(lua, token)?;
            lua.set(-3);
            token = self.next();
            match token {
                Token::ObjectEnd => {
                    self.depth -= 1;
                    return Ok(());
                }
                Token::Comma => token = self.next(),
                _ => return Err(self.expected("comma or object end", &token)),
            }
        }
    }

    fn array(&mut self, lua: &mut Lua) -> Result<(), Raise> {
        self.descend(lua)?;
        lua.new_table(0, 0);
        let mut token = self.next();
        if matches!(token, Token::ArrayEnd) {
            self.depth -= 1;
            return Ok(());
        }
        for i in 1.. {
            self.value(lua, token)?;
            lua.set_item(-2, i);
            token = self.next();
            match token {
                Token::ArrayEnd => break,
                Token::Comma => token = self.next(),
                _ => return Err(self.expected("comma or array end", &token)),
            }
        }
        self.depth -= 1;
        Ok(())
    }
}

/// Appends a code point, one of a lone half of a pair too.
fn push_utf8(text: &mut Vec<u8>, code: u32) {
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3F) as u8;
    match code {
        0..=0x7F => text.push(code as u8),
        0x80..=0x7FF => text.extend([0xC0 | (code >> 6) as u8, tail(0)]),
        0x800..=0xFFFF => text.extend([0xE0 | (code >> 12) as u8, tail(6), tail(0)]),
        _ => text.extend([0xF0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
    }
}
