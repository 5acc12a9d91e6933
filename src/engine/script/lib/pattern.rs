//! Lua's patterns, matched with a bounded depth, and asking the budget as it goes: the original can
//! exhaust the stack and cannot be interrupted.
//!
//! A pattern ends at its first zero byte, as in Lua 5.1.

use super::super::lua::Raise;
use super::super::lua::stack::Pauser;

/// Captures a pattern may have.
const CAPTURES_MAX: usize = 32;
/// How deep the parts of a pattern may wait for each other.
const DEPTH_MAX: usize = 400;

/// What a pair of parentheses caught.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// It is still open.
    Open(usize),
    /// A part of the subject.
    Part(usize, usize),
    /// A position: `()`.
    Position(usize),
}

/// A pattern at work on a subject.
pub struct Matcher<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    captures: [Capture; CAPTURES_MAX],
    level: usize,
    depth: usize,
    pauser: &'a Pauser,
}

type Matched = Result<Option<usize>, Raise>;

impl<'a> Matcher<'a> {
    /// Nothing matched yet.
    pub fn new(subject: &'a [u8], pattern: &'a [u8], pauser: &'a Pauser) -> Matcher<'a> {
        let end = memchr::memchr(0, pattern).unwrap_or(pattern.len());
        Matcher {
            subject,
            pattern: &pattern[..end],
            captures: [Capture::Open(0); CAPTURES_MAX],
            level: 0,
            depth: 0,
            pauser,
        }
    }

    /// What was caught by the last match.
    pub fn captures(&self) -> &[Capture] {
        &self.captures[..self.level]
    }

    /// Matches at exactly this place; tells where the match ends. `from` skips an anchor.
    pub fn at(&mut self, place: usize, from: usize) -> Matched {
        self.level = 0;
        self.depth = 0;
        self.matches(place, from)
    }

    fn byte(&self, p: usize) -> u8 {
        self.pattern.get(p).copied().unwrap_or(0)
    }

    fn step(&self) -> Result<(), Raise> {
        self.pauser.steps(1)
    }

    fn matches(&mut self, s: usize, p: usize) -> Matched {
        if self.depth >= DEPTH_MAX {
            return Err(Raise::text("pattern too complex"));
        }
        self.depth += 1;
        let matched = self.parts(s, p);
        self.depth -= 1;
        matched
    }

    /// Matches part after part; only a part with a choice waits for the rest.
    fn parts(&mut self, mut s: usize, mut p: usize) -> Matched {
        loop {
            self.step()?;
            if p >= self.pattern.len() {
                return Ok(Some(s));
            }
            match (self.byte(p), self.byte(p + 1)) {
                (b'(', b')') => return self.open(s, p + 2, Capture::Position(s)),
                (b'(', _) => return self.open(s, p + 1, Capture::Open(s)),
                (b')', _) => return self.close(s, p + 1),
                (b'$', 0) if p + 1 == self.pattern.len() => {
                    return Ok((s == self.subject.len()).then_some(s));
                }
                (b'%', b'b') => match self.balance(s, p + 2)? {
                    Some(end) => (s, p) = (end, p + 4),
                    None => return Ok(None),
                },
                (b'%', b'f') => match self.frontier(s, p + 2)? {
                    Some(next) => p = next,
                    None => return Ok(None),
                },
                (b'%', digit @ b'0'..=b'9') => match self.again(s, digit)? {
                    Some(end) => (s, p) = (end, p + 2),
                    None => return Ok(None),
                },
                _ => {
                    let end = self.class_end(p)?;
                    let hit = self.single(s, p, end);
                    match self.byte(end) {
                        b'?' => {
                            if hit {
                                if let Some(done) = self.matches(s + 1, end + 1)? {
                                    return Ok(Some(done));
                                }
                            }
                            p = end + 1;
                        }
                        b'*' => return self.greedy(s, p, end),
                        b'+' if hit => return self.greedy(s + 1, p, end),
                        b'+' => return Ok(None),
                        b'-' => return self.lazy(s, p, end),
                        _ if hit => (s, p) = (s + 1, end),
                        _ => return Ok(None),
                    }
                }
            }
        }
    }

    /// Where the class that begins at `p` ends.
    fn class_end(&self, mut p: usize) -> Result<usize, Raise> {
        match self.byte(p) {
            b'%' if p + 1 >= self.pattern.len() => {
                Err(Raise::text("malformed pattern (ends with '%')"))
            }
            b'%' => Ok(p + 2),
            b'[' => {
                p += 1;
                if self.byte(p) == b'^' {
                    p += 1;
                }
                loop {
                    if p >= self.pattern.len() {
                        return Err(Raise::text("malformed pattern (missing ']')"));
                    }
                    p += 1;
                    if self.byte(p - 1) == b'%' && p < self.pattern.len() {
                        p += 1;
                    }
                    if self.byte(p) == b']' {
                        return Ok(p + 1);
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    /// Whether the subject's byte at `s` is in the class from `p` to `end`.
    fn single(&self, s: usize, p: usize, end: usize) -> bool {
        let Some(c) = self.subject.get(s).copied() else { return false };
        match self.byte(p) {
            b'.' => true,
            b'%' => in_class(c, self.byte(p + 1)),
            b'[' => self.in_set(c, p, end - 1),
            other => other == c,
        }
    }

    /// Whether `c` is in the set whose brackets stand at `p` and `end`.
    fn in_set(&self, c: u8, mut p: usize, end: usize) -> bool {
        let wanted = self.byte(p + 1) != b'^';
        if !wanted {
            p += 1;
        }
        p += 1;
        while p < end {
            if self.byte(p) == b'%' {
                p += 1;
                if in_class(c, self.byte(p)) {
                    return wanted;
                }
            } else if self.byte(p + 1) == b'-' && p + 2 < end {
                if (self.byte(p)..=self.byte(p + 2)).contains(&c) {
                    return wanted;
                }
                p += 2;
            } else if self.byte(p) == c {
                return wanted;
            }
            p += 1;
        }
        !wanted
    }

    /// As many as there are, then fewer until the rest matches.
    fn greedy(&mut self, s: usize, p: usize, end: usize) -> Matched {
        let mut count = 0;
        while self.single(s + count, p, end) {
            count += 1;
            self.step()?;
        }
        loop {
            if let Some(done) = self.matches(s + count, end + 1)? {
                return Ok(Some(done));
            }
            if count == 0 {
                return Ok(None);
            }
            count -= 1;
        }
    }

    /// None, then more until the rest matches.
    fn lazy(&mut self, mut s: usize, p: usize, end: usize) -> Matched {
        loop {
            if let Some(done) = self.matches(s, end + 1)? {
                return Ok(Some(done));
            }
            if !self.single(s, p, end) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn open(&mut self, s: usize, p: usize, capture: Capture) -> Matched {
        if self.level >= CAPTURES_MAX {
            return Err(Raise::text("too many captures"));
        }
        self.captures[self.level] = capture;
        self.level += 1;
        let matched = self.matches(s, p)?;
        if matched.is_none() {
            self.level -= 1;
        }
        Ok(matched)
    }

    fn close(&mut self, s: usize, p: usize) -> Matched {
        let open = |c: &Capture| matches!(c, Capture::Open(_));
        let Some(at) = self.captures().iter().rposition(open) else {
            return Err(Raise::text("invalid pattern capture"));
        };
        let was = self.captures[at];
        if let Capture::Open(start) = was {
            self.captures[at] = Capture::Part(start, s);
        }
        let matched = self.matches(s, p)?;
        if matched.is_none() {
            self.captures[at] = was;
        }
        Ok(matched)
    }

    /// `%bxy`: from x to the y that balances it.
    fn balance(&mut self, s: usize, p: usize) -> Matched {
        let (begin, end) = (self.byte(p), self.byte(p + 1));
        if p + 1 >= self.pattern.len() {
            return Err(Raise::text("unbalanced pattern"));
        }
        if self.subject.get(s) != Some(&begin) {
            return Ok(None);
        }
        let mut open = 1;
        for at in s + 1..self.subject.len() {
            self.step()?;
            let c = self.subject[at];
            if c == end {
                open -= 1;
                if open == 0 {
                    return Ok(Some(at + 1));
                }
            } else if c == begin {
                open += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: the border into the set; tells where the pattern goes on.
    fn frontier(&mut self, s: usize, p: usize) -> Matched {
        if self.byte(p) != b'[' {
            return Err(Raise::text("missing '[' after '%f' in pattern"));
        }
        let end = self.class_end(p)?;
        let before = if s == 0 { 0 } else { self.subject[s - 1] };
        let here = self.subject.get(s).copied().unwrap_or(0);
        let border = !self.in_set(before, p, end - 1) && self.in_set(here, p, end - 1);
        Ok(border.then_some(end))
    }

    /// `%1`: what was caught, once more.
    fn again(&mut self, s: usize, digit: u8) -> Matched {
        let at = usize::from(digit.wrapping_sub(b'1'));
        let caught = match self.captures().get(at) {
            Some(Capture::Part(start, end)) => &self.subject[*start..*end],
            Some(Capture::Position(_)) => return Ok(None),
            _ => return Err(Raise::text("invalid capture index")),
        };
        Ok(self.subject[s..].starts_with(caught).then(|| s + caught.len()))
    }
}

/// `%a` and friends; upper case means everything else.
fn in_class(c: u8, class: u8) -> bool {
    let hit = match class.to_ascii_lowercase() {
        b'a' => c.is_ascii_alphabetic(),
        b'c' => c.is_ascii_control(),
        b'd' => c.is_ascii_digit(),
        b'l' => c.is_ascii_lowercase(),
        b'p' => c.is_ascii_punctuation(),
        b's' => c.is_ascii_whitespace() || c == 0x0b,
        b'u' => c.is_ascii_uppercase(),
        b'w' => c.is_ascii_alphanumeric(),
        b'x' => c.is_ascii_hexdigit(),
        b'z' => c == 0,
        _ => return class == c,
    };
    hit != class.is_ascii_uppercase()
}
