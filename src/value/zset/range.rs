//! Bounds of a sorted set's ranges as clients write them, and the ranks they stand for.
//!
//! ```text
//! by score   5  (5  -inf  +inf        by text   [a  (a  -  +
//! ```

use std::ops::Range;

use super::ZSetRef;
use crate::base::double::parse_c_double;
use crate::base::error::Error;
use crate::ds::listpack::Item;

/// One end of a range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreEdge {
    /// The score itself.
    pub score: f64,
    /// Whether the score itself lies outside.
    pub open: bool,
}

/// A range of scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScoreRange {
    /// The lower end.
    pub min: ScoreEdge,
    /// The upper end.
    pub max: ScoreEdge,
}

impl ScoreRange {
    /// Reads both ends.
    pub fn parse(min: &[u8], max: &[u8]) -> Result<ScoreRange, Error> {
        Ok(ScoreRange { min: ScoreEdge::parse(min)?, max: ScoreEdge::parse(max)? })
    }
}

impl ScoreEdge {
    fn parse(word: &[u8]) -> Result<ScoreEdge, Error> {
        let (open, number) = match word.split_first() {
            Some((b'(', number)) => (true, number),
            _ => (false, word),
        };
        let score = parse_c_double(number).filter(|score| !score.is_nan());
        let score = score.ok_or(Error::fixed("ERR min or max is not a float"))?;
        Ok(ScoreEdge { score, open })
    }
}

/// One end of a range of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LexEdge<'a> {
    /// Before every text.
    Lowest,
    /// Behind every text.
    Highest,
    /// At a text.
    Text {
        /// The text.
        text: &'a [u8],
        /// Whether the text itself lies outside.
        open: bool,
    },
}

/// A range of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lower end.
    pub min: LexEdge<'a>,
    /// The upper end.
    pub max: LexEdge<'a>,
}

impl<'a> LexEdge<'a> {
    fn parse(word: &'a [u8]) -> Result<LexEdge<'a>, Error> {
        match word {
            [b'(', text @ ..] => Ok(LexEdge::Text { text, open: true }),
            [b'[', text @ ..] => Ok(LexEdge::Text { text, open: false }),
            // To Redis these words end at a NUL byte.
            [b'-'] | [b'-', 0, ..] => Ok(LexEdge::Lowest),
            [b'+'] | [b'+', 0, ..] => Ok(LexEdge::Highest),
            _ => Err(Error::fixed("ERR min or max not valid string range item")),
        }
    }
}

impl<'a> LexRange<'a> {
    /// Reads both ends.
    pub fn parse(min: &'a [u8], max: &'a [u8]) -> Result<LexRange<'a>, Error> {
        Ok(LexRange { min: LexEdge::parse(min)?, max: LexEdge::parse(max)? })
    }

    /// Whether a text lies below the range.
    #[inline]
    fn is_above(&self, text: &[u8]) -> bool {
        match self.min {
            LexEdge::Lowest => false,
            LexEdge::Highest => true,
            LexEdge::Text { text: min, open: true } => text <= min,
            LexEdge::Text { text: min, open: false } => text < min,
        }
    }

    /// Whether a text does not lie above the range.
    #[inline]
    fn reaches(&self, text: &[u8]) -> bool {
        match self.max {
            LexEdge::Lowest => false,
            LexEdge::Highest => true,
            LexEdge::Text { text: max, open: true } => text < max,
            LexEdge::Text { text: max, open: false } => text <= max,
        }
    }

    /// Whether no text can lie in the range, seen from its ends alone.
    fn is_empty(&self) -> bool {
        match (self.min, self.max) {
            (LexEdge::Highest, _) | (_, LexEdge::Lowest) => true,
            (LexEdge::Lowest, _) | (_, LexEdge::Highest) => false,
            (
                LexEdge::Text { text: min, open: min_open },
                LexEdge::Text { text: max, open: max_open },
            ) => min > max || (min == max && (min_open || max_open)),
        }
    }
}

impl ZSetRef<'_> {
    /// The ranks of a range of scores.
    pub fn ranks_by_score(self, range: &ScoreRange) -> Range<usize> {
        let below = |score: f64| {
            if range.min.open { score <= range.min.score } else { score < range.min.score }
        };
        let within = |score: f64| {
            if range.max.open { score < range.max.score } else { score <= range.max.score }
        };
        let (start, end) = match self {
            ZSetRef::Ranked(set) => (set.count_scores(below), set.count_scores(within)),
            ZSetRef::Packed(_) => {
                let count = |holds: &dyn Fn(f64) -> bool| {
                    self.iter().take_while(|(_, score)| holds(*score)).count()
                };
                (count(&below), count(&within))
            }
        };
        start..end.max(start)
    }

    /// The ranks of a range of texts. It means something only where all scores are equal; where
    /// they are not, a listpack is searched from the end that `reverse` tells, as Redis does.
    pub fn ranks_by_lex(self, range: &LexRange<'_>, reverse: bool) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        let (start, end) = match self {
            ZSetRef::Ranked(set) => (
                set.count_where(|_, member| range.is_above(member)),
                set.count_where(|_, member| range.reaches(member)),
            ),
            ZSetRef::Packed(_) => return self.packed_ranks_by_lex(range, reverse),
        };
        start..end.max(start)
    }

    fn packed_ranks_by_lex(self, range: &LexRange<'_>, reverse: bool) -> Range<usize> {
        let len = self.len();
        let above = |item: &Item<'_>| item.with_text(|text| range.is_above(text));
        let reached = |item: &Item<'_>| item.with_text(|text| range.reaches(text));
        let ends = [self.nth(0), len.checked_sub(1).and_then(|last| self.nth(last))];
        let [Some((first, _)), Some((last, _))] = ends else { return 0..0 };
        if above(&last) || !reached(&first) {
            return 0..0;
        }
        if reverse {
            let skipped = self.range(0..len, true).take_while(|(item, _)| !reached(item)).count();
            let end = len - skipped;
            let taken = self.range(0..end, true).take_while(|(item, _)| !above(item)).count();
            return end - taken..end;
        }
        let start = self.iter().take_while(|(item, _)| above(item)).count();
        let taken = self.range(start..len, false).take_while(|(item, _)| reached(item)).count();
        start..start + taken
    }
}
