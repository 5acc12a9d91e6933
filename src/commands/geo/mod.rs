//! Places on the earth as members of a sorted set: the specs of the family and its plain commands.
//!
//! A place is a score of 52 bits (`ds::geohash`), so everything that works on sorted sets works
//! on places too.

mod long;
mod search;

use super::expire::propagating;
use super::zset::add::{Rules, add_pairs};
use crate::base::double::{LongDouble, parse_f64};
use crate::base::error::Error;
use crate::ds::geohash::Place;
use crate::engine::args::Args;
use crate::engine::cx::{CmdResult, DataCx, Outcome, Propagate};
use crate::engine::keyspec::{Begin, KeySpec};
use crate::engine::spec::{Spec, cat, flag};
use crate::resp::reply::Reply;
use crate::resp::request::Argv;
use crate::value::zset::ZSet;

const READ: u32 = flag::READONLY;
const GROW: u32 = flag::WRITE | flag::DENYOOM;

const READ_KEY: &[KeySpec] = &[KeySpec::at(1).ro().access()];

/// The key behind a word of the options.
const fn named(word: &'static str, from: i32) -> KeySpec {
    KeySpec { begin: Begin::Keyword(word, from), ..KeySpec::at(1).ow().update() }
}

const fn geo(spec: Spec) -> Spec {
    spec.acl(cat::GEO).group("geo")
}

/// The commands of this family.
pub const SPECS: &[Spec] = &[
    geo(Spec::data("geoadd", -5, geoadd).flags(GROW))
        .keys(&[KeySpec::at(1).rw().update()])
        .since("3.2.0")
        .summary("Gives members their places on the earth."),
    geo(Spec::data("geodist", -4, geodist).flags(READ))
        .keys(READ_KEY)
        .since("3.2.0")
        .summary("Tells how far two members are from each other."),
    geo(Spec::data("geohash", -2, geohash).flags(READ))
        .keys(READ_KEY)
        .since("3.2.0")
        .summary("Gives places as geohash texts."),
    geo(Spec::data("geopos", -2, geopos).flags(READ))
        .keys(READ_KEY)
        .since("3.2.0")
        .summary("Gives places as longitude and latitude."),
    geo(Spec::data("georadius", -6, search::georadius).flags(GROW | flag::MOVABLEKEYS))
        .keys(&[KeySpec::at(1).ro().access(), named("STORE", 6), named("STOREDIST", 6)])
        .since("3.2.0")
        .summary("Gives or stores the members within a radius of a place."),
    geo(Spec::data("georadius_ro", -6, search::georadius_ro).flags(READ))
        .keys(READ_KEY)
        .since("3.2.10")
        .summary("Gives the members within a radius of a place."),
    geo(Spec::data("georadiusbymember", -5, search::georadiusbymember)
        .flags(GROW | flag::MOVABLEKEYS))
    .keys(&[KeySpec::at(1).ro().access(), named("STORE", 5), named("STOREDIST", 5)])
    .since("3.2.0")
    .summary("Gives or stores the members within a radius of a member."),
    geo(Spec::data("georadiusbymember_ro", -5, search::georadiusbymember_ro).flags(READ))
        .keys(READ_KEY)
        .since("3.2.10")
        .summary("Gives the members within a radius of a member."),
    geo(Spec::data("geosearch", -7, search::geosearch).flags(READ))
        .keys(READ_KEY)
        .since("6.2.0")
        .summary("Gives the members within a circle or a box."),
    geo(Spec::data("geosearchstore", -8, search::geosearchstore).flags(GROW))
        .keys(&[KeySpec::at(1).ow().update(), KeySpec::at(2).ro().access()])
        .since("6.2.0")
        .summary("Stores the members within a circle or a box."),
];

/// The longitude and latitude at place `i`.
fn place_at(args: &Args<'_>, i: usize) -> Result<Place, Error> {
    let number = |i: usize| parse_f64(args.get(i)).ok_or(Error::NotFloat);
    let place = Place { longitude: number(i)?, latitude: number(i + 1)? };
    if !place.is_valid() {
        let Place { longitude, latitude } = place;
        return Err(Error::err(format!(
            "invalid longitude,latitude pair {longitude:.6},{latitude:.6}"
        )));
    }
    Ok(place)
}

/// Meters in the unit at place `i`.
fn unit_at(args: &Args<'_>, i: usize) -> Result<f64, Error> {
    match args.get(i) {
        word if word.eq_ignore_ascii_case(b"m") => Ok(1.0),
        word if word.eq_ignore_ascii_case(b"km") => Ok(1000.0),
        word if word.eq_ignore_ascii_case(b"ft") => Ok(0.3048),
        word if word.eq_ignore_ascii_case(b"mi") => Ok(1609.34),
        _ => Err(Error::fixed("ERR unsupported unit provided. please use M, KM, FT, MI")),
    }
}

/// A distance with four digits behind the point, a string in either protocol.
fn reply_distance(out: &mut Reply, distance: f64) {
    let scaled = (distance * 10_000.0).round_ties_even() as u64;
    out.bulk(format!("{}.{:04}", scaled / 10_000, scaled % 10_000).as_bytes());
}

fn reply_place(out: &mut Reply, place: Place) {
    out.array(2);
    for degrees in [place.longitude, place.latitude] {
        out.double_text(LongDouble::from_f64(degrees).format_human().as_bytes());
    }
}

fn geoadd(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let mut rules = Rules::default();
    let mut first = 2;
    while first < args.len() {
        match args.get(first) {
            word if word.eq_ignore_ascii_case(b"nx") => rules.nx = true,
            word if word.eq_ignore_ascii_case(b"xx") => rules.xx = true,
            word if word.eq_ignore_ascii_case(b"ch") => rules.ch = true,
            _ => break,
        }
        first += 1;
    }
    let words = args.len() - first;
    if words == 0 || !words.is_multiple_of(3) || rules.nx && rules.xx {
        return Err(Error::Syntax);
    }
    let triples = (first..args.len()).step_by(3);
    let scores: Vec<f64> = triples
        .map(|i| place_at(args, i).map(|place| place.score() as f64))
        .collect::<Result<_, _>>()?;
    let pairs =
        || scores.iter().enumerate().map(|(n, score)| (*score, args.get(first + 3 * n + 2)));
    let done = add_pairs(&mut cx.keys, cx.limits, args.get(1), pairs(), rules)?;
    cx.out.int(done.count(rules));
    if !done.changed() {
        return Ok(Outcome::Unchanged);
    }
    if !propagating(&mut cx.keys) {
        return Ok(Outcome::Changed(Propagate::Nothing));
    }
    let mut argv = Argv::from_slices(&[b"zadd"]);
    (1..first).for_each(|i| argv.push(args.get(i)));
    for (score, member) in pairs() {
        argv.push(itoa::Buffer::new().format(score as u64).as_bytes());
        argv.push(member);
    }
    Ok(Outcome::Changed(Propagate::As(argv)))
}

fn geodist(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let unit = match args.len() {
        4 => 1.0,
        5 => unit_at(args, 4)?,
        _ => return Err(Error::Syntax),
    };
    let set = cx.keys.read::<ZSet>(args.get(1))?;
    let place = |i: usize| set.and_then(|set| set.score(args.get(i))).map(Place::of_score);
    match (place(2), place(3)) {
        (Some(a), Some(b)) => reply_distance(cx.out, a.distance(b) / unit),
        _ => cx.out.null(),
    }
    Ok(Outcome::Unchanged)
}

fn geohash(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let set = cx.keys.read::<ZSet>(args.get(1))?;
    cx.out.array(args.len() - 2);
    for i in 2..args.len() {
        match set.and_then(|set| set.score(args.get(i))) {
            Some(score) => cx.out.bulk(&Place::of_score(score).text()),
            None => cx.out.null(),
        }
    }
    Ok(Outcome::Unchanged)
}

fn geopos(cx: &mut DataCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let set = cx.keys.read::<ZSet>(args.get(1))?;
    cx.out.array(args.len() - 2);
    for i in 2..args.len() {
        match set.and_then(|set| set.score(args.get(i))) {
            Some(score) => reply_place(cx.out, Place::of_score(score)),
            None => cx.out.null_array(),
        }
    }
    Ok(Outcome::Unchanged)
}
