//! GEOSEARCH and its older relatives: options, the search, the answer or the stored result.

use super::super::zset::{Gathered, store};
use super::long::LongSearch;
use super::{place_at, reply_distance, reply_place, unit_at};
use crate::base::double::parse_f64;
use crate::base::error::Error;
use crate::ds::geohash::{Cell, Place, Shape};
use crate::ds::listpack::Item;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome};
use crate::engine::work::LONG;
use crate::resp::reply::Reply;
use crate::value::reply_item;
use crate::value::zset::{ScoreEdge, ScoreRange, ZSet, ZSetRef};
use std::cmp::Ordering;
use std::ops::Range;

/// Where a command finds what it searches around.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    /// A place, a radius and a unit in front of the options.
    Place,
    /// A member, a radius and a unit in front of the options.
    Member,
    /// Options tell.
    Options,
}

/// What a command's name fixes.
#[derive(Clone, Copy)]
struct Form {
    around: Around,
    /// Place of the key that is searched.
    source: usize,
    /// Whether an option may name a key for the result.
    may_store: bool,
    /// GEOSEARCHSTORE: the first key takes the result.
    stores: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    None,
    Nearest,
    Farthest,
}

/// What a call asks for.
pub(super) struct Asked {
    middle: Option<Place>,
    /// The shape, sizes in units, and meters in a unit.
    shape: Option<(Shape, f64)>,
    from_member: bool,
    from_place: bool,
    distances: bool,
    hashes: bool,
    places: bool,
    any: bool,
    order: Order,
    /// 0 is all.
    count: usize,
    /// Place of the key for the result.
    store: Option<usize>,
    store_distances: bool,
}

/// One result.
struct Found<'a> {
    member: Item<'a>,
    score: f64,
    meters: f64,
}

/// Where to look.
pub(super) struct Scope {
    middle: Place,
    /// Sizes in meters.
    shape: Shape,
    /// The ranks of each cell.
    pub(super) ranks: Vec<Range<usize>>,
}

impl Scope {
    /// How many members are looked at.
    pub(super) fn size(&self) -> usize {
        self.ranks.iter().map(ExactSizeIterator::len).sum()
    }

    /// The distance of a member that lies inside.
    pub(super) fn reach(&self, score: f64) -> Option<f64> {
        self.shape.reach(self.middle, Place::of_score(score))
    }
}

fn place_of(set: ZSetRef<'_>, member: &[u8]) -> Result<Place, Error> {
    let score = set.score(member);
    let score = score.ok_or(Error::fixed("ERR could not decode requested zset member"))?;
    Ok(Place::of_score(score))
}

/// The size at place `i`, which `what` names.
fn size_at(args: &Args<'_>, i: usize, what: &str) -> Result<f64, Error> {
    parse_f64(args.get(i)).ok_or_else(|| Error::err(format!("need numeric {what}")))
}

/// A radius and its unit.
fn circle_at(args: &Args<'_>, i: usize) -> Result<(Shape, f64), Error> {
    let radius = size_at(args, i, "radius")?;
    if radius < 0.0 {
        return Err(Error::fixed("ERR radius cannot be negative"));
    }
    Ok((Shape::Circle(radius), unit_at(args, i + 1)?))
}

/// Width, height and their unit.
fn box_at(args: &Args<'_>, i: usize) -> Result<(Shape, f64), Error> {
    let (width, height) = (size_at(args, i, "width")?, size_at(args, i + 1, "height")?);
    if width < 0.0 || height < 0.0 {
        return Err(Error::fixed("ERR height or width cannot be negative"));
    }
    Ok((Shape::Box(width, height), unit_at(args, i + 2)?))
}

impl Asked {
    fn parse(form: Form, args: &Args<'_>, set: Option<ZSetRef<'_>>) -> Result<Asked, Error> {
        let mut asked = Asked {
            middle: None,
            shape: None,
            from_member: false,
            from_place: false,
            distances: false,
            hashes: false,
            places: false,
            any: false,
            order: Order::None,
            count: 0,
            store: form.stores.then_some(1),
            store_distances: false,
        };
        let options = match form.around {
            Around::Options => form.source + 1,
            Around::Place => {
                asked.middle = Some(place_at(args, 2)?);
                asked.shape = Some(circle_at(args, 4)?);
                6
            }
            Around::Member => {
                // Without a key only the options are looked at.
                if let Some(set) = set {
                    asked.middle = Some(place_of(set, args.get(2))?);
                    asked.shape = Some(circle_at(args, 3)?);
                }
                5
            }
        };
        let mut i = options;
        while i < args.len() {
            i = match asked.plain_option(form, args, i)? {
                Some(next) => next,
                None => asked.search_option(form, args, i, set)?,
            };
        }
        asked.check(form, args)?;
        Ok(asked)
    }

    /// Reads an option that every command has; gives the place behind it.
    fn plain_option(
        &mut self,
        form: Form,
        args: &Args<'_>,
        i: usize,
    ) -> Result<Option<usize>, Error> {
        let more = i + 1 < args.len();
        let word = args.get(i).to_ascii_lowercase();
        let storing = form.may_store && more;
        match &word[..] {
            b"withdist" => self.distances = true,
            b"withhash" => self.hashes = true,
            b"withcoord" => self.places = true,
            b"any" => self.any = true,
            b"asc" => self.order = Order::Nearest,
            b"desc" => self.order = Order::Farthest,
            b"count" if more => {
                const NOT_POSITIVE: Error = Error::fixed("ERR COUNT must be > 0");
                let count = usize::try_from(args.int(i + 1)?).map_err(|_| NOT_POSITIVE)?;
                if count == 0 {
                    return Err(NOT_POSITIVE);
                }
                self.count = count;
                return Ok(Some(i + 2));
            }
            b"store" | b"storedist" if storing => {
                self.store = Some(i + 1);
                self.store_distances = word == b"storedist";
                return Ok(Some(i + 2));
            }
            _ => return Ok(None),
        }
        Ok(Some(i + 1))
    }

    /// Reads an option of GEOSEARCH and GEOSEARCHSTORE alone; gives the place behind it.
    fn search_option(
        &mut self,
        form: Form,
        args: &Args<'_>,
        i: usize,
        set: Option<ZSetRef<'_>>,
    ) -> Result<usize, Error> {
        if form.around != Around::Options {
            return Err(Error::Syntax);
        }
        let behind = args.len() - i - 1;
        let word = args.get(i).to_ascii_lowercase();
        let by_radius = matches!(self.shape, Some((Shape::Circle(_), _)));
        let by_box = matches!(self.shape, Some((Shape::Box(..), _)));
        match &word[..] {
            b"frommember" if behind >= 1 && !self.from_place => {
                // Without a key the other options are still looked at.
                if let Some(set) = set {
                    self.middle = Some(place_of(set, args.get(i + 1))?);
                }
                self.from_member = true;
                Ok(i + 2)
            }
            b"fromlonlat" if behind >= 2 && !self.from_member => {
                self.middle = Some(place_at(args, i + 1)?);
                self.from_place = true;
                Ok(i + 3)
            }
            b"byradius" if behind >= 2 && !by_box => {
                self.shape = Some(circle_at(args, i + 1)?);
                Ok(i + 3)
            }
            b"bybox" if behind >= 3 && !by_radius => {
                self.shape = Some(box_at(args, i + 1)?);
                Ok(i + 4)
            }
            b"storedist" if form.stores => {
                self.store_distances = true;
                Ok(i + 1)
            }
            _ => Err(Error::Syntax),
        }
    }

    /// What the options must be together.
    fn check(&mut self, form: Form, args: &Args<'_>) -> Result<(), Error> {
        if self.store.is_some() && (self.distances || self.hashes || self.places) {
            let who = if form.stores { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(Error::err(format!(
                "{who} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        if form.around == Around::Options {
            let name = String::from_utf8_lossy(args.get(0));
            if !self.from_member && !self.from_place {
                return Err(Error::err(format!(
                    "exactly one of FROMMEMBER or FROMLONLAT can be specified for {name}"
                )));
            }
            if self.shape.is_none() {
                return Err(Error::err(format!(
                    "exactly one of BYRADIUS and BYBOX can be specified for {name}"
                )));
            }
        }
        if self.any && self.count == 0 {
            return Err(Error::fixed("ERR the ANY argument requires COUNT argument"));
        }
        // The nearest ones are meant, unless any will do.
        if self.count > 0 && self.order == Order::None && !self.any {
            self.order = Order::Nearest;
        }
        Ok(())
    }

    /// Where to look for what is asked; `None` where nothing was asked that can be found.
    fn scope(&self, set: ZSetRef<'_>) -> Option<Scope> {
        let (middle, (shape, unit)) = (self.middle?, self.shape?);
        let shape = match shape {
            Shape::Circle(radius) => Shape::Circle(radius * unit),
            Shape::Box(width, height) => Shape::Box(width * unit, height * unit),
        };
        let ranks = |cell: &Cell| {
            let (first, end) = cell.scores();
            let min = ScoreEdge { score: first as f64, open: false };
            let max = ScoreEdge { score: end as f64, open: true };
            set.ranks_by_score(&ScoreRange { min, max })
        };
        let ranks = shape.cells(middle).iter().map(ranks).collect();
        Some(Scope { middle, shape, ranks })
    }

    /// How many results there may be before they are sorted.
    pub(super) fn most(&self) -> usize {
        if self.any { self.count } else { usize::MAX }
    }

    pub(super) fn stores(&self) -> bool {
        self.store.is_some()
    }

    /// The order of two distances; `None` when the order of the search is asked.
    pub(super) fn order(&self) -> Option<fn(&f64, &f64) -> Ordering> {
        match self.order {
            Order::None => None,
            Order::Nearest => Some(f64::total_cmp),
            Order::Farthest => Some(|a, b| b.total_cmp(a)),
        }
    }

    /// How many of the results, which are sorted, are wanted.
    pub(super) fn wanted(&self, found: usize) -> usize {
        if self.count > 0 { self.count.min(found) } else { found }
    }

    /// The score to store for a result.
    pub(super) fn stored_score(&self, score: f64, meters: f64) -> f64 {
        if self.store_distances { meters / self.unit() } else { score }
    }

    fn search<'a>(&self, set: ZSetRef<'a>, scope: &Scope) -> Vec<Found<'a>> {
        let mut found = Vec::new();
        for ranks in &scope.ranks {
            for (member, score) in set.range(ranks.clone(), false) {
                if found.len() >= self.most() {
                    break;
                }
                if let Some(meters) = scope.reach(score) {
                    found.push(Found { member, score, meters });
                }
            }
        }
        if let Some(order) = self.order() {
            found.sort_by(|a, b| order(&a.meters, &b.meters));
        }
        found.truncate(self.wanted(found.len()));
        found
    }

    fn unit(&self) -> f64 {
        self.shape.map_or(1.0, |(_, unit)| unit)
    }

    /// Answers with one result.
    pub(super) fn say(&self, out: &mut Reply, member: Item<'_>, score: f64, meters: f64) {
        let extras = [self.distances, self.hashes, self.places];
        let extras = extras.iter().filter(|asked| **asked).count();
        if extras > 0 {
            out.array(1 + extras);
        }
        reply_item(out, member);
        if self.distances {
            reply_distance(out, meters / self.unit());
        }
        if self.hashes {
            out.int(score as i64);
        }
        if self.places {
            reply_place(out, Place::of_score(score));
        }
    }
}

impl Form {
    fn run(self, cx: &mut DataCx<'_>, args: &Args<'_>) -> CmdResult {
        let set = cx.keys.read::<ZSet>(args.get(self.source))?;
        let asked = Asked::parse(self, args, set)?;
        let scope = set.and_then(|set| asked.scope(set));
        let event =
            if self.around == Around::Options { "geosearchstore" } else { "georadiusstore" };
        let long = scope.as_ref().is_some_and(|s| s.size() >= LONG && asked.most() >= LONG);
        if let (true, Some(scope), Some(ZSetRef::Ranked(_))) = (long, &scope, set) {
            // Cells are taken off the end.
            let ranks = scope.ranks.iter().rev().cloned().collect();
            let scope = Scope { ranks, ..*scope };
            let key = args.get(self.source);
            let lease = if asked.stores() { cx.keys.hold(key) } else { cx.keys.lease(key, false) };
            let target = asked.store.map(|i| (args.get(i).to_vec(), event));
            let search = LongSearch::new(lease, asked, scope, target);
            return Ok(Outcome::Enter(Box::new(search)));
        }
        let found = match (set, &scope) {
            (Some(set), Some(scope)) => asked.search(set, scope),
            _ => Vec::new(),
        };
        let Some(target) = asked.store else {
            cx.out.array(found.len());
            for one in &found {
                asked.say(cx.out, one.member, one.score, one.meters);
            }
            return Ok(Outcome::Unchanged);
        };
        let mut result = Gathered::default();
        for one in &found {
            result.push(one.member, asked.stored_score(one.score, one.meters));
        }
        // Cells that meet round the globe show a member twice.
        result.join(|first, _| first);
        result.sort();
        let changes = result.len() as u64;
        let result = result.into_zset(cx.limits);
        store(cx, args.get(target), result, event, changes)
    }
}

const fn form(around: Around, may_store: bool) -> Form {
    Form { around, source: 1, may_store, stores: false }
}

pub(super) fn georadius(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Around::Place, true).run(cx, args)
}

pub(super) fn georadius_ro(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Around::Place, false).run(cx, args)
}

pub(super) fn georadiusbymember(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Around::Member, true).run(cx, args)
}

pub(super) fn georadiusbymember_ro(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Around::Member, false).run(cx, args)
}

pub(super) fn geosearch(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    form(Around::Options, false).run(cx, args)
}

pub(super) fn geosearchstore(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    Form { around: Around::Options, source: 2, may_store: false, stores: true }.run(cx, args)
}
