//! LOLWUT: a picture drawn by chance, and the version.

use crate::base::error::Error;
use crate::base::rng::Rng;
use crate::engine::args::Args;
use crate::engine::config::REDIS_VERSION;
use crate::engine::cx::{CmdResult, EngineCx, Outcome};
use crate::engine::spec::{Spec, cat, flag::*};

/// The family.
pub const SPECS: &[Spec] = &[Spec::engine("lolwut", -1, lolwut)
    .flags(READONLY | FAST)
    .acl(cat::READ)
    .since("5.0.0")
    .group("server")
    .summary("Draws a picture and tells the version.")];

/// Columns and rows.
#[derive(Clone, Copy)]
struct Size {
    columns: usize,
    rows: usize,
}

const COLUMNS_MAX: i64 = 1000;
const ROWS_MAX: i64 = 200;

fn lolwut(cx: &mut EngineCx<'_>, args: &mut Args<'_>) -> CmdResult {
    let size = size(args)?;
    let mut text = draw(&mut cx.engine.rng, size);
    text.push_str("Hills at night. Redis ver. ");
    text.push_str(REDIS_VERSION);
    text.push('\n');
    cx.out.verbatim(*b"txt", text.as_bytes());
    Ok(Outcome::Unchanged)
}

/// The pictures of versions 5 and 6 take numbers for their size, and refuse anything else; later
/// versions look at none.
fn size(args: &Args<'_>) -> Result<Size, Error> {
    const USUAL: Size = Size { columns: 66, rows: 12 };
    if args.len() < 3 || !args.is(1, "version") {
        return Ok(USUAL);
    }
    let numbers = match args.int(2)? {
        5 => 3,
        6 => 2,
        _ => 0,
    };
    let mut size = USUAL;
    for (i, place) in (3..args.len()).take(numbers).enumerate() {
        let number = args.int(place)?;
        match i {
            0 => size.columns = number.clamp(1, COLUMNS_MAX) as usize,
            _ => size.rows = number.clamp(1, ROWS_MAX) as usize,
        }
    }
    Ok(size)
}

/// Three ridges in front of each other under a few stars.
fn draw(rng: &mut Rng, size: Size) -> String {
    let Size { columns, rows } = size;
    let mut canvas = vec![vec![b' '; columns]; rows];
    for _ in 0..columns * rows / 30 {
        let (x, y) = (rng.below(columns as u64) as usize, rng.below(rows as u64) as usize);
        canvas[y][x] = if rng.below(4) == 0 { b'*' } else { b'.' };
    }
    for (ridge, shade) in (1..).zip(*b":%#") {
        let middle = (rows * ridge / 4) as i64;
        let mut height = middle;
        for x in 0..columns {
            let step = rng.below(3) as i64 - 1;
            height = (height + step).clamp(middle - 2, middle + 2);
            for row in canvas.iter_mut().skip(height.max(0) as usize) {
                row[x] = shade;
            }
        }
    }
    let mut text = String::with_capacity((columns + 1) * (rows + 2));
    for row in &canvas {
        text.extend(row.iter().map(|&byte| char::from(byte)));
        text.push('\n');
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_have_their_size_and_differ() {
        let mut rng = Rng::seeded(1);
        for (columns, rows) in [(1, 1), (66, 12), (3, 200), (1000, 2)] {
            let text = draw(&mut rng, Size { columns, rows });
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), rows + 1);
            assert!(lines[..rows].iter().all(|line| line.len() == columns));
        }
        let usual = Size { columns: 66, rows: 12 };
        assert_ne!(draw(&mut rng, usual), draw(&mut rng, usual));
    }
}
