//! SORT and SORT_RO: elements of a list, set or sorted set in the order of numbers or texts, their
//! own or those of other keys named after them.
//!
//! All texts of a call lie side by side in one buffer; what is sorted are small records that point
//! into it. Many elements are sorted in slices (`long.rs`).

mod long;

use crate::base::double::parse_f64;
use crate::base::error::Error;
use crate::ds::listpack::Item;
use crate::ds::quicklist::End;
use crate::engine::args::Args;
use crate::engine::cx::{Caller, CmdResult, DataCx, Outcome, Propagate};
use crate::engine::key_search;
use crate::engine::keyspec::{Begin, Find, KeySpec, kflag};
use crate::engine::spec::{Spec, cat, flag};
use crate::engine::work::LONG;
use crate::keyspace::effects::{Event, class};
use crate::keyspace::keys::Keys;
use crate::value::hash::Hash;
use crate::value::list::List;
use crate::value::set::Set;
use crate::value::string::Str;
use crate::value::zset::ZSet;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

/// Keys made from patterns, and the target of STORE, are nowhere the specs can point to.
const fn anywhere(flags: u16) -> KeySpec {
    KeySpec { begin: Begin::Unknown, find: Find::Unknown, flags }
}

const LOOKED_UP: KeySpec = anywhere(kflag::RO | kflag::ACCESS);
const STORED: KeySpec = anywhere(kflag::OW | kflag::UPDATE);

const fn sorting(spec: Spec) -> Spec {
    spec.acl(cat::LIST | cat::SET | cat::SORTEDSET | cat::DANGEROUS)
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    sorting(
        Spec::data("sort", -2, sort)
            .flags(flag::WRITE | flag::DENYOOM | flag::MOVABLEKEYS)
            .keys(&[KeySpec::at(1).ro().access(), LOOKED_UP, STORED])
            .finder(key_search::sort),
    )
    .since("1.0.0")
    .summary("Sorts a list, a set or a sorted set, and stores the result if asked to."),
    sorting(
        Spec::data("sort_ro", -2, sort_ro)
            .flags(flag::READONLY | flag::MOVABLEKEYS)
            .keys(&[KeySpec::at(1).ro().access(), LOOKED_UP])
            .finder(key_search::sort_ro),
    )
    .since("7.0.0")
    .summary("Sorts a list, a set or a sorted set without storing anything."),
];

fn sort(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    run(cx, args, true)
}

fn sort_ro(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    run(cx, args, false)
}

fn run(cx: &mut DataCx<'_>, args: &Args<'_>, may_store: bool) -> CmdResult {
    let mut call = Call::parse(args, may_store)?;
    let mut sorted = Sorted::default();
    let key = args.get(1);
    let kind = Kind::of(&mut cx.keys, key);
    // A set has no order of its own: what is stored, or told to a script, must not depend on it.
    let told = call.store.is_some() || cx.caller == Caller::Script;
    if call.as_is && told && matches!(kind, Kind::Set) {
        call.as_is = false;
        call.alpha = true;
        call.by = None;
    }
    let most = if long::suits(&call) { LONG } else { usize::MAX };
    if let Some(len) = sorted.load(&mut cx.keys, (key, kind), &mut call, most)? {
        return Ok(long::start(&mut cx.keys, (key, kind), call, len));
    }
    if !call.as_is {
        sorted.weigh(&mut cx.keys, &call, 0..sorted.elements.len())?;
        sorted.order(&call);
    }
    match &call.store {
        Some(target) => {
            let mut list = List::long(cx.limits);
            let all = 0..sorted.chosen(&call).len();
            sorted.each_result(&mut cx.keys, &call, all, &mut |text| {
                list.push(End::Tail, text.unwrap_or_default());
            });
            Ok(store(cx, list, target))
        }
        None => {
            let per_element = call.get.len().max(1);
            cx.out.array(sorted.chosen(&call).len() * per_element);
            let DataCx { keys, out, .. } = cx;
            let all = 0..sorted.chosen(&call).len();
            sorted.each_result(keys, &call, all, &mut |text| match text {
                Some(text) => out.bulk(text),
                None => out.null(),
            });
            Ok(Outcome::Unchanged)
        }
    }
}

/// Stores the results and answers with their number.
fn store(cx: &mut DataCx<'_>, mut list: List, target: &[u8]) -> Outcome {
    let len = list.len();
    cx.out.int(len as i64);
    if len > 0 {
        list.settle(cx.limits);
        cx.keys.store(target, list);
        cx.keys.touch_n(target, Event::new(class::LIST, "sortstore"), len as u64);
    } else if cx.keys.delete(target) {
        cx.keys.touch(target, Event::new(class::GENERIC, "del"));
    } else {
        return Outcome::Unchanged;
    }
    Outcome::Changed(Propagate::Verbatim)
}

/// What is sorted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A list, nothing, or what cannot be sorted.
    Other,
    Set,
    ZSet,
}

impl Kind {
    fn of(keys: &mut Keys<'_>, key: &[u8]) -> Kind {
        match keys.entry_quiet(key).map(|entry| entry.type_name()) {
            Some("set") => Kind::Set,
            Some("zset") => Kind::ZSet,
            _ => Kind::Other,
        }
    }
}

/// What the call asks for.
struct Call<'a> {
    descending: bool,
    alpha: bool,
    /// In the order the elements come: the pattern of BY names no key.
    as_is: bool,
    by: Option<Pattern<'a>>,
    get: Vec<Pattern<'a>>,
    /// First place and number of the results; a negative number means all.
    limit: Option<(i64, i64)>,
    store: Option<Cow<'a, [u8]>>,
    /// The limit was applied while the elements were read.
    limited: bool,
}

impl<'a> Call<'a> {
    fn parse(args: &'a Args<'_>, may_store: bool) -> Result<Call<'a>, Error> {
        let mut call = Call {
            descending: false,
            alpha: false,
            as_is: false,
            by: None,
            get: Vec::new(),
            limit: None,
            store: None,
            limited: false,
        };
        let mut at = 2;
        while at < args.len() {
            let left = args.len() - at - 1;
            if args.is(at, "asc") {
                call.descending = false;
            } else if args.is(at, "desc") {
                call.descending = true;
            } else if args.is(at, "alpha") {
                call.alpha = true;
            } else if args.is(at, "limit") && left >= 2 {
                call.limit = Some((args.int(at + 1)?, args.int(at + 2)?));
                at += 2;
            } else if may_store && args.is(at, "store") && left >= 1 {
                call.store = Some(Cow::Borrowed(args.get(at + 1)));
                at += 1;
            } else if args.is(at, "by") && left >= 1 {
                let pattern = Pattern::parse(args.get(at + 1));
                // Once it is set, a later BY does not take it back.
                call.as_is |= !pattern.looks_up();
                call.by = Some(pattern);
                at += 1;
            } else if args.is(at, "get") && left >= 1 {
                call.get.push(Pattern::parse(args.get(at + 1)));
                at += 1;
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        Ok(call)
    }

    /// The places of the results among `len` elements.
    fn window(&self, len: usize) -> Range<usize> {
        let (start, count) = self.limit.unwrap_or((0, -1));
        let start = start.max(0).min(len as i64) as usize;
        let end = if count < 0 { len } else { start.saturating_add(count as usize).min(len) };
        start..end
    }
}

/// Of a key whose type was looked at.
const THERE: &str = "it was there a moment ago";

/// A pattern of BY or GET.
enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// Without a `*` it names nothing.
    Nothing,
    /// The key, or a field of the hash at the key, made by putting the element for the `*`.
    Key { before: &'a [u8], after: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    fn parse(word: &'a [u8]) -> Pattern<'a> {
        if word == b"#" {
            return Pattern::Element;
        }
        let Some(star) = memchr::memchr(b'*', word) else { return Pattern::Nothing };
        let (before, rest) = (&word[..star], &word[star + 1..]);
        let arrow = memchr::memmem::find(rest, b"->");
        match arrow.filter(|at| at + 2 < rest.len()) {
            Some(at) => Pattern::Key { before, after: &rest[..at], field: Some(&rest[at + 2..]) },
            None => Pattern::Key { before, after: rest, field: None },
        }
    }

    /// Whether other keys are looked up.
    fn looks_up(&self) -> bool {
        matches!(self, Pattern::Key { .. })
    }

    /// Runs `f` over what the pattern names for an element, if there is such a thing. `name` is a
    /// buffer to make the key in.
    fn look_up<R>(
        &self,
        keys: &mut Keys<'_>,
        element: &[u8],
        name: &mut Vec<u8>,
        f: impl FnOnce(Option<&[u8]>) -> R,
    ) -> R {
        let (before, after, field) = match self {
            Pattern::Element => return f(Some(element)),
            Pattern::Nothing => return f(None),
            Pattern::Key { before, after, field } => (before, after, field),
        };
        name.clear();
        for part in [before, element, after] {
            name.extend_from_slice(part);
        }
        // A key of another type counts as none.
        match field {
            None => match keys.read::<Str>(name) {
                Ok(Some(text)) => text.with_bytes(|text| f(Some(text))),
                _ => f(None),
            },
            Some(field) => {
                match keys.read::<Hash>(name).ok().flatten().and_then(|h| h.get(field)) {
                    Some(value) => value.with_text(|text| f(Some(text))),
                    None => f(None),
                }
            }
        }
    }
}

/// An element that is being sorted.
#[derive(Clone, Copy)]
struct Element {
    text: Span,
    /// The number it is sorted by; NaN until its text was read as one.
    score: f64,
    /// The text it is sorted by, when that is not its own.
    weight: Option<Span>,
}

/// A part of the buffer of texts.
#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
}

impl Span {
    fn of(self, texts: &[u8]) -> &[u8] {
        &texts[self.start..self.end]
    }
}

/// The elements, their texts and the texts they are sorted by.
#[derive(Default)]
struct Sorted {
    texts: Vec<u8>,
    weights: Vec<u8>,
    elements: Vec<Element>,
}

impl Sorted {
    fn add(&mut self, item: Item<'_>) {
        let start = self.texts.len();
        item.with_text(|text| self.texts.extend_from_slice(text));
        let text = Span { start, end: self.texts.len() };
        let score = if let Item::Int(n) = item { n as f64 } else { f64::NAN };
        self.elements.push(Element { text, score, weight: None });
    }

    /// Reads the elements; those alone that are wanted where their order is known. When these
    /// are `most` or more, none is read and the length of the value returned.
    fn load(
        &mut self,
        keys: &mut Keys<'_>,
        (key, kind): (&[u8], Kind),
        call: &mut Call<'_>,
        most: usize,
    ) -> Result<Option<usize>, Error> {
        match kind {
            Kind::Set => {
                let set = keys.read::<Set>(key)?.expect(THERE);
                if set.len() >= most {
                    return Ok(Some(set.len()));
                }
                set.iter().for_each(|item| self.add(item));
            }
            Kind::ZSet if call.as_is => {
                let set = keys.read::<ZSet>(key)?.expect(THERE);
                let (len, down) = (set.len(), call.descending);
                let window = call.window(len);
                call.limited = true;
                if window.len() >= most {
                    return Ok(Some(len));
                }
                let ranks = if down { len - window.end..len - window.start } else { window };
                set.range(ranks, down).for_each(|(member, _)| self.add(member));
            }
            Kind::ZSet => {
                let set = keys.read::<ZSet>(key)?.expect(THERE);
                if set.len() >= most {
                    return Ok(Some(set.len()));
                }
                set.iter().for_each(|(member, _)| self.add(member));
            }
            Kind::Other => {
                let Some(list) = keys.read::<List>(key)? else { return Ok(None) };
                let last = list.len() - 1;
                let window = if call.as_is { call.window(last + 1) } else { 0..last + 1 };
                call.limited = call.as_is;
                if window.len() >= most {
                    return Ok(Some(last + 1));
                }
                let down = call.as_is && call.descending;
                let first = if down { last - window.start.min(last) } else { window.start };
                list.each(first, window.len(), !down, |item| self.add(item));
            }
        }
        Ok(None)
    }

    /// Finds what these elements are sorted by.
    fn weigh(
        &mut self,
        keys: &mut Keys<'_>,
        call: &Call<'_>,
        range: Range<usize>,
    ) -> Result<(), Error> {
        const NO_NUMBER: Error =
            Error::fixed("ERR One or more scores can't be converted into double");
        let mut name = Vec::new();
        for element in &mut self.elements[range] {
            let text = element.text.of(&self.texts);
            match &call.by {
                None if call.alpha || !element.score.is_nan() => {}
                None => element.score = number(text).ok_or(NO_NUMBER)?,
                Some(by) if call.alpha => {
                    let weights = &mut self.weights;
                    element.weight = by.look_up(keys, text, &mut name, |text| {
                        let start = weights.len();
                        weights.extend_from_slice(text?);
                        Some(Span { start, end: weights.len() })
                    });
                }
                Some(by) => {
                    // What has no number counts as 0.
                    let score = by.look_up(keys, text, &mut name, |text| match text {
                        Some(text) => number(text),
                        None => Some(0.0),
                    });
                    element.score = score.ok_or(NO_NUMBER)?;
                }
            }
        }
        Ok(())
    }

    fn order(&mut self, call: &Call<'_>) {
        let Sorted { texts, weights, elements } = self;
        let texts = (&texts[..], &weights[..]);
        if call.alpha && call.by.is_some() {
            // Elements with the same weight stay as they came.
            elements.sort_by(|a, b| compare(texts, call, a, b));
        } else {
            elements.sort_unstable_by(|a, b| compare(texts, call, a, b));
        }
    }

    /// The elements that are wanted.
    fn chosen(&self, call: &Call<'_>) -> &[Element] {
        let len = self.elements.len();
        &self.elements[if call.limited { 0..len } else { call.window(len) }]
    }

    /// Calls `f` with each result of some of the chosen elements: the element, or what each GET
    /// names for it.
    fn each_result(
        &self,
        keys: &mut Keys<'_>,
        call: &Call<'_>,
        range: Range<usize>,
        f: &mut dyn FnMut(Option<&[u8]>),
    ) {
        let mut name = Vec::new();
        for element in &self.chosen(call)[range] {
            let text = element.text.of(&self.texts);
            if call.get.is_empty() {
                f(Some(text));
            }
            for get in &call.get {
                get.look_up(keys, text, &mut name, &mut *f);
            }
        }
    }
}

/// The order of two elements, given their texts and those they are sorted by.
#[inline]
fn compare(
    (texts, weights): (&[u8], &[u8]),
    call: &Call<'_>,
    a: &Element,
    b: &Element,
) -> Ordering {
    let by_text = || a.text.of(texts).cmp(b.text.of(texts));
    let order = if !call.alpha {
        // Elements with the same number are ordered by their text.
        let numbers = a.score.partial_cmp(&b.score).expect("what is no number was refused");
        numbers.then_with(by_text)
    } else if call.by.is_none() {
        by_text()
    } else {
        // What has no text comes first.
        let weight = |element: &Element| element.weight.map(|span| span.of(weights));
        weight(a).cmp(&weight(b))
    };
    if call.descending { order.reverse() } else { order }
}

/// A number as SORT reads it, which is C's way: blanks before it do not matter, an empty text is 0,
/// and a NUL byte ends it.
fn number(text: &[u8]) -> Option<f64> {
    let end = memchr::memchr(0, text).unwrap_or(text.len());
    let text = &text[..end];
    if text.is_empty() {
        return Some(0.0);
    }
    let blank = |b: &u8| matches!(b, b' ' | b'\t'..=b'\r');
    parse_f64(&text[text.iter().take_while(|b| blank(b)).count()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_in_c() {
        for (text, want) in [
            (&b""[..], 0.0),
            (b" 2", 2.0),
            (b"\t\n\x0b\x0c\r-1.5e1", -15.0),
            (b"0x10", 16.0),
            (b"+3", 3.0),
            (b"-inf", f64::NEG_INFINITY),
            (b"1\0junk", 1.0),
        ] {
            assert_eq!(number(text), Some(want), "{}", text.escape_ascii());
        }
        for text in [&b"3 "[..], b"x", b"nan", b"1e999", b"1e-999", b" "] {
            assert_eq!(number(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn patterns_are_cut_at_the_first_star_and_the_first_arrow_behind_it() {
        let parts = |word: &'static str| match Pattern::parse(word.as_bytes()) {
            Pattern::Key { before, after, field } => Some((before, after, field)),
            _ => None,
        };
        let field = |text: &'static str| Some(text.as_bytes());
        assert_eq!(parts("a*b"), Some((&b"a"[..], &b"b"[..], None)));
        assert_eq!(parts("a*b*->f"), Some((&b"a"[..], &b"b*"[..], field("f"))));
        assert_eq!(parts("a->*->f->g"), Some((&b"a->"[..], &b""[..], field("f->g"))));
        assert_eq!(parts("a*->"), Some((&b"a"[..], &b"->"[..], None)));
        assert!(matches!(Pattern::parse(b"#"), Pattern::Element));
        assert!(matches!(Pattern::parse(b"a->b"), Pattern::Nothing));
    }

    #[test]
    fn limits_never_leave_the_elements() {
        let window = |start: i64, count: i64| {
            let (start, count) = (start.to_string(), count.to_string());
            let words = [&b"SORT"[..], b"k", b"LIMIT", start.as_bytes(), count.as_bytes()];
            let mut argv = crate::resp::request::Argv::from_slices(&words);
            let args = Args::new(argv.raw());
            Call::parse(&args, false).expect("it is well formed").window(5)
        };
        assert_eq!(window(1, 3), 1..4);
        assert_eq!(window(-1, 3), 0..3);
        assert_eq!(window(3, 9), 3..5);
        assert_eq!(window(3, -1), 3..5);
        assert_eq!(window(2, 0), 2..2);
        assert_eq!(window(i64::MAX, i64::MAX), 5..5);
        assert_eq!(window(i64::MIN, i64::MIN), 0..5);
    }
}
